import { HEADER_BYTES } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { byteLengthOf, isUint8Array } from '../input/view-span';
import type { RecordFormat } from '../records/record-format';
import type { RingGeometry } from './geometry';
import { framedBytes, RecordWriter } from './record-framing';
import type { WriterCursors } from './ring-cursors';
import { checkPositions } from './ring-faults';

/** The writer of a ring: finishing a batch publishes its records. {@link PerfRing} documents the methods. */
export class WriteSide {
  readonly #geometry: RingGeometry;
  readonly #cursors: WriterCursors | undefined;
  readonly #format: RecordFormat;
  /** Made when the first batch starts: most rings are only read. */
  #writer: RecordWriter | undefined;
  #inBatch = false;
  #start = 0;
  #room = 0;
  #written = 0;

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
    const room = cursors.free();
    const start = cursors.writeOffset();
    checkPositions(room, start, this.#geometry.capacityBytes);
    this.#writer ??= new RecordWriter(this.#geometry);
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
      `a record of ${framedBytes(byteLengthOf(data), type)} bytes does not fit into the ${this.#room - this.#written} left: finish the batch and let the reader catch up`,
    );
  }

  tryWrite(data: Uint8Array, type: number): number {
    const writer = this.#checkBatch();
    if (!isUint8Array(data)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'data must be a Uint8Array');
    }
    const length = byteLengthOf(data);
    writer.check(length, type);
    const size = framedBytes(length, type);
    if (size > this.#room - this.#written) return -1;
    const position = (this.#start + this.#written) & (this.#geometry.capacityBytes - 1);
    const offset = writer.write(position, data, length, type);
    this.#written += size;
    return offset;
  }

  hasRoomFor(length: number, type: number): boolean {
    const writer = this.#checkBatch();
    if (!Number.isInteger(length) || length < 0) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `length must be bytes, got ${shown(length)}`);
    }
    writer.check(length, type);
    return framedBytes(length, type) <= this.#room - this.#written;
  }

  finishBatch(): void {
    this.#checkBatch();
    this.#inBatch = false;
    if (this.#written > 0) this.#cursors?.publish(this.#written);
  }

  #checkBatch(): RecordWriter {
    if (this.#inBatch && this.#writer !== undefined) return this.#writer;
    throw new PerfRingError(
      'ERR_PERF_NO_WRITE_BATCH',
      'no write batch is open: call startWriteBatch() first',
    );
  }
}
