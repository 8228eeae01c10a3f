import { BPF_FUNC_get_current_uid_gid } from '../../abi/bpf';
import { call, jumpIf, load, store } from '../instructions';
import { defineLayout } from '../../layout/sample-layout';
import { builtinProgram } from './builtin-program';
import { beginSample, emitSample, OUT, SAMPLE_HEADER, SAMPLE_HEADER_BYTES } from './sample-header';

const layout = () =>
  defineLayout([
    ...SAMPLE_HEADER,
    /** The number of the system call in <asm/unistd.h>; -1 when a tracer cancelled the call. */
    { name: 'syscall', kind: 'i32' },
    /** The user of the process. */
    { name: 'uid', kind: 'u32' },
  ]);

/** Arguments of the raw tracepoint, 8 bytes each: (struct pt_regs *regs, long id). */
const ID = 8;

/**
 * One sample at the start of each system call.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/trace/events/syscalls.h
 */
export const sysEnter = builtinProgram({
  name: 'sys_enter',
  description: 'a system call starts',
  attach: { kind: 'raw_tracepoint', name: 'sys_enter' },
  layout,
  options: ['tgid', 'excludeTgid', 'syscall'],
  lines: (map, scope, at) => [
    ...beginSample(at, scope),
    load('u64', 'r7', 'r6', ID),
    ...(scope.syscall === undefined ? [] : [jumpIf('r7', '!=', scope.syscall, OUT)]),
    store('u32', 'r10', at + SAMPLE_HEADER_BYTES, 'r7'),
    call(BPF_FUNC_get_current_uid_gid),
    store('u32', 'r10', at + SAMPLE_HEADER_BYTES + 4, 'r0'),
    ...emitSample(map, at),
  ],
});
