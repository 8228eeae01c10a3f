import { types } from 'node:util';
import {
  HEADER_BYTES,
  HEADER_MISC,
  HEADER_SIZE,
  HEADER_TYPE,
  PERF_RECORD_LOST,
  PERF_RECORD_SAMPLE,
} from '../abi/perf-event';
import { PerfRingError } from '../errors';
import type { RingGeometry } from './geometry';
import type { RingRecord } from './record';
import { ABSENT, type SampleFormat } from './sample-format';
import { shown } from './shown';
import { CACHED_STRING_BYTES, decodeFixedString, StringCache } from './string-cache';
import { bufferLength, byteLengthOf } from './view-span';

/** header.size is a u16: no record is longer. */
export const MAX_RECORD_BYTES = 65_536;

/** Why {@link RecordCursor.load} refused a header. */
export type HeaderFault = 'size' | 'beyond-available' | 'raw-size' | 'truncated' | 'closed';

/**
 * Stands on one record of a ring: checks its header, joins it when it wraps, and reads its payload in place.
 * The scan of lib/ring/record-scan.ts moves it by `base` alone while headers repeat.
 */
export class RecordCursor implements RingRecord {
  // What the scan sets. `view` shows the data area, or the scratch while a record that wraps is joined there.
  view: DataView<ArrayBufferLike>;
  /** Start of the payload in `view`. */
  base = 0;
  /** Payload length, bytes; 0 while the cursor stands nowhere, so that every read is out of range. */
  size = 0;
  type = 0;
  late = false;
  cpu: number;
  /** The next sample may be taken by comparing header words: it neither wraps nor moves its payload. */
  repeats = false;
  fault: HeaderFault = 'size';
  /** The ring was closed, perhaps by the very visitor that holds this cursor: the scan ends. */
  closed = false;

  readonly words: Int32Array<ArrayBufferLike>;
  readonly capacityBytes: number;
  readonly format: SampleFormat;
  /** Offset of the time in a sample from the record's start; ABSENT without one. */
  readonly timeOffset: number;

  readonly #data: DataView<ArrayBufferLike>;
  readonly #dataBytes: Buffer;
  #scratch: DataView | undefined;
  #scratchBytes: Buffer | undefined;
  #bytes: Buffer;
  /** Offset of the payload from the record's start; 0 while the cursor stands nowhere. */
  #payloadStart = 0;
  readonly #strings = new StringCache();

  constructor(geometry: RingGeometry, format: SampleFormat, timeOffset: number, cpu: number) {
    const { buffer, dataOffset, capacityBytes } = geometry;
    this.words = new Int32Array(buffer, dataOffset, capacityBytes >> 2);
    this.#data = new DataView(buffer, dataOffset, capacityBytes);
    // Buffer.from takes any array buffer; its type does not say so.
    this.#dataBytes = Buffer.from(buffer as ArrayBuffer, dataOffset, capacityBytes);
    this.#bytes = this.#dataBytes;
    this.view = this.#data;
    this.capacityBytes = capacityBytes;
    this.format = format;
    this.timeOffset = timeOffset;
    this.cpu = cpu;
  }

  /**
   * Checks the header at `position` and stands on the record.
   * Each word of the ring is read once: a hostile writer may change it afterwards, and reads stay in bounds.
   * @param position offset in the data area, a multiple of 8
   * @param available bytes published from there on, at most the capacity
   * @returns the record's size in the ring, or 0 with `fault` set and the cursor standing nowhere
   */
  load(position: number, available: number): number {
    if (this.closed) {
      this.leave();
      this.fault = 'closed';
      return 0;
    }
    const data = this.#data;
    const type = data.getUint32(position + HEADER_TYPE, true);
    const size = data.getUint16(position + HEADER_SIZE, true);
    this.size = 0;
    this.repeats = false;
    if (size < HEADER_BYTES || (size & 7) !== 0) {
      this.fault = 'size';
      return 0;
    }
    if (size > available) {
      this.fault = 'beyond-available';
      return 0;
    }
    let start = position;
    if (position + size > this.capacityBytes) {
      start = 0;
      this.#join(position, size);
    } else {
      this.view = data;
      this.#bytes = this.#dataBytes;
    }
    this.type = type;
    if (type !== PERF_RECORD_SAMPLE) {
      this.#stand(start, HEADER_BYTES, size - HEADER_BYTES);
      return size;
    }
    return this.#loadSample(start, size);
  }

