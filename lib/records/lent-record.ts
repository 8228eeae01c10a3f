import { type InspectOptions, inspect } from 'node:util';
import { HEADER_MISC, HEADER_SIZE, PERF_RECORD_LOST, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { byteLengthOf, isUint8Array, partOf } from '../input/view-span';
import { decodeView, type PerfRecord } from './perf-record';
import { ABSENT, type RecordFormat } from './record-format';
import { RecordView } from './record-view';
import type { DataSource, WeightStruct } from './sample-fields';
import type { BranchStack, ReadValues, Registers, UserStack } from './variable-fields';
import { PayloadCopies } from './payload-copies';
import { copyInto, copyOf, SHORT_BYTES } from './payload-copy';
import type { RingRecord } from './record';
import { CACHED_STRING_BYTES, decodeFixedString, StringCache } from './string-cache';

/** Place of the record that is lent. One object is moved from record to record. */
export interface RecordPlace {
  /** The memory of the records; never changes. */
  readonly view: DataView<ArrayBufferLike>;
  readonly format: RecordFormat;
  readonly cpu: number;
  /** Offset of the time from the start of a sample, bytes; ABSENT if samples have no time. */
  readonly timeOffset: number;
  /** For records other than samples: bytes from the time to the end of the record; ABSENT if they have no time. */
  readonly timeFromEnd: number;
  /** Offset of the payload in `view`, bytes. */
  readonly base: number;
  /** Payload length, bytes; 0 while no record is lent, so that every read is out of range. */
  readonly size: number;
  /** Offset of the payload from the record's start; 0 while no record is lent. */
  readonly payloadStart: number;
  /** Bytes of the whole record; 0 while no record is lent, and when `payloadAlone` is true. */
  readonly recordBytes: number;
  /** The records are payloads without a perf header and its fields: records of a BPF ring buffer. */
  readonly payloadAlone: boolean;
  readonly type: number;
  readonly late: boolean;
  /** Changes whenever the bytes of `view` may have changed. */
  readonly visits: number;
  /** Called before copies: a copy from detached memory copies nothing. @throws PerfRingError ERR_PERF_CLOSED */
  checkAttached(): void;
}

/**
 * The record that visitors get. It reads, in place, the record on which its cursor stands.
 *
 * It is the only object with access to mapped memory that users get, and one object serves all records. So its fields
 * are private and it is frozen: a write to a mapped data page would raise SIGBUS, and an assigned property would stay
 * for all later records. The scan moves the cursor and does not change this object.
 */
class LentRecord implements RingRecord {
  readonly #cursor = owner();
  /** The cursor's view, stored here too so that a read need not load it from the cursor. */
  readonly #view = this.#cursor.view;
  readonly #bytes = bytesOf(this.#view);
  readonly #strings = new StringCache();
  readonly #copies = new PayloadCopies(this.#view);
  readonly #fields = new RecordView(this.#cursor.format);

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
    this.#cursor.checkAttached();
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
    // Small values stay integers: in V8 making a double costs more than the read.
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
    const { base, size } = cursor;
    if (size <= SHORT_BYTES) return copyOf(this.#view, base, size);
    return this.#copies.copy(base, size, cursor.visits);
  }

  get time(): bigint | undefined {
    const { type, timeOffset, timeFromEnd } = this.#cursor;
    if (type !== PERF_RECORD_SAMPLE) return timeFromEnd === ABSENT ? undefined : this.#standing()?.time;
    const at = this.#sampleFieldAt(timeOffset, 8);
    return at === ABSENT ? undefined : this.#view.getBigUint64(at, true);
  }

  get pid(): number | undefined {
    const { type, format } = this.#cursor;
    if (type !== PERF_RECORD_SAMPLE) return this.#standing()?.pid;
    const at = this.#sampleFieldAt(format.tidOffset, 4);
    return at === ABSENT ? undefined : this.#view.getInt32(at, true);
  }

  get tid(): number | undefined {
    const { type, format } = this.#cursor;
    if (type !== PERF_RECORD_SAMPLE) return this.#standing()?.tid;
    const at = this.#sampleFieldAt(format.tidOffset, 8);
    return at === ABSENT ? undefined : this.#view.getInt32(at + 4, true);
  }

  get sampleCpu(): number | undefined {
    return this.#standing()?.sampleCpu;
  }

  get ip(): bigint | undefined {
    return this.#standing()?.ip;
  }

  get addr(): bigint | undefined {
    return this.#standing()?.addr;
  }

  get id(): bigint | undefined {
    return this.#standing()?.id;
  }

  get identifier(): bigint | undefined {
    return this.#standing()?.identifier;
  }

  get streamId(): bigint | undefined {
    return this.#standing()?.streamId;
  }

  get period(): bigint | undefined {
    return this.#standing()?.period;
  }

  get weight(): bigint | undefined {
    return this.#standing()?.weight;
  }

  get transaction(): bigint | undefined {
    return this.#standing()?.transaction;
  }

  get physicalAddress(): bigint | undefined {
    return this.#standing()?.physicalAddress;
  }

  get cgroup(): bigint | undefined {
    return this.#standing()?.cgroup;
  }

  get dataPageSize(): bigint | undefined {
    return this.#standing()?.dataPageSize;
  }

  get codePageSize(): bigint | undefined {
    return this.#standing()?.codePageSize;
  }

  readValues(): ReadValues | undefined {
    return this.#standing()?.readValues();
  }

  callchain(): BigUint64Array | undefined {
    return this.#standing()?.callchain();
  }

  branchStack(): BranchStack | undefined {
    return this.#standing()?.branchStack();
  }

  userRegisters(): Registers | undefined {
    return this.#standing()?.userRegisters();
  }

  userStack(): UserStack | undefined {
    return this.#standing()?.userStack();
  }

  weightStruct(): WeightStruct | undefined {
    return this.#standing()?.weightStruct();
  }

  dataSource(): DataSource | undefined {
    return this.#standing()?.dataSource();
  }

  interruptRegisters(): Registers | undefined {
    return this.#standing()?.interruptRegisters();
  }

  aux(): Uint8Array | undefined {
    return this.#standing()?.aux();
  }

  decode(): PerfRecord {
    return decodeView(this.#standing() ?? this.#lentNoMore());
  }

  get recordSize(): number {
    return this.#cursor.recordBytes;
  }

  recordBytes(): Uint8Array {
    const bytes = new Uint8Array(this.#cursor.recordBytes);
    this.copyRecordTo(bytes);
    return bytes;
  }

  copyRecordTo(target: Uint8Array, offset = 0): number {
    if (!isUint8Array(target)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'target must be a Uint8Array');
    }
    const { recordBytes: length, base, payloadStart } = this.#cursor;
    if (length === 0) this.#lentNoMore();
    if (!Number.isInteger(offset) || offset < 0 || offset > byteLengthOf(target) - length) {
      throw new PerfRingError(
        'ERR_PERF_OUT_OF_RANGE',
        `a target of ${byteLengthOf(target)} bytes has no room for a record of ${length} bytes at ${shown(offset)}`,
      );
    }
    this.#cursor.checkAttached();
    const part = partOf(target, offset, length);
    copyInto(part, this.#view, base - payloadStart, length);
    // The size that was checked: a hostile writer may have changed it in the ring since.
    part[HEADER_SIZE] = length & 0xff;
    part[HEADER_SIZE + 1] = length >> 8;
    return length;
  }

  get lost(): number {
    const cursor = this.#cursor;
    if (cursor.type !== PERF_RECORD_LOST || cursor.size < 16) return 0;
    return (
      this.#view.getUint32(cursor.base + 12, true) * 4_294_967_296 +
      this.#view.getUint32(cursor.base + 8, true)
    );
  }

  /**
   * Offset in the view of a field that has the same place in every sample: the fast way for fields that are read often.
   * ABSENT without the field, also when the sample is too short for a time in its payload.
   */
  #sampleFieldAt(offset: number, bytes: number): number {
    const { base, payloadStart, size } = this.#cursor;
    if (offset === ABSENT || payloadStart === 0 || offset + bytes > payloadStart + size) return ABSENT;
    return base - payloadStart + offset;
  }

  /** The fields of the record; undefined when the record is no longer valid, or is a payload alone. */
  #standing(): RecordView | undefined {
    const { recordBytes, base, payloadStart, type } = this.#cursor;
    if (recordBytes === 0) return undefined;
    return this.#fields.moveTo(this.#view, base - payloadStart, recordBytes, type);
  }

  #lentNoMore(): never {
    if (this.#cursor.payloadAlone && this.#cursor.size > 0) {
      throw new PerfRingError(
        'ERR_PERF_NOT_SUPPORTED',
        'a record of a ring buffer map has no header: use bytes() or copyTo()',
      );
    }
    throw new PerfRingError('ERR_PERF_OUT_OF_RANGE', 'a record is readable only until its visitor returns');
  }

  /** For `console.log`: shows the values, and a copy of the payload. */
  [inspect.custom](depth: number, options: InspectOptions): string {
    const { type, misc, cpu, size, late, time, pid, tid } = this;
    const fields = { type, misc, cpu, size, late, time, pid, tid, lost: this.lost };
    const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
    return depth < 0 ? '[RingRecord]' : `RingRecord ${inspect({ ...given, bytes: this.bytes() }, options)}`;
  }

  #outOfRange(offset: unknown, length: unknown): never {
    throw new PerfRingError(
      'ERR_PERF_OUT_OF_RANGE',
      `bytes ${shown(offset)} to +${shown(length)} are outside the payload of ${this.#cursor.size} bytes; a record is readable only until its visitor returns`,
    );
  }

  #unsafeInteger(offset: number): never {
    throw new PerfRingError(
      'ERR_PERF_UNSAFE_INTEGER',
      `the 64-bit value at offset ${offset} exceeds 2^53 - 1: read it with u64()`,
    );
  }
}

// All records of the process share these methods, so these must not be replaced either.
Object.freeze(LentRecord.prototype);
Object.freeze(LentRecord);

/**
 * The cursor whose record is being made. A field initialiser reads it from here, so that the constructor does not
 * assign the field: V8 treats a field as a constant only if its definition is the only store, and the hot loops need
 * that.
 */
let making: RecordPlace | undefined;

/** Makes the record that reads what `cursor` stands on. @param cursor its `view` is set already */
export function lentRecordOf(cursor: RecordPlace): RingRecord {
  making = cursor;
  try {
    return new LentRecord();
  } finally {
    making = undefined;
  }
}

function owner(): RecordPlace {
  if (making === undefined) {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'only a ring makes records');
  }
  return making;
}

function bytesOf({ buffer, byteOffset, byteLength }: DataView<ArrayBufferLike>): Buffer {
  // Buffer.from accepts a SharedArrayBuffer too, but its type does not.
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
