import { HEADER_BYTES, HEADER_MISC, HEADER_TYPE } from '../abi/perf-event';
import { PerfRingError } from '../errors';

const NOWHERE = new DataView(new ArrayBuffer(HEADER_BYTES));

/**
 * The bytes of one record, header included. Offsets count from the record's start. Every read is checked against the
 * record's end and throws ERR_PERF_RECORD_DAMAGED when it exceeds it.
 */
export class RecordBytes {
  #view: DataView<ArrayBufferLike> = NOWHERE;
  #start = 0;
  #size = HEADER_BYTES;
  #type = 0;

  /**
   * Moves to another record.
   * @param start offset of the record in `view`, bytes
   * @param size header.size as checked by the caller: at least 8, and within `view`
   * @param type header.type, if the caller has read it already: a hostile writer may have changed it since
   */
  moveTo(
    view: DataView<ArrayBufferLike>,
    start: number,
    size: number,
    type = view.getUint32(start + HEADER_TYPE, true),
  ): this {
    this.#view = view;
    this.#start = start;
    this.#size = size;
    this.#type = type;
    return this;
  }

  /** Bytes of the record, header included. */
  get byteLength(): number {
    return this.#size;
  }

  /** PERF_RECORD_*. */
  get type(): number {
    return this.#type;
  }

  /** header.misc. */
  get misc(): number {
    return this.#view.getUint16(this.#start + HEADER_MISC, true);
  }

  /** Checks a range of bytes. @throws PerfRingError ERR_PERF_RECORD_DAMAGED when it is not within the record */
  need(offset: number, length: number): void {
    if (offset < HEADER_BYTES || offset + length > this.#size) throw this.damaged(offset, length);
  }

  u8(offset: number): number {
    this.need(offset, 1);
    return this.#view.getUint8(this.#start + offset);
  }

  u16(offset: number): number {
    this.need(offset, 2);
    return this.#view.getUint16(this.#start + offset, true);
  }

  u32(offset: number): number {
    this.need(offset, 4);
    return this.#view.getUint32(this.#start + offset, true);
  }

  /** For pids and tids: -1 when the thread no longer has a number. */
  i32(offset: number): number {
    return this.u32(offset) | 0;
  }

  u64(offset: number): bigint {
    this.need(offset, 8);
    return this.#view.getBigUint64(this.#start + offset, true);
  }

  /** A u64 that counts the bytes or entries after it. A count above the record's size throws. */
  count(offset: number): number {
    this.need(offset, 8);
    const high = this.#view.getUint32(this.#start + offset + 4, true);
    const low = this.#view.getUint32(this.#start + offset, true);
    if (high !== 0 || low > this.#size) throw this.damaged(offset + 8, high * 2 ** 32 + low);
    return low;
  }

  /** A copy of `length` bytes. */
  bytes(offset: number, length: number): Uint8Array {
    this.need(offset, length);
    const copy = new Uint8Array(length);
    copy.set(this.#part(offset, length));
    return copy;
  }

  /** A copy of `count` 64-bit words. */
  words(offset: number, count: number): BigUint64Array {
    this.need(offset, count * 8);
    const copy = new BigUint64Array(count);
    new Uint8Array(copy.buffer).set(this.#part(offset, count * 8));
    return copy;
  }

  /** Bytes as lower-case hexadecimal digits. */
  hex(offset: number, length: number): string {
    this.need(offset, length);
    return this.#buffer(offset, length).toString('hex');
  }

  /** UTF-8 up to the first NUL or to `end`. */
  string(offset: number, end: number): string {
    this.need(offset, end - offset);
    const text = this.#buffer(offset, end - offset);
    const nul = text.indexOf(0);
    return text.toString('utf8', 0, nul === -1 ? text.length : nul);
  }

  damaged(offset: number, length: number): PerfRingError {
    return new PerfRingError(
      'ERR_PERF_RECORD_DAMAGED',
      `a record of type ${this.type} and ${this.#size} bytes has no ${length} bytes at ${offset}`,
    );
  }

  #part(offset: number, length: number): Uint8Array<ArrayBufferLike> {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#start + offset, length);
  }

  #buffer(offset: number, length: number): Buffer {
    const { buffer, byteOffset } = this.#part(offset, length);
    // Buffer.from accepts a SharedArrayBuffer too, but its type does not.
    return Buffer.from(buffer as ArrayBuffer, byteOffset, length);
  }
}
