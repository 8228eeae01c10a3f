import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { addon, addonAvailable } from '../addon/load';
import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import { byteLengthOf, isUint8Array, partOf } from '../input/view-span';
import type { SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor, RingRecord } from '../records/record';
import { checkSampleVisitor, checkVisitor } from '../records/record-check';
import { recordFormat } from '../records/record-format';
import type { LoopCounts, SkippedFault } from '../records/record-ring';
import { AtomicsCursors } from './atomics-cursors';
import { type RingGeometry, type RingMemory, ringGeometry } from './geometry';
import { NativeMemoryCursors } from './native-memory-cursors';
import { ReadSide } from './read-side';
import { RecordCursor } from './record-cursor';
import { type PerfRingOptions, ringOptions, timeOffsetOf } from './ring-options';
import { WriteSide } from './write-side';

const ignore: RecordVisitor = () => undefined;

/** A function of the module and not a member of PerfRing: what users hold does not lead to it. */
let internals: (ring: PerfRing) => ReadSide;

/** The reader of a ring, for the modules above. It leads to the ring's memory: nothing of it may reach a user. */
export function internalsOf(ring: PerfRing): ReadSide {
  return internals(ring);
}

/** More records than a ring can hold; a small integer for V8. */
const NO_LIMIT = 2 ** 30 - 1;

/**
 * Layer 1: the protocol of a perf ring buffer, on any memory laid out as the kernel lays it out: a metadata page
 * (struct perf_event_mmap_page) with `data_head` at 1024 and `data_tail` at 1032, then a power-of-two data area.
 *
 * Reading and writing are batched: one acquire when a batch starts, one release when it finishes. One reader and
 * one writer may work at once, in different threads over a SharedArrayBuffer; two of one kind may not.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/perf_event.h struct perf_event_mmap_page
 */
export class PerfRing {
  readonly pageSize: number;
  readonly dataPageCount: number;
  /** Size of the data area, bytes. */
  readonly capacityBytes: number;

  readonly #reader: ReadSide;
  readonly #writer: WriteSide;

  /** Use {@link PerfRing.initContiguous}, or a storage's `ring`. */
  private constructor(geometry: RingGeometry, options: PerfRingOptions) {
    const { format = recordFormat(), cpu = -1, kernelWritten = false, timeInPayload } = options;
    this.pageSize = geometry.pageSize;
    this.dataPageCount = geometry.dataPageCount;
    this.capacityBytes = geometry.capacityBytes;
    const cursors =
      options.cursors ??
      (addonAvailable() ? new NativeMemoryCursors(addon(), geometry) : new AtomicsCursors(geometry));
    const timeOffset = timeOffsetOf(format, timeInPayload);
    const cursor = new RecordCursor(geometry, format, timeOffset, cpu, kernelWritten);
    this.#reader = new ReadSide(geometry, cursors, cursor);
    this.#writer = new WriteSide(geometry, cursors, format);
    Object.freeze(this);
  }

  static {
    internals = (ring) => ring.#reader;
  }

  /**
   * A ring over memory that holds one metadata page and `nPages` data pages.
   * The memory is used as it is: zeroed memory is an empty ring, a filled one is read on.
   *
   * @param memory ArrayBuffer, SharedArrayBuffer, or a view of one that begins on an 8-byte boundary; not resizable
   * @param nPages data pages: a power of two
   * @param pageSize bytes a page: a power of two, at least 2048
   * @throws PerfRingError ERR_PERF_MEMORY_TOO_SHORT, ERR_PERF_MEMORY_UNALIGNED, ERR_PERF_MEMORY_RESIZABLE,
   *   ERR_PERF_NO_DATA_PAGES, ERR_PERF_NOT_POWER_OF_TWO, ERR_PERF_INVALID_ARGUMENT
   */
  static initContiguous(
    memory: RingMemory,
    nPages: number,
    pageSize: number,
    options: PerfRingOptions = {},
  ): PerfRing {
    const plain = ringOptions(options);
    return new PerfRing(ringGeometry(memory, nPages, pageSize), plain);
  }

  /** Whether a value is one, and no look-alike. */
  static is(value: unknown): value is PerfRing {
    return typeof value === 'object' && value !== null && #reader in value;
  }

  /** CPU number, or label, that records carry. */
  get cpu(): number {
    return this.#reader.cpu;
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#reader.cursor.closed;
  }

  /** Whether a read batch is open. */
  get reading(): boolean {
    return this.#reader.inBatch;
  }

