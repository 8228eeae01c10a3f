import { HEADER_BYTES, HEADER_SIZE, HEADER_TYPE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { isUint8Array, spanOfArray } from '../input/view-span';
import type { RingRecord } from '../records/record';
import {
  PERF_RECORD_AUXTRACE,
  PERF_RECORD_COMPRESSED,
  PERF_RECORD_COMPRESSED2,
  PERF_RECORD_FINISHED_ROUND,
  PERF_RECORD_HEADER_ATTR,
  PERF_RECORD_HEADER_BUILD_ID,
  PERF_RECORD_HEADER_FEATURE,
  PERF_RECORD_HEADER_TRACING_DATA,
} from './file-format';

/** Records of a file that describe it. A writer makes its own. */
const OF_THE_FORM: ReadonlySet<number> = new Set([
  PERF_RECORD_HEADER_ATTR,
  PERF_RECORD_HEADER_TRACING_DATA,
  PERF_RECORD_HEADER_BUILD_ID,
  PERF_RECORD_AUXTRACE,
  PERF_RECORD_HEADER_FEATURE,
  PERF_RECORD_COMPRESSED,
  PERF_RECORD_COMPRESSED2,
]);

const FIRST_CAPACITY = 2 ** 18;

/** Collects the bytes of records. */
export class RecordBuffer {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #used = 0;

  /** Number of bytes that {@link take} would return. */
  get length(): number {
    return this.#used;
  }

  /**
   * Adds a record's own bytes.
   * @returns false for a record that describes the file it comes from, which is left out
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT; the errors of {@link RingRecord.copyRecordTo}
   */
  add(record: RingRecord | Uint8Array): boolean {
    if (isUint8Array(record)) return this.#addBytes(record);
    if (typeof record !== 'object' || record === null || typeof record.copyRecordTo !== 'function') {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `record must be a lent record or its bytes, got ${shown(record)}`,
      );
    }
    if (OF_THE_FORM.has(record.type)) return false;
    this.#reserve(record.recordSize);
    this.#used += record.copyRecordTo(this.#bytes, this.#used);
    return true;
  }

  finishRound(): void {
    const record = Buffer.alloc(HEADER_BYTES);
    record.writeUInt32LE(PERF_RECORD_FINISHED_ROUND, HEADER_TYPE);
    record.writeUInt16LE(HEADER_BYTES, HEADER_SIZE);
    this.append(record);
  }

  /** Adds bytes as they are. */
  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** What was added since the last call: a view that is valid until the next record is added. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#used);
    this.#used = 0;
    return taken;
  }

  #addBytes(record: Uint8Array): boolean {
    const { buffer, byteOffset, byteLength } = spanOfArray(record);
    const view = new DataView(buffer, byteOffset, byteLength);
    const size = byteLength < HEADER_BYTES ? 0 : view.getUint16(HEADER_SIZE, true);
    if (size < HEADER_BYTES || size !== byteLength) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `record has ${byteLength} bytes, and its header says ${size}`,
      );
    }
    if (OF_THE_FORM.has(view.getUint32(HEADER_TYPE, true))) return false;
    this.append(record);
    return true;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#used + bytes));
    this.#bytes.copy(grown, 0, 0, this.#used);
    this.#bytes = grown;
  }
}
