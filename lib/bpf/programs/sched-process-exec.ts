import { BPF_FUNC_get_current_uid_gid, BPF_FUNC_probe_read_kernel_str } from '../../abi/bpf';
import type { PidNamespace } from '../../host/namespaces';
import { add, and, call, jumpIf32, label, type Line, load, mov, store, zeroStack } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { beginSample, emitSample, loadTid, SAMPLE_HEADER, SAMPLE_HEADER_BYTES } from './sample-header';

const FILENAME_BYTES = 256;

const layout = () =>
  defineLayout([
    ...SAMPLE_HEADER,
    /** The user of the process. */
    { name: 'uid', kind: 'u32' },
    /**
     * The id of the thread that called execve. It differs from `pid` when it was not the main thread; then it is 0 in a
     * PID namespace other than the initial one, where the id is unknown.
     */
    { name: 'old_pid', kind: 'u32' },
    /** The file name that was passed to execve, cut to 255 bytes. */
    { name: 'filename', kind: `char[${FILENAME_BYTES}]` },
  ]);

/** Fields of the tracepoint: __data_loc char[] filename, pid_t pid, pid_t old_pid, after 8 common bytes. */
const DATA_LOC_FILENAME = 8;
const PID = 12;
const OLD_PID = 16;
/** A __data_loc word: the low half is the offset of the data from the context, the high half its length. */
const DATA_LOC_OFFSET_MASK = 0xffff;

/** Offset of the file name in the sample. */
const FILENAME = SAMPLE_HEADER_BYTES + 8;

/**
 * One sample for each successful execve. `comm` is the new name.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/trace/events/sched.h TRACE_EVENT(sched_process_exec)
 */
export const schedProcessExec = builtinProgram({
  name: 'sched_process_exec',
  description: 'a process starts a new program; with its file name',
  attach: { kind: 'tracepoint', category: 'sched', name: 'sched_process_exec' },
  layout,
  options: ['tgid', 'excludeTgid'],
  lines: (map, scope, at) => [
    ...beginSample(at, scope),
    call(BPF_FUNC_get_current_uid_gid),
    store('u32', 'r10', at + SAMPLE_HEADER_BYTES, 'r0'),
    ...oldPid(scope.namespace, at),
    // Clear the rest of the field after the string, so that it does not contain old bytes of the stack.
    ...zeroStack(at + FILENAME, FILENAME_BYTES),
    load('u32', 'r3', 'r6', DATA_LOC_FILENAME),
    and('r3', DATA_LOC_OFFSET_MASK),
    add('r3', 'r6'),
    mov('r1', 'r10'),
    add('r1', at + FILENAME),
    mov('r2', FILENAME_BYTES),
    call(BPF_FUNC_probe_read_kernel_str),
    ...emitSample(map, at),
  ],
});

/** The tracepoint has ids of the initial namespace. In another one only the id of the running thread is known. */
function oldPid(namespace: PidNamespace | null, at: number): Line[] {
  const to = at + SAMPLE_HEADER_BYTES + 4;
  if (namespace === null) return [load('u32', 'r1', 'r6', OLD_PID), store('u32', 'r10', to, 'r1')];
  return [
    loadTid(at),
    load('u32', 'r1', 'r6', OLD_PID),
    load('u32', 'r2', 'r6', PID),
    jumpIf32('r1', '==', 'r2', 'same thread'),
    mov('r0', 0),
    label('same thread'),
    store('u32', 'r10', to, 'r0'),
  ];
}
