import type { PerfRecord } from './perf-record';
import type { RecordFields } from './sample-fields';

/**
 * Reads of a payload. Offsets count from its start: for a sample the bytes the program gave to bpf_perf_event_output (padded by
 * the kernel to 4 mod 8), for other records what follows the 8-byte header. Every read is little-endian, may be unaligned,
 * and throws ERR_PERF_OUT_OF_RANGE when it would leave the payload.
 */
export interface RecordPayload {
  /** Payload length, bytes. */
  readonly size: number;

  /** An unsigned byte. */
  u8(offset: number): number;
  /** A signed byte. */
  i8(offset: number): number;
  /** An unsigned number of 2 bytes. */
  u16(offset: number): number;
  /** A signed number of 2 bytes. */
  i16(offset: number): number;
  /** An unsigned number of 4 bytes. */
  u32(offset: number): number;
  /** A signed number of 4 bytes. */
  i32(offset: number): number;
  /** A float of 4 bytes. */
  f32(offset: number): number;
  /** A double of 8 bytes. */
  f64(offset: number): number;
  /** Exact 64-bit value. Allocates a bigint: about 13 ns. */
  u64(offset: number): bigint;
  /** Exact signed 64-bit value. Allocates a bigint. */
  i64(offset: number): bigint;
  /** As a number. @throws PerfRingError ERR_PERF_UNSAFE_INTEGER when it exceeds 2^53 - 1 */
  u64AsNumber(offset: number): number;
  /** A fixed char[length] field: UTF-8 up to the first NUL. Fields of 16 bytes (comm) are cached. */
  string(offset: number, length: number): string;
  /**
   * Copies payload bytes from `offset` into the whole of `target`.
   * @throws PerfRingError ERR_PERF_OUT_OF_RANGE when offset + target.length leaves the payload
   */
  copyTo(target: Uint8Array, offset?: number): void;
  /** A copy of the payload that is yours to keep. */
  bytes(): Uint8Array;
}

/**
 * A record lent to a visitor: readable in place until the visitor returns (or, in a batch, until the next record).
 * The same object is lent for every record, so keep values, never the record.
 *
 * A sample without PERF_SAMPLE_RAW has an empty payload; what else the kernel wrote is in the fields.
 */
export interface RingRecord extends RecordPayload, RecordFields {
  /** PERF_RECORD_*; 9 is PERF_RECORD_SAMPLE, 2 PERF_RECORD_LOST. */
  readonly type: number;
  /** header.misc. */
  readonly misc: number;
  /** CPU number of the ring, or the label the ring was given; -1 without one. */
  readonly cpu: number;
  /** True when an ordered reader had already delivered a later time. */
  readonly late: boolean;

  /**
   * PERF_SAMPLE_TIME, or the payload's time in a ring so configured: nanoseconds; undefined when there is none. Of a
   * record that is no sample the time in its struct sample_id.
   */
  readonly time: bigint | undefined;
  /**
   * The record with all its fields, for keeping: a copy.
   * @throws PerfRingError ERR_PERF_RECORD_DAMAGED; ERR_PERF_OUT_OF_RANGE when the record is lent no more
   */
  decode(): PerfRecord;
  /** header.size: bytes of the whole record, header included. */
  readonly recordSize: number;
  /**
   * The whole record as it lies in the ring, header included: a copy, as a perf.data file holds it.
   * @throws PerfRingError ERR_PERF_OUT_OF_RANGE when the record is lent no more
   */
  recordBytes(): Uint8Array;
  /**
   * Copies the whole record, header included, into `target` from `offset` on.
   * @returns bytes copied: {@link recordSize}
   * @throws PerfRingError ERR_PERF_OUT_OF_RANGE when `target` has no room for it, or the record is lent no more
   */
  copyRecordTo(target: Uint8Array, offset?: number): number;

  /** How many samples a PERF_RECORD_LOST reports; 0 for other records. */
  readonly lost: number;
}

/**
 * What a visitor returns to end the visit after this record. The records after it stay in their rings.
 *
 * ```ts
 * reader.drain((record) => (record.u32(0) === wanted ? STOP : undefined));
 * ```
 */
export const STOP: unique symbol = Symbol.for('perfring.stop') as never;

/**
 * What a visitor may return: {@link STOP}, or anything else, which means nothing. But no promise: a record is lent until the
 * visitor returns, and an asynchronous function returns before it has read the record.
 */
export type VisitResult =
  | typeof STOP
  // biome-ignore lint/suspicious/noConfusingVoidType: a function declared to return void is a visitor, too
  | void
  | null
  | {
      /** A promise has it. */
      readonly then?: never;
      /** Every other value has it. */
      toString(): string;
    };

/** Called for each record, in order, until it returns {@link STOP}. */
export type RecordVisitor = (record: RingRecord) => VisitResult;
