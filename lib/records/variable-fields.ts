import {
  PERF_FORMAT_GROUP,
  PERF_FORMAT_ID,
  PERF_FORMAT_LOST,
  PERF_FORMAT_TOTAL_TIME_ENABLED,
  PERF_FORMAT_TOTAL_TIME_RUNNING,
  PERF_SAMPLE_BRANCH_COUNTERS,
  PERF_SAMPLE_BRANCH_HW_INDEX,
  PERF_SAMPLE_REGS_ABI_NONE,
} from '../abi/perf-event';
import type { RecordBytes } from './record-bytes';

/**
 * The fields of a sample whose length depends on the record: their lengths and contents. A size from the record is
 * checked against the record's end before bytes are read or copied by it.
 *
 * @see perf_output_sample() in https://github.com/torvalds/linux/blob/v6.12/kernel/events/core.c
 */

/** The attributes that determine the layout of these fields. */
export interface VariableFieldFormat {
  /** attr.read_format: PERF_FORMAT_*. */
  readonly readFormat: number;
  /** attr.branch_sample_type: PERF_SAMPLE_BRANCH_*. */
  readonly branchSampleType: number;
}

// ---------------------------------------------------------------------- PERF_SAMPLE_READ

/** One counter in {@link ReadValues}. */
export interface ReadValue {
  readonly value: bigint;
  /** PERF_FORMAT_ID: id of the event. */
  readonly id: bigint | undefined;
  /** PERF_FORMAT_LOST: number of lost samples. */
  readonly lost: bigint | undefined;
}

/** Counter values, as read(2) returns them. */
export interface ReadValues {
  /** PERF_FORMAT_TOTAL_TIME_ENABLED: nanoseconds. */
  readonly timeEnabled: bigint | undefined;
  /** PERF_FORMAT_TOTAL_TIME_RUNNING: nanoseconds. */
  readonly timeRunning: bigint | undefined;
  /** One counter, or with PERF_FORMAT_GROUP all counters of the group, the leader first. */
  readonly values: readonly ReadValue[];
}

const bit = (bits: number, mask: number): number => ((bits & mask) === 0 ? 0 : 1);

/** Number of 64-bit words of struct read_format that occur once. */
function timeWords(readFormat: number): number {
  return bit(readFormat, PERF_FORMAT_TOTAL_TIME_ENABLED) + bit(readFormat, PERF_FORMAT_TOTAL_TIME_RUNNING);
}

/** Number of 64-bit words of struct read_format for each counter. */
function valueWords(readFormat: number): number {
  return 1 + bit(readFormat, PERF_FORMAT_ID) + bit(readFormat, PERF_FORMAT_LOST);
}

/** Bytes of struct read_format without PERF_FORMAT_GROUP. */
export function singleReadBytes(readFormat: number): number {
  return 8 * (timeWords(readFormat) + valueWords(readFormat));
}

/** Bytes of struct read_format with PERF_FORMAT_GROUP: head (`nr` and the times), and entry of each counter. */
export function groupReadSizes(readFormat: number): { headBytes: number; entryBytes: number } {
  return { headBytes: 8 * (1 + timeWords(readFormat)), entryBytes: 8 * valueWords(readFormat) };
}

export function groupReadBytes(
  record: RecordBytes,
  offset: number,
  { readFormat }: VariableFieldFormat,
): number {
  const { headBytes, entryBytes } = groupReadSizes(readFormat);
  return headBytes + record.count(offset) * entryBytes;
}

/**
 *     struct read_format {
 *       { u64 value;
 *         { u64 time_enabled; } && PERF_FORMAT_TOTAL_TIME_ENABLED
 *         { u64 time_running; } && PERF_FORMAT_TOTAL_TIME_RUNNING
 *         { u64 id;           } && PERF_FORMAT_ID
 *         { u64 lost;         } && PERF_FORMAT_LOST
 *       } && !PERF_FORMAT_GROUP
 *
 *       { u64 nr;
 *         { u64 time_enabled; } && PERF_FORMAT_TOTAL_TIME_ENABLED
 *         { u64 time_running; } && PERF_FORMAT_TOTAL_TIME_RUNNING
 *         { u64 value;
 *           { u64 id;   } && PERF_FORMAT_ID
 *           { u64 lost; } && PERF_FORMAT_LOST
 *         } cntr[nr];
 *       } && PERF_FORMAT_GROUP
 *     };
 */