  // ------------------------------------------------------------------ writing

  /**
   * Starts a batch of writes: looks (acquire) how much room the reader has given back.
   * @throws PerfRingError ERR_PERF_BATCH_OPEN, ERR_PERF_RING_CORRUPT, ERR_PERF_READ_ONLY, ERR_PERF_CLOSED
   */
  startWriteBatch(): void {
    this.#reader.checkOpen();
    this.#writer.beginBatch();
  }

  /**
   * Writes one record, framed as the kernel frames it. It is seen when the batch finishes.
   * @param data payload, 1 to 65,516 bytes for a sample (65,520 for other types), and no more than the ring holds
   * @param type PERF_RECORD_*; PERF_RECORD_SAMPLE by default
   * @returns the payload's offset in the data area
   * @throws PerfRingError ERR_PERF_RING_FULL (see {@link hasRoomFor}, {@link tryWrite}), ERR_PERF_EMPTY_WRITE,
   *   ERR_PERF_RECORD_TOO_LARGE, ERR_PERF_NO_WRITE_BATCH, ERR_PERF_INVALID_ARGUMENT, ERR_PERF_CLOSED; then nothing
   *   was written
   */
  write(data: Uint8Array, type: number = PERF_RECORD_SAMPLE): number {
    this.#reader.checkOpen();
    return this.#writer.write(data, type);
  }

  /** As {@link write}, but a full ring is the value -1 and no throw. */
  tryWrite(data: Uint8Array, type: number = PERF_RECORD_SAMPLE): number {
    this.#reader.checkOpen();
    return this.#writer.tryWrite(data, type);
  }

  /**
   * Whether a record of `length` payload bytes fits into the batch now.
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, ERR_PERF_NO_WRITE_BATCH, ERR_PERF_CLOSED; ERR_PERF_EMPTY_WRITE,
   *   ERR_PERF_RECORD_TOO_LARGE for what never fits
   */
  hasRoomFor(length: number, type: number = PERF_RECORD_SAMPLE): boolean {
    this.#reader.checkOpen();
    return this.#writer.hasRoomFor(length, type);
  }

  /** Publishes (release) what the batch wrote. */
  finishWriteBatch(): void {
    this.#reader.checkOpen();
    this.#writer.finishBatch();
  }

  // ------------------------------------------------------------------ reading

  /**
   * Starts a batch of reads: looks (acquire) how much is published.
   * @returns bytes to read in this batch, headers included
   * @throws PerfRingError ERR_PERF_BATCH_OPEN, ERR_PERF_CLOSED; ERR_PERF_RING_CORRUPT when data_head and data_tail
   *   are further apart than the ring is long, see {@link resynchronise}
   */
  startReadBatch(): number {
    return this.#reader.start();
  }

  /** Bytes of the batch that have not been popped, headers included; the capacity when the ring was exactly full. */
  bytesRemaining(): number {
    this.#reader.checkBatch();
    return this.#reader.bytesLeft;
  }

  /** Payload length of the next record, bytes (a sample's as padded by the kernel). */
  peekSize(): number {
    return this.#reader.peek().size;
  }

  /** PERF_RECORD_* of the next record. */
  peekType(): number {
    return this.#reader.peek().type;
  }

