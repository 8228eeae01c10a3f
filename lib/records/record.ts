import type { PerfRecord } from './perf-record';
import type { RecordFields } from './sample-fields';

/**
 * Reads a payload. For a sample, the payload is the bytes that the program passed to bpf_perf_event_output, padded by
 * the kernel so that the length modulo 8 is 4; for other records, the bytes after the 8-byte header. Offsets are bytes
 * from the start of the payload. Every read is little-endian, may be unaligned, and throws ERR_PERF_OUT_OF_RANGE when
 * it exceeds the payload.
 */
export interface RecordPayload {
  /** Payload length, bytes. */
  readonly size: number;

  /** Unsigned byte. */
  u8(offset: number): number;
  /** Signed byte. */
  i8(offset: number): number;
  /** Unsigned integer of 2 bytes. */
  u16(offset: number): number;
  /** Signed integer of 2 bytes. */
  i16(offset: number): number;
  /** Unsigned integer of 4 bytes. */
  u32(offset: number): number;
  /** Signed integer of 4 bytes. */
  i32(offset: number): number;
  /** Floating-point number of 4 bytes. */
  f32(offset: number): number;
  /** Floating-point number of 8 bytes. */
  f64(offset: number): number;
  /** Unsigned integer of 8 bytes, exact. Allocates a bigint: about 13 ns. */
  u64(offset: number): bigint;
  /** Signed integer of 8 bytes, exact. Allocates a bigint. */
  i64(offset: number): bigint;
  /** Unsigned integer of 8 bytes as a number. @throws PerfRingError ERR_PERF_UNSAFE_INTEGER when it exceeds 2^53 - 1 */
  u64AsNumber(offset: number): number;
  /** String in a char[length] field: UTF-8 up to the first NUL. Strings of 16-byte fields (comm) are cached. */
  string(offset: number, length: number): string;
  /**
   * Fills `target` with payload bytes from `offset` (default 0) on.
   * @throws PerfRingError ERR_PERF_OUT_OF_RANGE when offset + target.length exceeds the payload,
   *   ERR_PERF_INVALID_ARGUMENT
   */
  copyTo(target: Uint8Array, offset?: number): void;
  /**
   * A copy of the payload, valid as long as you keep it. A copy of 65 to 8192 bytes may be a view of memory that it
   * shares with copies of other payloads, of 32 KiB at most: while you keep it, that memory is kept, and its `buffer`
   * can't be transferred to another thread. `bytes().slice()` has memory of its own; `copyTo()` takes yours.
   */
  bytes(): Uint8Array;
}

/**
 * A record lent to a visitor. It can be read until the visitor returns (or, without a visitor, until the next record is
 * read or the batch ends). The same object serves every record: keep values or copies, not the record.
 *
 * A sample without PERF_SAMPLE_RAW has an empty payload; the kernel's other data is in the fields.
 */
export interface RingRecord extends RecordPayload, RecordFields {
  /** PERF_RECORD_*; 9 is PERF_RECORD_SAMPLE, 2 PERF_RECORD_LOST. */
  readonly type: number;
  /** header.misc. */
  readonly misc: number;
  /** CPU number of the ring, or the label the ring was given; -1 by default. */
  readonly cpu: number;
  /** True when a reader in time order had already delivered a record of a later time. */
  readonly late: boolean;

  /**
   * Time of the record, nanoseconds: PERF_SAMPLE_TIME, or the payload field of the ring's option `timeInPayload`; for
   * records other than samples, the time in struct sample_id. Undefined when there is none.
   */
  readonly time: bigint | undefined;
  /**
   * A copy of the record with all its fields.
   * @throws PerfRingError ERR_PERF_RECORD_DAMAGED; ERR_PERF_OUT_OF_RANGE when the record is no longer valid;
   *   ERR_PERF_NOT_SUPPORTED for a record of a ring buffer map, which has no header
   */
  decode(): PerfRecord;
  /** header.size: bytes of the whole record, header included; 0 for a record of a ring buffer map. */
  readonly recordSize: number;
  /**
   * A copy of the whole record, header included, in the form of a perf.data file.
   * @throws PerfRingError ERR_PERF_OUT_OF_RANGE when the record is no longer valid; ERR_PERF_NOT_SUPPORTED for a record
   *   of a ring buffer map
   */
  recordBytes(): Uint8Array;
  /**
   * Copies the whole record, header included, into `target` from byte `offset` (default 0) on.
   * @returns bytes copied: {@link recordSize}
   * @throws PerfRingError ERR_PERF_OUT_OF_RANGE when `target` has no room for it or the record is no longer valid;
   *   ERR_PERF_INVALID_ARGUMENT; ERR_PERF_NOT_SUPPORTED for a record of a ring buffer map
   */
  copyRecordTo(target: Uint8Array, offset?: number): number;

  /** Number of lost records that a PERF_RECORD_LOST reports; 0 for other records. */
  readonly lost: number;
}

/**
 * A visitor returns it to end the visit after this record. The records after it stay in their rings.
 *
 * ```ts
 * reader.drain((record) => (record.u32(0) === wanted ? STOP : undefined));
 * ```
 */
export const STOP: unique symbol = Symbol.for('perfring.stop') as never;

/**
 * What a visitor may return: {@link STOP}, or any other value, which is ignored. Promises are not allowed: a record is
 * valid until the visitor returns, and an async function returns before it has finished reading.
 */
export type VisitResult =
  | typeof STOP
  // biome-ignore lint/suspicious/noConfusingVoidType: a function declared to return void is a visitor, too
  | void
  | null
  | {
      /** Excludes promises. */
      readonly then?: never;
      /** Every value except null and undefined has it. */
      toString(): string;
    };

/** Called for each record, in order, until it returns {@link STOP}. */
export type RecordVisitor = (record: RingRecord) => VisitResult;
