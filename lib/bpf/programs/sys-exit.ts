import { BPF_FUNC_get_current_uid_gid } from '../../abi/bpf';
import { call, jumpIf32, load, store } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { emitSample, fillHeader, headerOf, keepContext, OUT } from './sample-header';
import {
  ENTER,
  ENTRY_TIMES,
  EXIT,
  EXIT_RET,
  loadNumber,
  noteEntry,
  storeArguments,
  storeLatency,
  syscallKind,
} from './system-calls';

const layout = () =>
  defineLayout([
    ...headerOf('sys_exit'),
    /** The name of the system call; a number for a call that is not known here. See `sys_enter`. */
    { name: 'syscall', kind: syscallKind() },
    /** The user of the process. */
    { name: 'uid', kind: 'u32' },
    /** The result: -1 to -4095 is an errno, negated. */
    { name: 'ret', kind: 'i64' },
    /** How long the call took; 0 (unknown) for a call that began before the program was attached. */
    { name: 'latency_ns', kind: 'u64' },
    /** The arguments, as the registers hold them when the call ends: execve has cleared them. */
    { name: 'args', kind: 'u64[6]' },
  ]);

/**
 * One sample at the end of each system call.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/trace/events/syscalls.h
 */
export const sysExit = builtinProgram({
  name: 'sys_exit',
  description: 'a system call ends; with its result and how long it took',
  attach: EXIT,
  layout,
  options: ['syscall'],
  map: () => ENTRY_TIMES,
  beginning: { attach: ENTER, lines: noteEntry },
  lines: ({ maps, scope, place }) => [
    keepContext(),
    ...loadNumber(place.scratch),
    ...(scope.syscall === undefined ? [] : [jumpIf32('r7', '!=', scope.syscall, OUT)]),
    ...fillHeader(place, scope, maps),
    store('u32', place.base, place.offset('syscall'), 'r7'),
    call(BPF_FUNC_get_current_uid_gid),
    store('u32', place.base, place.offset('uid'), 'r0'),
    load('u64', 'r0', 'r6', EXIT_RET),
    store('u64', place.base, place.offset('ret'), 'r0'),
    ...storeLatency(maps, place),
    ...storeArguments(place),
    ...emitSample(maps, place),
  ],
});
