import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { byteLengthOf, isUint8Array } from '../input/view-span';
import { copyInto, copyOf } from './payload-copy';
import type { RecordPayload, RingRecord } from './record';
import { decodeFixedString } from './string-cache';

/**
 * A copy of a record, valid as long as you keep it. It has the reads of a lent record, so decoders take it:
 *
 * ```ts
 * const decode = decoderFor(program.builtin.layout);
 * for await (const record of reader.readable()) console.log(record.cpu, decode(record).comm);
 * ```
 */
export class OwnedRecord implements RecordPayload {
  /** CPU number of the ring, or the label the ring was given. */
  readonly cpu: number;
  /** PERF_RECORD_*: 9 is PERF_RECORD_SAMPLE. */
  readonly type: number;
  /** Time of the record, nanoseconds of CLOCK_MONOTONIC; undefined when the ring has no times. */
  readonly time: bigint | undefined;
  /** True when a reader in time order had already delivered a record of a later time. */
  readonly late: boolean;
  /** Process id, in the PID namespace of the reader; undefined without PERF_SAMPLE_TID. */
  readonly pid: number | undefined;
  /** Thread id, in the PID namespace of the reader; undefined without PERF_SAMPLE_TID. */
  readonly tid: number | undefined;
  /** The payload, with the kernel's padding. Its memory may be shared, as that of {@link RecordPayload.bytes}. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** A view of `data`, made at the first read: many records are passed on without a read. */
  #view: DataView<ArrayBuffer> | undefined;

  /** Made by {@link PerfMapReader.read} and {@link PerfMapReader.readable}. @internal */
  constructor(record: RingRecord) {
    this.cpu = record.cpu;
    this.type = record.type;
    this.time = record.time;
    this.late = record.late;
    const { pid } = record;
    this.pid = pid;
    this.tid = pid === undefined ? undefined : record.tid;
    this.data = record.bytes() as Uint8Array<ArrayBuffer>;
  }

  /** A record of no ring with this payload, for decoders. @internal */
  static ofBytes(bytes: Uint8Array): OwnedRecord {
    const record = { cpu: -1, type: 0, time: undefined, late: false, pid: undefined, bytes: () => bytes };
    return new OwnedRecord(record as unknown as RingRecord);
  }

  /** Payload length, bytes; 0 after the memory of `data` was transferred. */
  get size(): number {
    return byteLengthOf(this.data);
  }

  /** Unsigned byte. @throws PerfRingError ERR_PERF_OUT_OF_RANGE, like every read that exceeds the payload */
  u8(offset: number): number {
    return this.#viewOf(offset, 1).getUint8(offset);
  }

  /** Signed byte. */
  i8(offset: number): number {
    return this.#viewOf(offset, 1).getInt8(offset);
  }

  /** Unsigned integer of 2 bytes. */
  u16(offset: number): number {
    return this.#viewOf(offset, 2).getUint16(offset, true);
  }

  /** Signed integer of 2 bytes. */
  i16(offset: number): number {
    return this.#viewOf(offset, 2).getInt16(offset, true);
  }

  /** Unsigned integer of 4 bytes. */
  u32(offset: number): number {
    return this.#viewOf(offset, 4).getUint32(offset, true);
  }

  /** Signed integer of 4 bytes. */
  i32(offset: number): number {
    return this.#viewOf(offset, 4).getInt32(offset, true);
  }

  /** Floating-point number of 4 bytes. */
  f32(offset: number): number {
    return this.#viewOf(offset, 4).getFloat32(offset, true);
  }

  /** Floating-point number of 8 bytes. */
  f64(offset: number): number {
    return this.#viewOf(offset, 8).getFloat64(offset, true);
  }

  /** Unsigned integer of 8 bytes, exact. */
  u64(offset: number): bigint {
    return this.#viewOf(offset, 8).getBigUint64(offset, true);
  }

  /** Signed integer of 8 bytes, exact. */
  i64(offset: number): bigint {
    return this.#viewOf(offset, 8).getBigInt64(offset, true);
  }

  /** Unsigned integer of 8 bytes as a number. @throws PerfRingError ERR_PERF_UNSAFE_INTEGER when it exceeds 2^53 - 1 */
  u64AsNumber(offset: number): number {
    const value = Number(this.u64(offset));
    if (Number.isSafeInteger(value)) return value;
    throw new PerfRingError(
      'ERR_PERF_UNSAFE_INTEGER',
      `the 64-bit value at offset ${offset} exceeds 2^53 - 1: read it with u64()`,
    );
  }

  /** String in a char[length] field: UTF-8 up to the first NUL. */
  string(offset: number, length: number): string {
    const { buffer, byteOffset, byteLength } = this.#viewOf(offset, length);
    return decodeFixedString(Buffer.from(buffer, byteOffset, byteLength), offset, length);
  }

  /**
   * Fills `target` with payload bytes from `offset` on.
   * @throws PerfRingError ERR_PERF_OUT_OF_RANGE when offset + target.length exceeds the payload,
   *   ERR_PERF_INVALID_ARGUMENT
   */
  copyTo(target: Uint8Array, offset = 0): void {
    if (!isUint8Array(target)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'target must be a Uint8Array');
    }
    const length = byteLengthOf(target);
    copyInto(target, this.#viewOf(offset, length), Math.trunc(offset), length);
  }

  /** Another copy of the payload. */
  bytes(): Uint8Array {
    const { size } = this;
    return copyOf(this.#viewOf(0, size), 0, size);
  }

  #viewOf(offset: number, length: number): DataView<ArrayBuffer> {
    const { size } = this;
    const isWithin = typeof offset === 'number' && typeof length === 'number' && offset >= 0 && length >= 0;
    if (!isWithin || offset + length > size) {
      throw new PerfRingError(
        'ERR_PERF_OUT_OF_RANGE',
        `bytes ${shown(offset)} to +${shown(length)} are outside the payload of ${size} bytes`,
      );
    }
    // Also when `data` was transferred after an earlier read.
    if (size === 0) return EMPTY;
    this.#view ??= viewOf(this.data);
    return this.#view;
  }
}

const EMPTY = new DataView(new ArrayBuffer(0));

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(buffer, byteOffset, byteLength);
}
