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
  load,
  loadImmediate64,
  loadMapFd,
  mov,
  mov32,
  store,
} from '../instructions';
import type { PidNamespace } from '../../host/namespaces';
import type { ProcessIdentity } from '../../host/process-identity';
import type { FieldDefinition } from '../../layout/sample-layout';
import type { SampleScope } from './builtin-program';

/**
 * time is CLOCK_MONOTONIC in nanoseconds; tid is the thread; pid the process, which the kernel calls tgid. In a PID
 * namespace that is not the initial one both are numbers of that namespace, and 0 where the thread is outside it or in
 * a nested one.
 */
export const SAMPLE_HEADER = [
  { name: 'time', kind: 'u64' },
  { name: 'tid', kind: 'u32' },
  { name: 'pid', kind: 'u32' },
  { name: 'comm', kind: 'char[16]' },
] as const satisfies readonly FieldDefinition[];

/** Bytes of {@link SAMPLE_HEADER}: where a program's own fields begin. */
export const SAMPLE_HEADER_BYTES = 32;

const TIME = 0;
/** bpf_get_current_pid_tgid() is tgid << 32 | tid: little-endian, that is tid, then pid, as in struct bpf_pidns_info. */
const TID = 8;
const PID = 12;
const PIDNS_INFO_BYTES = 8;
const COMM = 16;
const COMM_BYTES = 16;

/** The end of the program; jump here to send nothing. */
export const OUT = 'out';

/**
 * Leaves for {@link OUT} when the process is not asked for; else fills in the header.
 * @param at where the sample begins, from r10: a negative multiple of 8
 */
export function beginSample(at: number, { namespace, only, except }: SampleScope): Line[] {
  return [
    mov('r6', 'r1'),
    ...(namespace === null
      ? [call(abi.BPF_FUNC_get_current_pid_tgid), store('u64', 'r10', at + TID, 'r0')]
      : numbersIn(namespace, at + TID)),
    ...(only === undefined ? [] : leaveIf('!=', only, namespace, at)),
    ...(except === undefined ? [] : leaveIf('==', except, namespace, at)),
    // Here the process is known also where it is in a nested namespace.
    ...(only === undefined ? [] : [store('u32', 'r10', at + PID, only.tgidHere)]),
    call(abi.BPF_FUNC_ktime_get_ns),
    store('u64', 'r10', at + TIME, 'r0'),
    mov('r1', 'r10'),
    add('r1', at + COMM),
    mov('r2', COMM_BYTES),
    call(abi.BPF_FUNC_get_current_comm),
  ];
}

/** r0 = the thread's number as the header has it, after {@link beginSample}. */
export function loadTid(at: number): Line {
  return load('u32', 'r0', 'r10', at + TID);
}

/** Stores the numbers of this thread in the namespace, or zeros when it is in another. @param to from r10 */
function numbersIn({ device, inode }: PidNamespace, to: number): Line[] {
  return [
    loadImmediate64('r1', device),
    loadImmediate64('r2', inode),
    mov('r3', 'r10'),
    add('r3', to),
    mov('r4', PIDNS_INFO_BYTES),
    call(abi.BPF_FUNC_get_ns_current_pid_tgid),
  ];
}

/** @param namespace that numbers the processes in the header */
function leaveIf(
  comparison: '==' | '!=',
  process: ProcessIdentity,
  namespace: PidNamespace | null,
  at: number,
): Line[] {
  const isNested = process.namespace !== null && process.namespace.inode !== namespace?.inode;
  // The name is not there yet, so its place is free.
  const numbers = process.namespace !== null && isNested ? numbersIn(process.namespace, at + COMM) : [];
  const from = isNested ? at + COMM + PID - TID : at + PID;
  return [...numbers, load('u32', 'r0', 'r10', from), jumpIf32('r0', comparison, process.tgid, OUT)];
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
