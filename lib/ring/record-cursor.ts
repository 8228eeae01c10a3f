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
import { copyInto, copyOf } from './payload-copy';
import type { RingRecord } from './record';
import { ABSENT, type SampleFormat } from './sample-format';
import { shown } from '../input/shown';
import { CACHED_STRING_BYTES, decodeFixedString, StringCache } from './string-cache';
import { bufferLength, byteLengthOf, isUint8Array } from '../input/view-span';

/** header.size is a u16: no record is longer. */
export const MAX_RECORD_BYTES = 65_536;

/** Up to here a record that wraps is joined word by word, for less than two views of its parts cost. */
const SHORT_JOIN_BYTES = 512;

/** The part of a ring's geometry that records lie in. */
type DataArea = Pick<RingGeometry, 'buffer' | 'dataOffset' | 'capacityBytes'>;

/** Why {@link RecordCursor.load} refused a header. */
export type HeaderFault = 'size' | 'beyond-available' | 'raw-size' | 'truncated' | 'closed';

/**
 * Stands on one record of a ring: checks its header and reads its payload in place. The scan of
 * lib/ring/record-scan.ts moves it by `base` alone while headers repeat. A record that wraps is joined in a scratch,
 * over which a second cursor stands: so that what a cursor reads from never changes, and is constant to V8.
 */
export class RecordCursor implements RingRecord {
  /** The data area, or the scratch. */
  readonly view: DataView<ArrayBufferLike>;
  /** The data area as 64-bit words: a header is one. */
  readonly doubles: Float64Array<ArrayBufferLike>;
  /** Who stands on the record that was loaded: this cursor, or, for a record that wraps, the one over the scratch. */
  current: RecordCursor = this;
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
  /**
   * The 64-bit word from HEADER_MISC on (misc, size, raw_size), when it is that of a sample, tells another one: only
   * the kernel writes, and `misc` is 0 in all that is no sample.
   */
  readonly oneWordTells: boolean;

  readonly #bytes: Buffer;
  #joined: RecordCursor | undefined;
  /** Offset of the payload from the record's start; 0 while the cursor stands nowhere. */
  #payloadStart = 0;
  readonly #strings = new StringCache();

  constructor(
    geometry: DataArea,
    format: SampleFormat,
    timeOffset: number,
    cpu: number,
    kernelWritten: boolean,
  ) {
    const { buffer, dataOffset, capacityBytes } = geometry;
    this.words = new Int32Array(buffer, dataOffset, capacityBytes >> 2);
    this.doubles = new Float64Array(buffer, dataOffset, capacityBytes >> 3);
    this.view = new DataView(buffer, dataOffset, capacityBytes);
    // Buffer.from takes any array buffer; its type does not say so.
    this.#bytes = Buffer.from(buffer as ArrayBuffer, dataOffset, capacityBytes);
    this.capacityBytes = capacityBytes;
    this.format = format;
    this.timeOffset = timeOffset;
    this.cpu = cpu;
    this.oneWordTells = kernelWritten && format.rawOffset === HEADER_BYTES && !format.rawMoves;
  }

  /**
   * Checks the header at `position` and stands on the record.
   * Each word of the ring is read once: a hostile writer may change it afterwards, and reads stay in bounds.
   * @param position offset in the data area, a multiple of 8
   * @param available bytes published from there on, at most the capacity
   * @returns the record's size in the ring, or 0 with `fault` set and the cursor standing nowhere
   * @internal
   */
  load(position: number, available: number): number {
    if (this.closed) {
      this.leave();
      this.fault = 'closed';
      return 0;
    }
    const type = this.view.getUint32(position + HEADER_TYPE, true);
    const size = this.view.getUint16(position + HEADER_SIZE, true);
    this.size = 0;
    this.repeats = false;
    this.current = this;
    if (size < HEADER_BYTES || (size & 7) !== 0) {
      this.fault = 'size';
      return 0;
    }
    if (size > available) {
      this.fault = 'beyond-available';
      return 0;
    }
    if (position + size > this.capacityBytes) return this.#loadJoined(position, size);
    this.type = type;
    if (type !== PERF_RECORD_SAMPLE) {
      this.#stand(position, HEADER_BYTES, size - HEADER_BYTES);
      return size;
    }
    return this.#loadSample(position, size);
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
      // Nothing writes a sample too short for its raw_size, but the law of 64 KiB makes one so of a longer sample.
      this.fault = this.format.rawMoves ? 'raw-size' : 'truncated';
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
    this.repeats = !this.format.rawMoves;
    return size;
  }

