/**
 * The common part of the built-in programs: the first fields of every sample, and the instructions that fill them and
 * write the sample.
 *
 * Between {@link beginSample} and {@link emitSample}, r6 is the program's context; r0 to r5 and r7 to r9 are free.
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
 * `time` is CLOCK_MONOTONIC in nanoseconds, `tid` the id of the thread, and `pid` the id of the process, which the
 * kernel calls tgid. When this process is in a PID namespace other than the initial one, both are ids of that
 * namespace, and 0 for threads outside it or in a nested one.
 */
export const SAMPLE_HEADER = [
  { name: 'time', kind: 'u64' },
  { name: 'tid', kind: 'u32' },
  { name: 'pid', kind: 'u32' },
  { name: 'comm', kind: 'char[16]' },
] as const satisfies readonly FieldDefinition[];

/** The size of {@link SAMPLE_HEADER} in bytes. The other fields of a program begin at this offset. */
export const SAMPLE_HEADER_BYTES = 32;

const TIME = 0;
/**
 * bpf_get_current_pid_tgid() returns tgid << 32 | tid. In little-endian memory tid comes first, as in struct
 * bpf_pidns_info.
 */
const TID = 8;
const PID = 12;
const PIDNS_INFO_BYTES = 8;
const COMM = 16;
const COMM_BYTES = 16;

/** The label at the end of the program. A jump to it skips writing the sample. */
export const OUT = 'out';

/**
 * Fills in the header, or jumps to {@link OUT} when the process should not be sampled.
 * @param at the offset of the sample from r10: a negative multiple of 8
 */
export function beginSample(at: number, { namespace, only, except }: SampleScope): Line[] {
  return [
    mov('r6', 'r1'),
    ...(namespace === null
      ? [call(abi.BPF_FUNC_get_current_pid_tgid), store('u64', 'r10', at + TID, 'r0')]
      : numbersIn(namespace, at + TID)),
    ...(only === undefined ? [] : leaveIf('!=', only, namespace, at)),
    ...(except === undefined ? [] : leaveIf('==', except, namespace, at)),
    // With `only` the process's id is known, even when the process is in a nested namespace.
    ...(only === undefined ? [] : [store('u32', 'r10', at + PID, only.tgidHere)]),
    call(abi.BPF_FUNC_ktime_get_ns),
    store('u64', 'r10', at + TIME, 'r0'),
    mov('r1', 'r10'),
    add('r1', at + COMM),
    mov('r2', COMM_BYTES),
    call(abi.BPF_FUNC_get_current_comm),
  ];
}

/** r0 = the field `tid` of the header. Use it after {@link beginSample}. */
export function loadTid(at: number): Line {
  return load('u32', 'r0', 'r10', at + TID);
}

/** Stores the ids of the running thread in a namespace, or zeros when it is not in it. @param to offset from r10 */
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

/**
 * Jumps to {@link OUT} when the comparison with the process is true. @param namespace the one of the ids in the header
 */
function leaveIf(
  comparison: '==' | '!=',
  process: ProcessIdentity,
  namespace: PidNamespace | null,
  at: number,
): Line[] {
  const isNested = process.namespace !== null && process.namespace.inode !== namespace?.inode;
  // The field `comm` has not been written yet, so its bytes can be used.
  const numbers = process.namespace !== null && isNested ? numbersIn(process.namespace, at + COMM) : [];
  const from = isNested ? at + COMM + PID - TID : at + PID;
  return [...numbers, load('u32', 'r0', 'r10', from), jumpIf32('r0', comparison, process.tgid, OUT)];
}

/**
 * Writes the sample to the event in this CPU's slot and ends the program. The kernel counts samples that it can't write
 * (PERF_FORMAT_LOST of the event).
 * @param at the offset of the sample from r10, where it ends; all its bytes must have been written
 */
export function emitSample(map: { readonly fd: number }, at: number): Line[] {
  return [
    mov('r1', 'r6'),
    loadMapFd('r2', map.fd),
    // mov32 and not mov, which would sign-extend the flags to other ones: the helper would return EINVAL.
    mov32('r3', abi.BPF_F_CURRENT_CPU),
    mov('r4', 'r10'),
    add('r4', at),
    mov('r5', -at),
    call(abi.BPF_FUNC_perf_event_output),
    label(OUT),
    mov('r0', 0),
    exit(),
  ];
}