  /**
   * Copies payload bytes of the next record into `target`, joining a record that wraps.
   * @param offset where in the payload to begin, bytes
   * @param length how many bytes; target.length by default
   * @returns the bytes copied
   * @throws PerfRingError ERR_PERF_OUT_OF_RANGE when offset + length leaves the payload or the target, ERR_PERF_EMPTY,
   *   ERR_PERF_NO_READ_BATCH, ERR_PERF_RING_CORRUPT, ERR_PERF_CLOSED
   */
  peekCopy(target: Uint8Array, offset = 0, length?: number): number {
    const { record } = this.#reader.peek();
    if (!isUint8Array(target)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'target must be a Uint8Array');
    }
    const room = byteLengthOf(target);
    const wanted = length === undefined ? room : length;
    if (!Number.isInteger(wanted) || wanted < 0 || wanted > room) {
      throw new PerfRingError(
        'ERR_PERF_OUT_OF_RANGE',
        `length must be 0 to ${room}, the target's, got ${shown(wanted)}`,
      );
    }
    record.copyTo(wanted === room ? target : partOf(target, 0, wanted), offset);
    return wanted;
  }

  /** The next record, lent until it is popped; null when the batch is read. */
  peek(): RingRecord | null {
    this.#reader.checkBatch();
    return this.#reader.bytesLeft === 0 ? null : this.#reader.peek().record;
  }

  /** Steps over the next record. @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_NO_READ_BATCH, ERR_PERF_RING_CORRUPT */
  pop(): void {
    this.#reader.pop();
  }

  /**
   * Visits the rest of the batch in place, oldest first, without an object or a native call a record.
   * A record whose visitor throws is consumed; the error is passed on and the batch stays open where it stopped.
   *
   * @param visitor called with each record, lent until it returns; {@link STOP} ends the visit after it. Or a query
   *   ({@link prepareQuery}), which takes the samples
   * @param options.other gets records that are no samples; `visitor` by default, where it is a function
   * @param options.limit most records to visit
   * @returns records visited
   * @throws PerfRingError ERR_PERF_RING_CORRUPT, with everything before the bad header visited;
   *   ERR_PERF_CLOSED when the memory is detached under the visit; ERR_PERF_BUSY inside a visitor;
   *   ERR_PERF_INVALID_ARGUMENT, ERR_PERF_NO_READ_BATCH
   */
  visit(visitor: SampleVisitor, options?: { other?: RecordVisitor; limit?: number }): number {
    this.#reader.checkBatch();
    let other = typeof visitor === 'function' ? visitor : ignore;
    let limit = NO_LIMIT;
    if (options !== undefined) {
      const plain = plainOptions(options, ['other', 'limit'], 'ERR_PERF_INVALID_ARGUMENT');
      ({ other = other, limit = NO_LIMIT } = plain);
      // Reading the options may have run code of the caller's.
      this.#reader.checkBatch();
    }
    checkSampleVisitor(visitor, 'visitor');
    checkVisitor(other, 'other');
    if (limit !== Number.POSITIVE_INFINITY && (!Number.isInteger(limit) || limit < 0)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `limit must be a number of records, got ${shown(limit)}`,
      );
    }
    return this.#reader.visit(visitor, other, Math.min(limit, NO_LIMIT));
  }

  /** Which loops have delivered the ring's records. @internal */
  get loopCounts(): LoopCounts {
    return { ...this.#reader.counters.loops };
  }

  /**
   * After a header could not be read in this batch: steps over the record when only its length was cut short by the
   * u16 of its header, else over the rest of the batch, of which nothing can be said.
   */
  skipFault(): SkippedFault {
    return this.#reader.skipFault();
  }

  /**
   * Copies whole records, as they lie in the ring with their headers, in at most two copies however many they are, and
   * pops them. A record that wraps is whole in the copy.
   * @param target as much as fits of the rest of the batch goes into it
   * @returns the bytes and the records copied; 0 when the next record does not fit, or none is left
   * @throws PerfRingError ERR_PERF_RING_CORRUPT when the very next header is corrupt: what lies before one is copied
   *   first, without an error; ERR_PERF_INVALID_ARGUMENT, ERR_PERF_NO_READ_BATCH, ERR_PERF_BUSY inside a visitor,
   *   ERR_PERF_CLOSED, also when the memory was detached
   */
  copyRecords(target: Uint8Array): { readonly bytes: number; readonly records: number } {
    return this.#reader.copyRecords(target);
  }

  /** Gives back (release) what the batch has popped or visited. What was not is read again by the next batch. */
  finishReadBatch(): void {
    this.#reader.checkBatch();
    this.#reader.finishBatch();
  }

  /**
   * After ERR_PERF_RING_CORRUPT: skips everything published and goes on at data_head. Ends an open read batch.
   * @returns bytes skipped, of which nothing can be said; the capacity when data_head and data_tail made no sense
   */
  resynchronise(): number {
    return this.#reader.resynchronise();
  }

  /**
   * Bytes published and not yet consumed (acquire), whether or not a batch is open.
   * @throws PerfRingError ERR_PERF_RING_CORRUPT as {@link startReadBatch}, ERR_PERF_CLOSED
   */
  availableBytes(): number {
    return this.#reader.availableBytes();
  }

  /** Bytes published and neither popped nor visited (acquire), whether or not a batch is open. */
  unreadBytes(): number {
    return this.#reader.availableBytes() - this.#reader.unreleasedBytes;
  }

  /** Ends the ring's use; idempotent. The memory stays its owner's. */
  close(): void {
    this.#reader.close();
  }

  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
