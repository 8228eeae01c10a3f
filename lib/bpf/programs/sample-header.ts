/**
 * The common part of the built-in programs: the first fields of every sample, and the instructions that fill them and
 * write the sample.
 *
 * {@link keepContext} comes first: from then on r6 is the program's context. Between {@link fillHeader} and
 * {@link emitSample} r0 to r5, r7 and r8 are free. r9 points to a sample that lies in a map.
 */

import * as abi from '../../abi/bpf';
import {
  call,
  exit,
  jumpIf,
  jumpIf32,
  label,
  type Line,
  load,
  loadImmediate64,
  loadMapFd,
  mov,
  mov32,
  type Register,
  store,
} from '../instructions';
import type { PidNamespace } from '../../host/namespaces';
import type { ProcessIdentity } from '../../host/process-identity';
import type { FieldDefinition, SampleLayout } from '../../layout/sample-layout';
import { pointTo } from './kernel-memory';
import type { MapFds, SampleScope } from './builtin-program';

/** The number of each program, in the field `program` of its samples. */
const PROGRAM_NUMBERS = {
  sched_switch: 1,
  sched_process_exec: 2,
  sys_enter: 3,
  sys_exit: 4,
  exec: 5,
  exit: 6,
  open: 7,
  connect: 8,
  accept: 9,
  block_io: 10,
} as const;

export type ProgramName = keyof typeof PROGRAM_NUMBERS;

/**
 * The first fields of the samples of a program.
 *
 * `time` is CLOCK_MONOTONIC in nanoseconds, `tid` the id of the thread, and `pid` the id of the process, which the
 * kernel calls tgid. When this process is in a PID namespace other than the initial one, both are ids of that
 * namespace, and 0 for threads outside it or in a nested one. `program` tells the samples of several programs apart.
 */
export function headerOf<const Name extends ProgramName>(program: Name) {
  const number = { [program]: PROGRAM_NUMBERS[program] } as unknown as { readonly [One in Name]: number };
  return [
    { name: 'time', kind: 'u64' },
    { name: 'tid', kind: 'u32' },
    { name: 'pid', kind: 'u32' },
    { name: 'comm', kind: 'char[16]' },
    { name: 'program', kind: { enum: number } },
  ] as const satisfies readonly FieldDefinition[];
}

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
const PROGRAM = 32;

/** Where a program makes its sample: on the stack, or in the value of a map that r9 points to. */
export interface SamplePlace {
  readonly program: ProgramName;
  readonly base: 'r10' | 'r9';
  /** Offset of the sample from the base, bytes. */
  readonly at: number;
  /** Bytes of the sample, without a last field of variable length. */
  readonly size: number;
  /** Offset of a field from the base, bytes. */
  offset(field: string): number;
  /** Offset from r10 of {@link SCRATCH_BYTES} for results of helpers. */
  readonly scratch: number;
}

/** Bytes on the stack in addition to the sample. */
const SCRATCH_BYTES = 32;

export function placeOf(
  program: ProgramName,
  layout: SampleLayout<unknown>,
  base: 'r10' | 'r9',
): SamplePlace {
  const stackBytes = base === 'r10' ? layout.size + (-layout.size & 7) : 0;
  const at = -stackBytes;
  const offsets = new Map(layout.fields.map((field) => [field.name, at + field.offset]));
  return {
    program,
    base,
    at: at === 0 ? 0 : at,
    size: layout.size,
    offset: (field) => offsets.get(field) as number,
    scratch: at - SCRATCH_BYTES,
  };
}

/** The label at the end of the program. A jump to it skips writing the sample. */
export const OUT = 'out';

/** r6 = the program's context. */
export function keepContext(): Line {
  return mov('r6', 'r1');
}

/**
 * Fills in the header and clears the other fields, or jumps to {@link OUT} when the running process should not be sampled.
 */
