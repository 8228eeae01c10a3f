import { type InspectOptions, inspect } from 'node:util';
import { HEADER_MISC, PERF_RECORD_LOST, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { byteLengthOf, isUint8Array } from '../input/view-span';
import { copyInto, copyOf } from './payload-copy';
import type { RingRecord } from './record';
import type { RecordCursor } from './record-cursor';
import { ABSENT } from './sample-format';
import { CACHED_STRING_BYTES, decodeFixedString, StringCache } from './string-cache';

/**
 * The record that visitors get: reads the payload under its cursor in place.
 *
 * It is the only object of a ring that leaves the library while it reads mapped memory, and one object serves all
 * records. So everything it holds is private, and nothing can be assigned to it: a store into a mapped data page is
 * SIGBUS, and a property that is assigned would stay for all later records. The scan moves the cursor and never this
 * object.
 */
class LentRecord implements RingRecord {
  readonly #cursor = owner();
  /** The cursor's: here as well, so that a read loads it from one object less. */
  readonly #view = this.#cursor.view;
  readonly #bytes = bytesOf(this.#view);
  readonly #strings = new StringCache();

  constructor() {
    Object.freeze(this);
  }

  get type(): number {
    return this.#cursor.type;
  }

  get cpu(): number {
    return this.#cursor.cpu;
  }

  get size(): number {
    return this.#cursor.size;
  }

  get late(): boolean {
    return this.#cursor.late;
  }

  get misc(): number {
    const { payloadStart, base } = this.#cursor;
    if (payloadStart === 0) return 0;
    return this.#view.getUint16(base - payloadStart + HEADER_MISC, true);
  }

  u8(offset: number): number {
    const cursor = this.#cursor;
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 1 > cursor.size) this.#outOfRange(offset, 1);
    return this.#view.getUint8(cursor.base + offset);
  }

  i8(offset: number): number {
    const cursor = this.#cursor;
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 1 > cursor.size) this.#outOfRange(offset, 1);
    return this.#view.getInt8(cursor.base + offset);
  }

  u16(offset: number): number {
    const cursor = this.#cursor;
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 2 > cursor.size) this.#outOfRange(offset, 2);
    return this.#view.getUint16(cursor.base + offset, true);
  }

  i16(offset: number): number {
    const cursor = this.#cursor;
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 2 > cursor.size) this.#outOfRange(offset, 2);
    return this.#view.getInt16(cursor.base + offset, true);
  }

  u32(offset: number): number {
    const cursor = this.#cursor;
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 4 > cursor.size) this.#outOfRange(offset, 4);
    return this.#view.getUint32(cursor.base + offset, true);
  }

  i32(offset: number): number {
    const cursor = this.#cursor;
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 4 > cursor.size) this.#outOfRange(offset, 4);
    return this.#view.getInt32(cursor.base + offset, true);
  }

  f32(offset: number): number {
    const cursor = this.#cursor;
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 4 > cursor.size) this.#outOfRange(offset, 4);
    return this.#view.getFloat32(cursor.base + offset, true);
  }

  f64(offset: number): number {
    const cursor = this.#cursor;
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 8 > cursor.size) this.#outOfRange(offset, 8);
    return this.#view.getFloat64(cursor.base + offset, true);
  }

  u64(offset: number): bigint {
    const cursor = this.#cursor;
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 8 > cursor.size) this.#outOfRange(offset, 8);
    return this.#view.getBigUint64(cursor.base + offset, true);
  }

  i64(offset: number): bigint {
    const cursor = this.#cursor;
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 8 > cursor.size) this.#outOfRange(offset, 8);
    return this.#view.getBigInt64(cursor.base + offset, true);
  }

  u64AsNumber(offset: number): number {
    const cursor = this.#cursor;
    if (typeof offset !== 'number' || !(offset >= 0) || offset + 8 > cursor.size) this.#outOfRange(offset, 8);
    const at = cursor.base + offset;
    const high = this.#view.getInt32(at + 4, true);
    const low = this.#view.getInt32(at, true);
    // Small numbers stay integers: to V8 a double costs more than the read.
    return high === 0 && low >= 0 ? low : this.#wide(offset, high, low);
  }

  #wide(offset: number, high: number, low: number): number {
    if (high >>> 0 > 0x1f_ffff) this.#unsafeInteger(offset);
    return high * 4_294_967_296 + (low >>> 0);
  }

  string(offset: number, length: number): string {
    if (typeof offset !== 'number' || typeof length !== 'number') this.#outOfRange(offset, length);
    const cursor = this.#cursor;
    if (!(offset >= 0) || !(length >= 0) || offset + length > cursor.size) this.#outOfRange(offset, length);
    if (length === CACHED_STRING_BYTES) {
      return this.#strings.read(this.#view, cursor.base + offset);
    }
    cursor.checkAttached();
    return decodeFixedString(this.#bytes, cursor.base + offset, length);
  }

  copyTo(target: Uint8Array, offset = 0): void {
    if (!isUint8Array(target)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'target must be a Uint8Array');
    }
    const length = byteLengthOf(target);
    if (typeof offset !== 'number' || !(offset >= 0) || offset > this.#cursor.size - length) {
      this.#outOfRange(offset, length);
    }
    this.#cursor.checkAttached();
    copyInto(target, this.#view, Math.trunc(this.#cursor.base + offset), length);
  }

  bytes(): Uint8Array {
    const cursor = this.#cursor;
    cursor.checkAttached();
    return copyOf(this.#view, cursor.base, cursor.size);
  }

  get time(): bigint | undefined {
    return this.#u64Field(this.#cursor.timeOffset);
  }

  get pid(): number | undefined {
    return this.#u32Field(this.#cursor.format.tidOffset);
  }

  get tid(): number | undefined {
    const offset = this.#cursor.format.tidOffset;
    return this.#u32Field(offset === ABSENT ? ABSENT : offset + 4);
  }

  get ip(): bigint | undefined {
    return this.#u64Field(this.#cursor.format.ipOffset);
  }

  get addr(): bigint | undefined {
    return this.#u64Field(this.#cursor.format.addrOffset);
  }

  get id(): bigint | undefined {
    const { idOffset, identifierOffset } = this.#cursor.format;
    return this.#u64Field(idOffset === ABSENT ? identifierOffset : idOffset);
  }

  get streamId(): bigint | undefined {
    return this.#u64Field(this.#cursor.format.streamIdOffset);
  }

  get period(): bigint | undefined {
    return this.#u64Field(this.#cursor.format.periodOffset);
  }

  callchain(): BigUint64Array | undefined {
    const cursor = this.#cursor;
    const offset = cursor.format.callchainOffset;
    if (offset === ABSENT || !this.#isSample()) return undefined;
    const start = cursor.base - cursor.payloadStart + offset;
    const length = (cursor.payloadStart - 4 - offset - 8) / 8;
    const chain = new BigUint64Array(length);
    for (let i = 0; i < length; i++) chain[i] = this.#view.getBigUint64(start + 8 + i * 8, true);
    return chain;
  }

  get lost(): number {
    const cursor = this.#cursor;
    if (cursor.type !== PERF_RECORD_LOST || cursor.size < 16) return 0;
    return (
      this.#view.getUint32(cursor.base + 12, true) * 4_294_967_296 +
      this.#view.getUint32(cursor.base + 8, true)
    );
  }

  #isSample(): boolean {
    return this.#cursor.type === PERF_RECORD_SAMPLE && this.#cursor.payloadStart > 0;
  }

  /** A field of the record, counted from its start: present in samples that are long enough for it. */
  #fieldAt(offset: number, bytes: number): number {
    const cursor = this.#cursor;
    if (offset === ABSENT || !this.#isSample() || offset + bytes > cursor.payloadStart + cursor.size)
      return ABSENT;
    return cursor.base - cursor.payloadStart + offset;
  }

  #u32Field(offset: number): number | undefined {
    const at = this.#fieldAt(offset, 4);
    return at === ABSENT ? undefined : this.#view.getUint32(at, true);
  }

  #u64Field(offset: number): bigint | undefined {
    const at = this.#fieldAt(offset, 8);
    return at === ABSENT ? undefined : this.#view.getBigUint64(at, true);
  }

  /** What `console.log` shows: values, and a copy of the payload. */
  [inspect.custom](depth: number, options: InspectOptions): string {
    const { type, misc, cpu, size, late, time, pid, tid } = this;
    const fields = { type, misc, cpu, size, late, time, pid, tid, lost: this.lost };
    const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
    return depth < 0 ? '[RingRecord]' : `RingRecord ${inspect({ ...given, bytes: this.bytes() }, options)}`;
  }

  #outOfRange(offset: unknown, length: unknown): never {
    throw new PerfRingError(
      'ERR_PERF_OUT_OF_RANGE',
      `bytes ${shown(offset)} to +${shown(length)} leave the payload of ${this.#cursor.size} bytes; a record is readable only until its visitor returns`,
    );
  }

  #unsafeInteger(offset: number): never {
    throw new PerfRingError(
      'ERR_PERF_UNSAFE_INTEGER',
      `the 64-bit value at offset ${offset} exceeds 2^53 - 1: read it with u64()`,
    );
  }
}

// Every record of the process has these methods: they can't be replaced either.
Object.freeze(LentRecord.prototype);
Object.freeze(LentRecord);

/**
 * The cursor whose record is being made. It reaches the private fields by this variable and not by the constructor:
 * V8 folds a field to a constant only if its definition is its one store, and the hot loops need the constant.
 */
let making: RecordCursor | undefined;

/** The record that reads what `cursor` stands on. @param cursor its `view` is set */
export function lentRecordOf(cursor: RecordCursor): RingRecord {
  making = cursor;
  try {
    return new LentRecord();
  } finally {
    making = undefined;
  }
}

function owner(): RecordCursor {
  if (making === undefined) {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'records are made by their ring only');
  }
  return making;
}

function bytesOf({ buffer, byteOffset, byteLength }: DataView<ArrayBufferLike>): Buffer {
  // Buffer.from takes any array buffer; its type does not say so.
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
