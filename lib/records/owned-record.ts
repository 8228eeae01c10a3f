import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { byteLengthOf, isUint8Array } from '../input/view-span';
import { copyInto, copyOf } from './payload-copy';
import type { RecordPayload, RingRecord } from './record';
import { decodeFixedString } from './string-cache';

/**
 * A copy of a record, yours to keep. It reads like a lent record, so decoders take it:
 *
 * ```ts
 * const decode = decoderFor(program.builtin.layout);
 * for await (const record of reader.readable()) console.log(record.cpu, decode(record).comm);
 * ```
 */
export class OwnedRecord implements RecordPayload {
  /** CPU number of the ring. */
  readonly cpu: number;
  /** PERF_RECORD_*: 9 is PERF_RECORD_SAMPLE. */
  readonly type: number;
  /** Nanoseconds of CLOCK_MONOTONIC, where the ring has times. */
  readonly time: bigint | undefined;
  /** True when an ordered reader had already delivered a later time. */
  readonly late: boolean;
  /** The process, by its number in the PID namespace of the reader's; undefined without PERF_SAMPLE_TID. */
  readonly pid: number | undefined;
  /** The thread, likewise. */
  readonly tid: number | undefined;
  /** The payload, as the kernel padded it. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** The same bytes; made at the first read: many records are only passed on. */
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

  /** Bytes of the payload; 0 once its memory was transferred. */
  get size(): number {
    return byteLengthOf(this.data);
  }

  /** An unsigned byte. @throws PerfRingError ERR_PERF_OUT_OF_RANGE, as every read that leaves the payload */
  u8(offset: number): number {
    return this.#viewOf(offset, 1).getUint8(offset);
  }

  /** A signed byte. */
  i8(offset: number): number {
    return this.#viewOf(offset, 1).getInt8(offset);
  }

  /** An unsigned number of 2 bytes. */
  u16(offset: number): number {
    return this.#viewOf(offset, 2).getUint16(offset, true);
  }

  /** A signed number of 2 bytes. */
  i16(offset: number): number {
    return this.#viewOf(offset, 2).getInt16(offset, true);
  }

  /** An unsigned number of 4 bytes. */
  u32(offset: number): number {
    return this.#viewOf(offset, 4).getUint32(offset, true);
  }

  /** A signed number of 4 bytes. */
  i32(offset: number): number {
    return this.#viewOf(offset, 4).getInt32(offset, true);
  }

  /** A float of 4 bytes. */
  f32(offset: number): number {
    return this.#viewOf(offset, 4).getFloat32(offset, true);
  }

  /** A double of 8 bytes. */
  f64(offset: number): number {
    return this.#viewOf(offset, 8).getFloat64(offset, true);
  }

  /** Exact 64-bit value. */
  u64(offset: number): bigint {
    return this.#viewOf(offset, 8).getBigUint64(offset, true);
  }

  /** Exact signed 64-bit value. */
  i64(offset: number): bigint {
    return this.#viewOf(offset, 8).getBigInt64(offset, true);
  }

  /** As a number. @throws PerfRingError ERR_PERF_UNSAFE_INTEGER when it exceeds 2^53 - 1 */
  u64AsNumber(offset: number): number {
    const value = Number(this.u64(offset));
    if (Number.isSafeInteger(value)) return value;
    throw new PerfRingError(
      'ERR_PERF_UNSAFE_INTEGER',
      `the 64-bit value at offset ${offset} exceeds 2^53 - 1: read it with u64()`,
    );
  }

  /** A fixed char[length] field: UTF-8 up to the first NUL. */
  string(offset: number, length: number): string {
    const { buffer, byteOffset, byteLength } = this.#viewOf(offset, length);
    return decodeFixedString(Buffer.from(buffer, byteOffset, byteLength), offset, length);
  }

  /**
   * Copies payload bytes from `offset` into the whole of `target`.
   * @throws PerfRingError ERR_PERF_OUT_OF_RANGE when offset + target.length leaves the payload
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
        `bytes ${shown(offset)} to +${shown(length)} leave the payload of ${size} bytes`,
      );
    }
    // Also what was read before and has been transferred since.
    if (size === 0) return EMPTY;
    this.#view ??= viewOf(this.data);
    return this.#view;
  }
}

const EMPTY = new DataView(new ArrayBuffer(0));

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(buffer, byteOffset, byteLength);
}
