import { BPF_FUNC_get_current_uid_gid, BPF_FUNC_probe_read_kernel_str } from '../../abi/bpf';
import type { PidNamespace } from '../../host/namespaces';
import { add, and, call, jumpIf32, label, type Line, load, mov, store } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { pointTo } from './kernel-memory';
import { emitSample, fillHeader, headerOf, keepContext, loadTid, type SamplePlace } from './sample-header';

const FILENAME_BYTES = 256;

const layout = () =>
  defineLayout([
    ...headerOf('sched_process_exec'),
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

/**
 * One sample for each successful execve. `comm` is the new name. `exec` tells more; this one needs no kernel types.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/trace/events/sched.h TRACE_EVENT(sched_process_exec)
 */
export const schedProcessExec = builtinProgram({
  name: 'sched_process_exec',
  description: 'a process starts a new program; with its file name',
  attach: { kind: 'tracepoint', category: 'sched', name: 'sched_process_exec' },
  layout,
  lines: ({ maps, scope, place }) => [
    keepContext(),
    ...fillHeader(place, scope, maps),
    call(BPF_FUNC_get_current_uid_gid),
    store('u32', place.base, place.offset('uid'), 'r0'),
    ...oldPid(scope.namespace, place),
    load('u32', 'r3', 'r6', DATA_LOC_FILENAME),
    and('r3', DATA_LOC_OFFSET_MASK),
    add('r3', 'r6'),
    ...pointTo('r1', place.base, place.offset('filename')),
    mov('r2', FILENAME_BYTES),
    call(BPF_FUNC_probe_read_kernel_str),
    ...emitSample(maps, place),
  ],
});

/** The tracepoint has ids of the initial namespace. In another one only the id of the running thread is known. */
function oldPid(namespace: PidNamespace | null, place: SamplePlace): Line[] {
  const to = place.offset('old_pid');
  if (namespace === null) return [load('u32', 'r1', 'r6', OLD_PID), store('u32', place.base, to, 'r1')];
  return [
    loadTid('r0', place),
    load('u32', 'r1', 'r6', OLD_PID),
    load('u32', 'r2', 'r6', PID),
    jumpIf32('r1', '==', 'r2', 'same thread'),
    mov('r0', 0),
    label('same thread'),
    store('u32', place.base, to, 'r0'),
  ];
}
