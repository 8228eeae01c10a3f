/**
 * What the built-in programs share: the fields every sample begins with, and the instructions that fill them in
 * and send the sample off.
 *
 * Registers between the two: r6 is the program's context; r0 to r5 and r7 to r9 are free.
 */

import * as abi from '../../abi/bpf';
import {
  add,
  call,
  exit,
  jumpIf32,
  label,
  type Line,
  loadMapFd,
  mov,
  mov32,
  shiftRight,
  store,
} from '../instructions';
import type { FieldDefinition } from '../../layout/sample-layout';
import type { BuiltinOptions } from './builtin-program';

/** time is CLOCK_MONOTONIC in nanoseconds; tid is the thread; pid the process, which the kernel calls tgid. */
export const SAMPLE_HEADER = [
  { name: 'time', kind: 'u64' },
  { name: 'tid', kind: 'u32' },
  { name: 'pid', kind: 'u32' },
  { name: 'comm', kind: 'char[16]' },
] as const satisfies readonly FieldDefinition[];

/** Bytes of {@link SAMPLE_HEADER}: where a program's own fields begin. */
export const SAMPLE_HEADER_BYTES = 32;

const TIME = 0;
/** The helper's u64 is tgid << 32 | tid: little-endian, that is tid, then pid. */
const TID_AND_PID = 8;
const COMM = 16;
const COMM_BYTES = 16;

/** The end of the program; jump here to send nothing. */
export const OUT = 'out';

/**
 * Leaves for {@link OUT} when the process is not asked for; else fills in the header.
 * @param at where the sample begins, from r10: a negative multiple of 8
 */
export function beginSample(at: number, options: BuiltinOptions): Line[] {
  return [
    mov('r6', 'r1'),
    call(abi.BPF_FUNC_get_current_pid_tgid),
    store('u64', 'r10', at + TID_AND_PID, 'r0'),
    ...filterProcess(options),
    call(abi.BPF_FUNC_ktime_get_ns),
    store('u64', 'r10', at + TIME, 'r0'),
    mov('r1', 'r10'),
    add('r1', at + COMM),
    mov('r2', COMM_BYTES),
    call(abi.BPF_FUNC_get_current_comm),
  ];
}

function filterProcess({ tgid, excludeTgid }: BuiltinOptions): Line[] {
  if (tgid === undefined && excludeTgid === undefined) return [];
  return [
    shiftRight('r0', 32),
    ...(tgid === undefined ? [] : [jumpIf32('r0', '!=', tgid, OUT)]),
    ...(excludeTgid === undefined ? [] : [jumpIf32('r0', '==', excludeTgid, OUT)]),
  ];
}

/**
 * Writes the sample to the slot of this CPU and ends the program. A failure is the kernel's to count: the event's
 * PERF_FORMAT_LOST.
 * @param at where the sample begins, from r10
 * @param bytes all of them written before
 */
export function emitSample(map: { readonly fd: number }, at: number, bytes: number): Line[] {
  return [
    mov('r1', 'r6'),
    loadMapFd('r2', map.fd),
    // 32 bits: sign-extended to 64 the flags would be others, and the helper answers EINVAL.
    mov32('r3', abi.BPF_F_CURRENT_CPU),
    mov('r4', 'r10'),
    add('r4', at),
    mov('r5', bytes),
    call(abi.BPF_FUNC_perf_event_output),
    label(OUT),
    mov('r0', 0),
    exit(),
  ];
}
