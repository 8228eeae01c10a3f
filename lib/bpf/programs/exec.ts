import * as abi from '../../abi/bpf';
import { add, call, jump, jumpIf, label, type Line, load, loadMapFd, mov, store, sub } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { pointTo, readWord, storeTaskIds } from './kernel-memory';
import { memberOffset } from './kernel-types';
import {
  endProgram,
  fillHeader,
  headerOf,
  keepContext,
  OUT,
  outputSample,
  type SamplePlace,
} from './sample-header';

const FILENAME_BYTES = 256;
/** Most bytes of the arguments. */
const ARGS_BYTES = 1024;

const layout = () =>
  defineLayout([
    ...headerOf('exec'),
    /** The user of the process. */
    { name: 'uid', kind: 'u32' },
    /** The process that started it. */
    { name: 'ppid', kind: 'u32' },
    /** Bytes of `args`. */
    { name: 'args_size', kind: 'u32' },
    /** The file name that was passed to execve, cut to 255 bytes. */
    { name: 'filename', kind: `char[${FILENAME_BYTES}]` },
    /** The arguments, separated by spaces, as `ps` shows them; cut to 1,024 bytes. */
    { name: 'args', kind: 'char[args_size]' },
  ]);

/** Arguments of the raw tracepoint: (struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm). */
const TASK = 0;
const PROGRAM = 16;

/**
 * One sample for each successful execve, with its parent and its arguments. `comm` is the new name.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/trace/events/sched.h TRACE_EVENT(sched_process_exec)
 */
export const exec = builtinProgram({
  name: 'exec',
  description: 'a process starts a new program; with parent and arguments',
  attach: { kind: 'raw_tracepoint', name: 'sched_process_exec' },
  layout,
  needsKernelTypes: true,
  base: 'r9',
  map: (sampleBytes) => ({
    type: abi.BPF_MAP_TYPE_PERCPU_ARRAY,
    keySize: 4,
    valueSize: sampleBytes + ARGS_BYTES,
    maxEntries: 1,
    name: 'sample',
  }),
  lines: ({ maps, scope, place }) => {
    const { base, at, size, offset, scratch } = place;
    return [
      keepContext(),
      // r9 = the sample. The kernel runs a program once at a time on each CPU.
      store('u32', 'r10', scratch, 0),
      loadMapFd('r1', maps.own as number),
      ...pointTo('r2', 'r10', scratch),
      call(abi.BPF_FUNC_map_lookup_elem),
      jumpIf('r0', '==', 0, OUT),
      mov('r9', 'r0'),
      ...fillHeader(place, scope, maps),
      call(abi.BPF_FUNC_get_current_uid_gid),
      store('u32', base, offset('uid'), 'r0'),
      load('u64', 'r7', 'r6', TASK),
      ...readWord('r7', 'r7', memberOffset('task_struct', 'real_parent'), scratch),
      ...storeTaskIds('pid', 'r7', scope.namespace, base, offset('ppid'), scratch),
      load('u64', 'r7', 'r6', PROGRAM),
      ...readWord('r7', 'r7', memberOffset('linux_binprm', 'filename'), scratch),
      ...pointTo('r1', base, offset('filename')),
      mov('r2', FILENAME_BYTES),
      mov('r3', 'r7'),
      call(abi.BPF_FUNC_probe_read_kernel_str),
      ...readArguments(place),
      mov('r5', 'r7'),
      add('r5', size),
      ...outputSample(maps, base, at, 'r5'),
      ...endProgram(),
    ];
  },
});

/** Copies the arguments from the memory of the new program, separated by spaces. r7 = their bytes. */
function readArguments({ base, offset, scratch }: SamplePlace): Line[] {
  const to = offset('args');
  return [
    load('u64', 'r8', 'r6', TASK),
    ...readWord('r8', 'r8', memberOffset('task_struct', 'mm'), scratch),
    ...readWord('r7', 'r8', memberOffset('mm_struct', 'arg_end'), scratch),
    ...readWord('r8', 'r8', memberOffset('mm_struct', 'arg_start'), scratch),
    // The last byte is the NUL of the last argument.
    sub('r7', 'r8'),
    jumpIf('r7', '==', 0, 'copied'),
    sub('r7', 1),
    jumpIf('r7', '<=', ARGS_BYTES, 'short enough'),
    mov('r7', ARGS_BYTES),
    label('short enough'),
    ...pointTo('r1', base, to),
    mov('r2', 'r7'),
    mov('r3', 'r8'),
    call(abi.BPF_FUNC_probe_read_user),
    jumpIf('r0', '==', 0, 'copied'),
    mov('r7', 0),
    label('copied'),
    store('u32', base, offset('args_size'), 'r7'),
    mov('r8', 0),
    label('next byte'),
    jumpIf('r8', '>=', 'r7', 'all bytes'),
    mov('r1', base),
    add('r1', 'r8'),
    load('u8', 'r0', 'r1', to),
    jumpIf('r0', '!=', 0, 'no end'),
    store('u8', 'r1', to, ' '.charCodeAt(0)),
    label('no end'),
    add('r8', 1),
    jump('next byte'),
    label('all bytes'),
  ];
}