  /**
   * As {@link load}, but only for a sample that is whole where it lies, and whose like can be told by its header words:
   * what the hot loops take. It calls nothing, for a call in a loop costs V8 what it knows of constants.
   * @returns 0 for any other record, and the cursor stands nowhere
   * @internal
   */
  loadStraight(position: number, available: number): number {
    const type = this.view.getUint32(position + HEADER_TYPE, true);
    const size = this.view.getUint16(position + HEADER_SIZE, true);
    const { rawOffset, rawMoves } = this.format;
    this.size = 0;
    this.repeats = false;
    this.current = this;
    if (type !== PERF_RECORD_SAMPLE || rawMoves || this.closed) return 0;
    if (this.oneWordTells && this.view.getUint16(position + HEADER_MISC, true) === 0) return 0;
    if (size < rawOffset + 4 || (size & 7) !== 0 || size > available) return 0;
    if (position + size > this.capacityBytes) return 0;
    const rawSize = this.view.getUint32(position + rawOffset, true);
    if (rawSize > size - rawOffset - 4) return 0;
    this.type = PERF_RECORD_SAMPLE;
    this.#stand(position, rawOffset + 4, rawSize);
    this.repeats = true;
    return size;
  }

  /** Stands nowhere: reads are out of range until the next load. */
  leave(): void {
    this.#joined?.leave();
    this.current = this;
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
  #loadJoined(position: number, size: number): number {
    this.#joined ??= this.#makeJoined();
    const joined = this.#joined;
    const count = size >> 2;
    const start = position >> 2;
    const first = this.words.length - start;
    if (size <= SHORT_JOIN_BYTES) {
      for (let i = 0; i < count; i++) {
        joined.words[i] = this.words[i < first ? start + i : i - first] as number;
      }
    } else {
      joined.words.set(this.words.subarray(start));
      joined.words.set(this.words.subarray(0, count - first), first);
    }
    // Checked there, as any record: a hostile writer may have changed the header meanwhile.
    const loaded = joined.load(0, size);
    this.fault = joined.fault;
    this.current = joined;
    return loaded;
  }

  #makeJoined(): RecordCursor {
    const geometry = {
      buffer: new ArrayBuffer(MAX_RECORD_BYTES),
      dataOffset: 0,
      capacityBytes: MAX_RECORD_BYTES,
    };
    return new RecordCursor(geometry, this.format, this.timeOffset, this.cpu, false);
  }

  // ------------------------------------------------------------------ RingRecord

  get misc(): number {
    if (this.#payloadStart === 0) return 0;
    return this.view.getUint16(this.base - this.#payloadStart + HEADER_MISC, true);
  }

  u8(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 1 > this.size) this.#outOfRange(offset, 1);
    return this.view.getUint8(this.base + offset);
  }

  i8(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 1 > this.size) this.#outOfRange(offset, 1);
    return this.view.getInt8(this.base + offset);
  }

  u16(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 2 > this.size) this.#outOfRange(offset, 2);
    return this.view.getUint16(this.base + offset, true);
  }

  i16(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 2 > this.size) this.#outOfRange(offset, 2);
    return this.view.getInt16(this.base + offset, true);
  }

  u32(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 4 > this.size) this.#outOfRange(offset, 4);
    return this.view.getUint32(this.base + offset, true);
  }

  i32(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 4 > this.size) this.#outOfRange(offset, 4);
    return this.view.getInt32(this.base + offset, true);
  }

  f32(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 4 > this.size) this.#outOfRange(offset, 4);
    return this.view.getFloat32(this.base + offset, true);
  }

  f64(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 8 > this.size) this.#outOfRange(offset, 8);
    return this.view.getFloat64(this.base + offset, true);
  }

  u64(offset: number): bigint {
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 8 > this.size) this.#outOfRange(offset, 8);
    return this.view.getBigUint64(this.base + offset, true);
  }

  i64(offset: number): bigint {
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 8 > this.size) this.#outOfRange(offset, 8);
    return this.view.getBigInt64(this.base + offset, true);
  }

  u64AsNumber(offset: number): number {
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 8 > this.size) this.#outOfRange(offset, 8);
    const at = this.base + offset;
    const high = this.view.getInt32(at + 4, true);
    const low = this.view.getInt32(at, true);
    // Small numbers stay integers: to V8 a double costs more than the read.
    return high === 0 && low >= 0 ? low : this.#wide(offset, high, low);
  }

  #wide(offset: number, high: number, low: number): number {
    if (high >>> 0 > 0x1f_ffff) this.#unsafeInteger(offset);
    return high * 4_294_967_296 + (low >>> 0);
  }

  string(offset: number, length: number): string {
    if (typeof offset !== 'number' || typeof length !== 'number') this.#outOfRange(offset, length);
    if (!(offset >= 0) || !(length >= 0) || offset + length > this.size) this.#outOfRange(offset, length);
    if (length === CACHED_STRING_BYTES) {
      return this.#strings.read(this.view, this.base + offset);
    }
    this.checkAttached();
    return decodeFixedString(this.#bytes, this.base + offset, length);
  }

  copyTo(target: Uint8Array, offset = 0): void {
    if (!isUint8Array(target)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'target must be a Uint8Array');
    }
    const length = byteLengthOf(target);
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.size - length) {
      this.#outOfRange(offset, length);
    }
    this.checkAttached();
    copyInto(target, this.view, Math.trunc(this.base + offset), length);
  }

  bytes(): Uint8Array {
    this.checkAttached();
    return copyOf(this.view, this.base, this.size);
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

  /**
   * Copies from detached memory would not throw: they would copy nothing.
   * @throws PerfRingError ERR_PERF_CLOSED
   */
  checkAttached(): void {
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
