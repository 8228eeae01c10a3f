import { HEADER_BYTES, HEADER_MISC, HEADER_SIZE, HEADER_TYPE, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { byteLengthOf, isUint8Array, partOf } from '../input/view-span';
import type { RecordFormat } from '../records/record-format';
import type { RingGeometry } from './geometry';
import type { WriterCursors } from './ring-cursors';
import { checkPositions } from './ring-faults';

/** Most bytes of a record: the largest multiple of 8 that fits into the u16 header.size. */
const LARGEST_RECORD_BYTES = 65_528;

/** Bytes before the payload: the header, and for a sample `raw_size`. */
function payloadStartOf(type: number): number {
  return type === PERF_RECORD_SAMPLE ? HEADER_BYTES + 4 : HEADER_BYTES;
}

/** Bytes in the ring of a record with `length` payload bytes: the kernel's header.size. */
function recordBytesOf(length: number, type: number): number {
  return Math.ceil((payloadStartOf(type) + length) / 8) * 8;
}

/**
 * The writer of a ring: finishing a batch publishes its records. {@link PerfRing} documents the methods.
 *
 * Records are framed as the kernel does in perf_output_sample() and perf_output_copy(): header, for a sample
 * `raw_size` = roundup8(n + 4) - 4, n bytes of payload, zeros up to a multiple of 8.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/kernel/events/core.c perf_output_sample
 */
export class RingWriter {
  readonly #geometry: RingGeometry;
  readonly #cursors: WriterCursors | undefined;
  readonly #format: RecordFormat;
  /** The data area; made when the first batch starts, because most rings are only read. */
  #bytes: Uint8Array<ArrayBufferLike> | undefined;
  #view: DataView<ArrayBufferLike> | undefined;
  #inBatch = false;
  #start = 0;
  #room = 0;
  #written = 0;

  /** @param cursors absent when the kernel writes the ring */
  constructor(geometry: RingGeometry, cursors: WriterCursors | undefined, format: RecordFormat) {
    this.#geometry = geometry;
    this.#cursors = cursors;
    this.#format = format;
  }

  beginBatch(): void {
    if (this.#inBatch) {
      throw new PerfRingError('ERR_PERF_BATCH_OPEN', 'a write batch is open already: finish it first');
    }
    const cursors = this.#cursors;
    if (cursors === undefined) {
      throw new PerfRingError('ERR_PERF_READ_ONLY', 'the kernel writes this ring: it can only be read');
    }
    if (this.#format.rawOffset !== HEADER_BYTES) {
      throw new PerfRingError(
        'ERR_PERF_READ_ONLY',
        'samples of this format have more than a payload, which only the kernel writes: the ring can only be read',
      );
    }
    const { buffer, dataOffset, capacityBytes } = this.#geometry;
    const room = cursors.free();
    const start = cursors.writeOffset();
    checkPositions(room, start, capacityBytes);
    this.#bytes ??= new Uint8Array(buffer, dataOffset, capacityBytes);
    this.#view ??= new DataView(buffer, dataOffset, capacityBytes);
    this.#start = start;
    this.#room = room;
    this.#written = 0;
    this.#inBatch = true;
  }

  write(data: Uint8Array, type: number): number {
    const offset = this.tryWrite(data, type);
    if (offset >= 0) return offset;
    throw new PerfRingError(
      'ERR_PERF_RING_FULL',
      `a record of ${recordBytesOf(byteLengthOf(data), type)} bytes does not fit into the ${this.#room - this.#written} left: finish the batch and let the reader catch up`,
    );
  }

  tryWrite(data: Uint8Array, type: number): number {
    this.#checkBatch();
    if (!isUint8Array(data)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'data must be a Uint8Array');
    }
    const length = byteLengthOf(data);
    const size = this.#checkedSize(length, type);
    if (size > this.#room - this.#written) return -1;
    const offset = this.#frame(this.#wrap(this.#start + this.#written), data, length, type);
    this.#written += size;
    return offset;
  }

  hasRoomFor(length: number, type: number): boolean {
    this.#checkBatch();
    if (!Number.isInteger(length) || length < 0) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `length must be bytes, got ${shown(length)}`);
    }
    return this.#checkedSize(length, type) <= this.#room - this.#written;
  }

  finishBatch(): void {
    this.#checkBatch();
    this.#inBatch = false;
    if (this.#written > 0) this.#cursors?.publish(this.#written);
  }

  #checkBatch(): void {
    if (this.#inBatch) return;
    throw new PerfRingError(
      'ERR_PERF_NO_WRITE_BATCH',
      'no write batch is open: call startWriteBatch() first',
    );
  }

  /**
   * Returns the record's bytes in the ring.
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, ERR_PERF_EMPTY_WRITE, ERR_PERF_RECORD_TOO_LARGE
   */
  #checkedSize(length: number, type: number): number {
    if (!Number.isInteger(type) || type < 0 || type > 0xffff_ffff) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `type must be a u32 (PERF_RECORD_*), got ${shown(type)}`,
      );
    }
    if (length === 0) {
      throw new PerfRingError('ERR_PERF_EMPTY_WRITE', 'a record needs at least one byte of payload');
    }
    const size = recordBytesOf(length, type);
    const largest = Math.min(LARGEST_RECORD_BYTES, this.#geometry.capacityBytes);
    if (size <= largest) return size;
    throw new PerfRingError(
      'ERR_PERF_RECORD_TOO_LARGE',
      `a payload of ${length} bytes makes a record of ${size}; this ring takes at most ${largest}`,
    );
  }

  /**
   * Writes one record, for which there is room.
   * @param position offset of the record in the data area, bytes
   * @returns the payload's offset in the data area, bytes
   * @throws PerfRingError ERR_PERF_CLOSED when the memory was detached
   */
  #frame(position: number, data: Uint8Array, length: number, type: number): number {
    const bytes = this.#bytes as Uint8Array<ArrayBufferLike>;
    if (bytes.length === 0) {
      throw new PerfRingError('ERR_PERF_CLOSED', 'the memory of the ring was detached');
    }
    const view = this.#view as DataView<ArrayBufferLike>;
    const size = recordBytesOf(length, type);
    const start = payloadStartOf(type);
    view.setUint32(position + HEADER_TYPE, type, true);
    view.setUint16(position + HEADER_MISC, 0, true);
    view.setUint16(position + HEADER_SIZE, size, true);
    if (type === PERF_RECORD_SAMPLE) view.setUint32(this.#wrap(position + HEADER_BYTES), size - start, true);
    const payload = this.#wrap(position + start);
    const first = Math.min(length, bytes.length - payload);
    bytes.set(first === length ? data : partOf(data, 0, first), payload);
    if (first < length) bytes.set(partOf(data, first, length - first), 0);
    // The padding does not wrap: it lies within the record's last 8 bytes, and the ring ends on an 8-byte boundary.
    const padding = this.#wrap(payload + length);
    bytes.fill(0, padding, padding + size - start - length);
    return payload;
  }

  #wrap(offset: number): number {
    return offset & (this.#geometry.capacityBytes - 1);
  }
}
