import { BPF_FUNC_get_current_uid_gid } from '../../abi/bpf';
import { call, jumpIf32, load, store } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { mayReadKernel } from './kernel-types';
import { emitSample, fillHeader, headerOf, keepContext, OUT } from './sample-header';
import { ENTER, ENTER_ID, storeArguments, syscallKind } from './system-calls';

const layout = () =>
  defineLayout([
    ...headerOf('sys_enter'),
    /**
     * The name of the system call; a number for a call that is not known here, -1 when a tracer cancelled the call.
     * Numbers of 32-bit processes are taken for those of 64-bit ones.
     */
    { name: 'syscall', kind: syscallKind() },
    /** The user of the process. */
    { name: 'uid', kind: 'u32' },
    /** The arguments, as the registers hold them; 0 (unknown) under lockdown=confidentiality. */
    { name: 'args', kind: 'u64[6]' },
  ]);

/**
 * One sample at the start of each system call.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/trace/events/syscalls.h
 */
export const sysEnter = builtinProgram({
  name: 'sys_enter',
  description: 'a system call starts; with its arguments',
  attach: ENTER,
  layout,
  options: ['syscall'],
  lines: ({ maps, scope, place }) => [
    keepContext(),
    load('u64', 'r7', 'r6', ENTER_ID),
    ...(scope.syscall === undefined ? [] : [jumpIf32('r7', '!=', scope.syscall, OUT)]),
    ...fillHeader(place, scope, maps),
    store('u32', place.base, place.offset('syscall'), 'r7'),
    call(BPF_FUNC_get_current_uid_gid),
    store('u32', place.base, place.offset('uid'), 'r0'),
    ...(mayReadKernel() ? storeArguments(place) : []),
    ...emitSample(maps, place),
  ],
});