export function decodeRead(
  record: RecordBytes,
  offset: number,
  { readFormat }: VariableFieldFormat,
): ReadValues {
  const isGroup = (readFormat & PERF_FORMAT_GROUP) !== 0;
  let at = offset;
  const word = (): bigint => {
    at += 8;
    return record.u64(at - 8);
  };
  const wordIf = (mask: number): bigint | undefined => ((readFormat & mask) === 0 ? undefined : word());
  const count = isGroup ? record.count(offset) : 1;
  // The first word is `nr` of a group; without a group it is the value, which comes before the times.
  const first = word();
  const timeEnabled = wordIf(PERF_FORMAT_TOTAL_TIME_ENABLED);
  const timeRunning = wordIf(PERF_FORMAT_TOTAL_TIME_RUNNING);
  record.need(at, 8 * (count * valueWords(readFormat) - (isGroup ? 0 : 1)));
  const values = Array.from({ length: count }, () => ({
    value: isGroup ? word() : first,
    id: wordIf(PERF_FORMAT_ID),
    lost: wordIf(PERF_FORMAT_LOST),
  }));
  return { timeEnabled, timeRunning, values };
}

// ---------------------------------------------------------------------- PERF_SAMPLE_CALLCHAIN

export function callchainBytes(record: RecordBytes, offset: number): number {
  return 8 + record.count(offset) * 8;
}

/**
 *     { u64 nr;
 *       u64 ips[nr]; } && PERF_SAMPLE_CALLCHAIN
 */
export function decodeCallchain(record: RecordBytes, offset: number): BigUint64Array {
  return record.words(offset + 8, record.count(offset));
}

// ---------------------------------------------------------------------- PERF_SAMPLE_RAW

export function rawBytes(record: RecordBytes, offset: number): number {
  return 4 + record.u32(offset);
}

/**
 *     { u32  size;
 *       char data[size]; } && PERF_SAMPLE_RAW
 */
export function decodeRaw(record: RecordBytes, offset: number): Uint8Array {
  return record.bytes(offset + 4, record.u32(offset));
}

// ---------------------------------------------------------------------- PERF_SAMPLE_BRANCH_STACK

/** struct perf_branch_entry. */
export interface BranchEntry {
  readonly from: bigint;
  readonly to: bigint;
  /** The target was mispredicted; also false when the hardware does not report it. */
  readonly mispredicted: boolean;
  /** The target was predicted; also false when the hardware does not report it. */
  readonly predicted: boolean;
  /** The branch was in a hardware transaction. */
  readonly inTransaction: boolean;
  /** The branch is the abort of a transaction. */
  readonly abort: boolean;
  /** CPU cycles since the previous branch; 0 when the hardware does not report them. */
  readonly cycles: number;
  /** PERF_BR_*; if it is PERF_BR_EXTEND_ABI, the type is in {@link newType}. */
  readonly type: number;
  /** PERF_BR_SPEC_*. */
  readonly spec: number;
  /** PERF_BR_NEW_*. */
  readonly newType: number;
  /** PERF_BR_PRIV_*. */
  readonly priv: number;
  /** PERF_SAMPLE_BRANCH_COUNTERS: counts since the previous branch, in the CPU's packed format. */
  readonly counters: bigint | undefined;
}

/** The last branches taken, newest first. */
export interface BranchStack {
  /** PERF_SAMPLE_BRANCH_HW_INDEX: index of the newest branch in the hardware; all bits set when unknown. */
  readonly hwIndex: bigint | undefined;
  readonly entries: readonly BranchEntry[];
}

const BRANCH_ENTRY_BYTES = 24;

function hasHwIndex({ branchSampleType }: VariableFieldFormat): boolean {
  return (branchSampleType & PERF_SAMPLE_BRANCH_HW_INDEX) !== 0;
}

/** Bytes of each branch, its counters included. */
function bytesPerBranch({ branchSampleType }: VariableFieldFormat): number {
  return BRANCH_ENTRY_BYTES + 8 * bit(branchSampleType, PERF_SAMPLE_BRANCH_COUNTERS);
}

export function branchStackBytes(
  record: RecordBytes,
  offset: number,
  format: VariableFieldFormat,
  fits: (length: number) => boolean,
): number {
  const count = record.count(offset);
  if (!hasHwIndex(format)) return 8 + count * bytesPerBranch(format);
  // When the hardware has no branch stack, the kernel writes `nr` only, without the index.
  if (count === 0 && !fits(16)) return 8;
  return 16 + count * bytesPerBranch(format);
}

/**
 *     { u64 nr;
 *       { u64 hw_idx; } && PERF_SAMPLE_BRANCH_HW_INDEX
 *       { u64 from, to, flags; } lbr[nr];
 *       { u64 counters; } cntr[nr] && PERF_SAMPLE_BRANCH_COUNTERS
 *     } && PERF_SAMPLE_BRANCH_STACK
 *
 *     flags: mispred:1, predicted:1, in_tx:1, abort:1, cycles:16, type:4, spec:2, new_type:4, priv:3
 */