  #loadSample(start: number, size: number): number {
    let rawOffset = this.format.rawOffset;
    if (this.format.rawMoves) {
      const chain = this.format.callchainOffset;
      const whole = chain + 8 <= size && this.view.getUint32(start + chain + 4, true) === 0;
      const length = whole ? this.view.getUint32(start + chain, true) : size;
      rawOffset += Math.min(length, size) * 8;
    }
    const room = size - rawOffset - 4;
    if (room < 0) {
      this.fault = 'raw-size';
      return 0;
    }
    const rawSize = this.view.getUint32(start + rawOffset, true);
    if (rawSize > room) {
      // The kernel's law of 64 KiB: header.size is what a longer record leaves of itself in a u16.
      const whole = rawOffset + 4 + rawSize;
      this.fault = whole >= MAX_RECORD_BYTES && (whole & 0xffff) === size ? 'truncated' : 'raw-size';
      return 0;
    }
    this.#stand(start, rawOffset + 4, rawSize);
    this.repeats = this.view === this.#data && !this.format.rawMoves;
    return size;
  }

  /** Stands nowhere: reads are out of range until the next load. */
  leave(): void {
    this.size = 0;
    this.#payloadStart = 0;
    this.late = false;
    this.repeats = false;
  }

  /** For good: every load and every read is refused from here on. */
  close(): void {
    this.leave();
    this.closed = true;
  }

  #stand(start: number, payloadStart: number, size: number): void {
    this.base = start + payloadStart;
    this.#payloadStart = payloadStart;
    this.size = size;
  }

  /** THE place where a record that wraps is made whole: both parts go to the scratch, its header at 0. */
  #join(position: number, size: number): void {
    this.#scratchBytes ??= Buffer.alloc(MAX_RECORD_BYTES);
    const scratch = this.#scratchBytes;
    this.#scratch ??= new DataView(scratch.buffer, scratch.byteOffset, scratch.byteLength);
    const first = this.capacityBytes - position;
    this.#dataBytes.copy(scratch, 0, position, this.capacityBytes);
    this.#dataBytes.copy(scratch, first, 0, size - first);
    this.view = this.#scratch;
    this.#bytes = scratch;
  }

  // ------------------------------------------------------------------ RingRecord

  get misc(): number {
    if (this.#payloadStart === 0) return 0;
    return this.view.getUint16(this.base - this.#payloadStart + HEADER_MISC, true);
  }

  u8(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - 1) this.#outOfRange(offset, 1);
    return this.view.getUint8(this.base + offset);
  }

  i8(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - 1) this.#outOfRange(offset, 1);
    return this.view.getInt8(this.base + offset);
  }

  u16(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - 2) this.#outOfRange(offset, 2);
    return this.view.getUint16(this.base + offset, true);
  }

  i16(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - 2) this.#outOfRange(offset, 2);
    return this.view.getInt16(this.base + offset, true);
  }

  u32(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - 4) this.#outOfRange(offset, 4);
    return this.view.getUint32(this.base + offset, true);
  }

  i32(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - 4) this.#outOfRange(offset, 4);
    return this.view.getInt32(this.base + offset, true);
  }

  f32(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - 4) this.#outOfRange(offset, 4);
    return this.view.getFloat32(this.base + offset, true);
  }

  f64(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - 8) this.#outOfRange(offset, 8);
    return this.view.getFloat64(this.base + offset, true);
  }

  u64(offset: number): bigint {
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - 8) this.#outOfRange(offset, 8);
    return this.view.getBigUint64(this.base + offset, true);
  }

  i64(offset: number): bigint {
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - 8) this.#outOfRange(offset, 8);
    return this.view.getBigInt64(this.base + offset, true);
  }

  u64AsNumber(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - 8) this.#outOfRange(offset, 8);
    const at = this.base + offset;
    const high = this.view.getUint32(at + 4, true);
    if (high > 0x1f_ffff) this.#unsafeInteger(offset);
    return high * 4_294_967_296 + this.view.getUint32(at, true);
  }

  string(offset: number, length: number): string {
    if (typeof offset !== 'number' || typeof length !== 'number') this.#outOfRange(offset, length);
    if (!(offset >= 0) || !(length >= 0) || offset > this.size - length) this.#outOfRange(offset, length);
    if (length === CACHED_STRING_BYTES) {
      return this.#strings.read(this.view, this.base + offset);
    }
    this.#checkAttached();
    return decodeFixedString(this.#bytes, this.base + offset, length);
  }

  copyTo(target: Uint8Array, offset = 0): void {
    if (!types.isUint8Array(target)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'target must be a Uint8Array');
    }
    const length = byteLengthOf(target);
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - length) {
      this.#outOfRange(offset, length);
    }
    this.#checkAttached();
    this.#bytes.copy(target, 0, this.base + offset, this.base + offset + length);
  }

  bytes(): Uint8Array {
    this.#checkAttached();
    const copy = new Uint8Array(this.size);
    this.#bytes.copy(copy, 0, this.base, this.base + this.size);
    return copy;
  }

  get time(): bigint | undefined {
    return this.#u64Field(this.timeOffset);
  }

  get pid(): number | undefined {
    return this.#u32Field(this.format.tidOffset);
  }

  get tid(): number | undefined {
    const offset = this.format.tidOffset;
    return this.#u32Field(offset === ABSENT ? ABSENT : offset + 4);
  }

  get ip(): bigint | undefined {
    return this.#u64Field(this.format.ipOffset);
  }

  get addr(): bigint | undefined {
    return this.#u64Field(this.format.addrOffset);
  }

  get id(): bigint | undefined {
    const { idOffset, identifierOffset } = this.format;
    return this.#u64Field(idOffset === ABSENT ? identifierOffset : idOffset);
  }

  get streamId(): bigint | undefined {
    return this.#u64Field(this.format.streamIdOffset);
  }

  get period(): bigint | undefined {
    return this.#u64Field(this.format.periodOffset);
  }

  callchain(): BigUint64Array | undefined {
    const offset = this.format.callchainOffset;
    if (offset === ABSENT || !this.#isSample()) return undefined;
    const start = this.base - this.#payloadStart + offset;
    const length = (this.#payloadStart - 4 - offset - 8) / 8;
    const chain = new BigUint64Array(length);
    for (let i = 0; i < length; i++) chain[i] = this.view.getBigUint64(start + 8 + i * 8, true);
    return chain;
  }

  get lost(): number {
    if (this.type !== PERF_RECORD_LOST || this.size < 16) return 0;
    return (
      this.view.getUint32(this.base + 12, true) * 4_294_967_296 + this.view.getUint32(this.base + 8, true)
    );
  }

  #isSample(): boolean {
    return this.type === PERF_RECORD_SAMPLE && this.#payloadStart > 0;
  }

  /** A field of the record, counted from its start: present in samples that are long enough for it. */
  #fieldAt(offset: number, bytes: number): number {
    if (offset === ABSENT || !this.#isSample() || offset + bytes > this.#payloadStart + this.size)
      return ABSENT;
    return this.base - this.#payloadStart + offset;
  }

  #u32Field(offset: number): number | undefined {
    const at = this.#fieldAt(offset, 4);
    return at === ABSENT ? undefined : this.view.getUint32(at, true);
  }

  #u64Field(offset: number): bigint | undefined {
    const at = this.#fieldAt(offset, 8);
    return at === ABSENT ? undefined : this.view.getBigUint64(at, true);
  }

  /**
   * What to throw for what a visitor, or a load, threw: a read of detached memory is a TypeError of the engine's,
   * without a code, and becomes ERR_PERF_CLOSED with it as the cause. Here, so that reads need no check of their own.
   */
  explain(thrown: unknown): unknown {
    if (this.#attached() || !types.isNativeError(thrown) || thrown.name !== 'TypeError' || 'code' in thrown) {
      return thrown;
    }
    return detached(thrown);
  }

  /** Copies from detached memory would not throw: they would copy nothing. */
  #checkAttached(): void {
    if (this.#bytes.length === 0) throw detached();
  }

  #attached(): boolean {
    return bufferLength(this.words.buffer) > 0;
  }

  #outOfRange(offset: unknown, length: unknown): never {
    throw new PerfRingError(
      'ERR_PERF_OUT_OF_RANGE',
      `bytes ${shown(offset)} to +${shown(length)} leave the payload of ${this.size} bytes; a record is readable only until its visitor returns`,
    );
  }

  #unsafeInteger(offset: number): never {
    throw new PerfRingError(
      'ERR_PERF_UNSAFE_INTEGER',
      `the 64-bit value at offset ${offset} exceeds 2^53 - 1: read it with u64()`,
    );
  }
}

function detached(cause?: unknown): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_CLOSED',
    'the memory of the ring was detached while it was read: do not transfer it before close()',
    { cause },
  );
}