export function fillHeader(place: SamplePlace, scope: SampleScope, maps: MapFds): Line[] {
  const { base, at, size, program } = place;
  const { namespace, only, except, comm, uid } = scope;
  return [
    ...(namespace === null
      ? [call(abi.BPF_FUNC_get_current_pid_tgid), store('u64', base, at + TID, 'r0')]
      : numbersIn(namespace, base, at + TID)),
    ...(only === undefined ? [] : leaveIf('!=', only, namespace, base, at)),
    ...(except === undefined ? [] : leaveIf('==', except, namespace, base, at)),
    // With `only` the process's id is known, even when the process is in a nested namespace.
    ...(only === undefined ? [] : [store('u32', base, at + PID, only.tgidHere)]),
    ...(uid === undefined
      ? []
      : [call(abi.BPF_FUNC_get_current_uid_gid), mov32('r1', uid), jumpIf32('r0', '!=', 'r1', OUT)]),
    ...(maps.cgroup === undefined ? [] : leaveUnlessIn(maps.cgroup)),
    ...pointTo('r1', base, at + COMM),
    mov('r2', COMM_BYTES),
    call(abi.BPF_FUNC_get_current_comm),
    ...(comm === undefined ? [] : leaveUnlessNamed(comm, base, at + COMM)),
    call(abi.BPF_FUNC_ktime_get_ns),
    store('u64', base, at + TIME, 'r0'),
    // All other bytes become 0: the verifier refuses to send bytes that were never written.
    ...zeros(base, at + PROGRAM, size - PROGRAM),
    store('u32', base, at + PROGRAM, PROGRAM_NUMBERS[program]),
  ];
}

function zeros(base: 'r10' | 'r9', from: number, bytes: number): Line[] {
  return Array.from({ length: Math.ceil(bytes / 8) }, (_, index) => store('u64', base, from + index * 8, 0));
}

/** register = the field `tid`. Use it after {@link fillHeader}. */
export function loadTid(register: Register, { base, at }: SamplePlace): Line {
  return load('u32', register, base, at + TID);
}

/** register = the field `time`. Use it after {@link fillHeader}. */
export function loadTime(register: Register, { base, at }: SamplePlace): Line {
  return load('u64', register, base, at + TIME);
}

/** Stores the ids of the running thread in a namespace, or zeros when it is not in it. @param to offset from the base */
function numbersIn({ device, inode }: PidNamespace, base: 'r10' | 'r9', to: number): Line[] {
  return [
    loadImmediate64('r1', device),
    loadImmediate64('r2', inode),
    ...pointTo('r3', base, to),
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
  base: 'r10' | 'r9',
  at: number,
): Line[] {
  const isNested = process.namespace !== null && process.namespace.inode !== namespace?.inode;
  // The field `comm` has not been written yet, so its bytes can be used.
  const numbers = process.namespace !== null && isNested ? numbersIn(process.namespace, base, at + COMM) : [];
  const from = isNested ? at + COMM + PID - TID : at + PID;
  return [...numbers, load('u32', 'r0', base, from), jumpIf32('r0', comparison, process.tgid, OUT)];
}

/** Jumps to {@link OUT} unless the running thread is in the cgroup in slot 0 of the map, or below it. */
function leaveUnlessIn(cgroupMap: number): Line[] {
  return [
    loadMapFd('r1', cgroupMap),
    mov('r2', 0),
    call(abi.BPF_FUNC_current_task_under_cgroup),
    // 1: in it; 0: not; negative: an error.
    jumpIf('r0', '!=', 1, OUT),
  ];
}

/** Jumps to {@link OUT} unless the field `comm` has this name. The kernel fills the field with zeros after the name. */
function leaveUnlessNamed(name: string, base: 'r10' | 'r9', at: number): Line[] {
  const bytes = Buffer.alloc(COMM_BYTES);
  bytes.write(name, 'utf8');
  return [0, 8].flatMap((offset) => [
    loadImmediate64('r1', bytes.readBigUInt64LE(offset)),
    load('u64', 'r0', base, at + offset),
    jumpIf('r0', '!=', 'r1', OUT),
  ]);
}

/** Writes the sample, and ends the program. All its bytes must have been written. */
export function emitSample(maps: MapFds, { base, at, size }: SamplePlace): Line[] {
  return [...outputSample(maps, base, at, size), ...endProgram()];
}

/**
 * Writes a sample to the event in this CPU's slot. The kernel counts samples that it can't write (PERF_FORMAT_LOST of
 * the event).
 * @param size bytes, or the register that holds them
 */
export function outputSample(maps: MapFds, base: Register, at: number, size: number | Register): Line[] {
  return [
    mov('r5', size),
    ...pointTo('r4', base, at),
    mov('r1', 'r6'),
    loadMapFd('r2', maps.output),
    // mov32 and not mov, which would sign-extend the flags to other ones: the helper would return EINVAL.
    mov32('r3', abi.BPF_F_CURRENT_CPU),
    call(abi.BPF_FUNC_perf_event_output),
  ];
}

/** The end of every program. */
export function endProgram(): Line[] {
  return [label(OUT), mov('r0', 0), exit()];
}