export function decodeBranchStack(
  record: RecordBytes,
  offset: number,
  format: VariableFieldFormat,
  fits: (length: number) => boolean,
): BranchStack {
  const count = record.count(offset);
  const isIndexed = hasHwIndex(format) && (count > 0 || fits(16));
  const start = offset + (isIndexed ? 16 : 8);
  record.need(start, count * bytesPerBranch(format));
  const counters = start + count * BRANCH_ENTRY_BYTES;
  const hasCounters = (format.branchSampleType & PERF_SAMPLE_BRANCH_COUNTERS) !== 0;
  const entries = Array.from({ length: count }, (_, index): BranchEntry => {
    const at = start + index * BRANCH_ENTRY_BYTES;
    const low = record.u32(at + 16);
    const high = record.u32(at + 20);
    return {
      from: record.u64(at),
      to: record.u64(at + 8),
      mispredicted: (low & 1) !== 0,
      predicted: (low & 2) !== 0,
      inTransaction: (low & 4) !== 0,
      abort: (low & 8) !== 0,
      cycles: (low >>> 4) & 0xffff,
      type: (low >>> 20) & 0xf,
      spec: (low >>> 24) & 0x3,
      newType: (low >>> 26) & 0xf,
      // The three bits of `priv` span both words.
      priv: ((low >>> 30) & 0x3) | ((high & 0x1) << 2),
      counters: hasCounters ? record.u64(counters + index * 8) : undefined,
    };
  });
  return { hwIndex: isIndexed ? record.u64(offset + 8) : undefined, entries };
}

// ---------------------------------------------------------------------- PERF_SAMPLE_REGS_USER, PERF_SAMPLE_REGS_INTR

/** Values of a thread's registers: a copy. */
export class Registers {
  /**
   * @param abi PERF_SAMPLE_REGS_ABI_32 or PERF_SAMPLE_REGS_ABI_64; or PERF_SAMPLE_REGS_ABI_NONE when there are no
   *   values, since a kernel thread has no user registers
   * @param mask attr.sample_regs_user or attr.sample_regs_intr: one bit per register, PERF_REG_* of asm/perf_regs.h
   * @param values of the registers in the mask, lowest register number first
   */
  constructor(
    readonly abi: number,
    readonly mask: bigint,
    readonly values: BigUint64Array,
  ) {}

  /**
   * Returns the value of one register; undefined if it was not sampled.
   * @param register PERF_REG_* of asm/perf_regs.h, 0 to 63; on x86, 7 is the stack pointer, 8 the instruction pointer
   */
  get(register: number): bigint | undefined {
    if (!Number.isInteger(register) || register < 0 || register > 63) return undefined;
    const bitOfRegister = 1n << BigInt(register);
    if ((this.mask & bitOfRegister) === 0n) return undefined;
    return this.values[bitCount(this.mask & (bitOfRegister - 1n))];
  }
}

export function bitCount(bits: bigint): number {
  let count = 0;
  for (let rest = bits; rest !== 0n; rest &= rest - 1n) count++;
  return count;
}

export function registersBytes(record: RecordBytes, offset: number, count: number): number {
  return 8 + (record.u64(offset) === BigInt(PERF_SAMPLE_REGS_ABI_NONE) ? 0 : count * 8);
}

/**
 *     { u64 abi; # enum perf_sample_regs_abi
 *       u64 regs[weight(mask)]; } && PERF_SAMPLE_REGS_USER, PERF_SAMPLE_REGS_INTR
 */
export function decodeRegisters(record: RecordBytes, offset: number, mask: bigint): Registers {
  const abi = Number(record.u64(offset));
  const count = abi === PERF_SAMPLE_REGS_ABI_NONE ? 0 : bitCount(mask);
  return new Registers(abi, mask, record.words(offset + 8, count));
}

// ---------------------------------------------------------------------- PERF_SAMPLE_STACK_USER

/** A copy of the top of the user stack. */
export interface UserStack {
  /** The bytes that the kernel copied, from the stack pointer upwards. */
  readonly bytes: Uint8Array;
  /** Bytes reserved for the stack in the record, at most attr.sample_stack_user; 0 for a kernel thread. */
  readonly size: number;
}

export function userStackBytes(record: RecordBytes, offset: number): number {
  const size = record.count(offset);
  return size === 0 ? 8 : 16 + size;
}

/**
 *     { u64  size;
 *       char data[size];
 *       u64  dyn_size; } && PERF_SAMPLE_STACK_USER
 *
 * Without a stack, `size` is 0 and there is no `dyn_size`.
 */
export function decodeUserStack(record: RecordBytes, offset: number): UserStack {
  const size = record.count(offset);
  if (size === 0) return { bytes: new Uint8Array(0), size };
  const dynSize = record.count(offset + 8 + size);
  if (dynSize > size) throw record.damaged(offset + 8, dynSize);
  return { bytes: record.bytes(offset + 8, dynSize), size };
}

// ---------------------------------------------------------------------- PERF_SAMPLE_AUX

export function auxBytes(record: RecordBytes, offset: number): number {
  return 8 + record.count(offset);
}

/**
 *     { u64  size;
 *       char data[size]; } && PERF_SAMPLE_AUX
 */
export function decodeAux(record: RecordBytes, offset: number): Uint8Array {
  return record.bytes(offset + 8, record.count(offset));
}
