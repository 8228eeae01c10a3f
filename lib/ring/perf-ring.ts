import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import { byteLengthOf, isUint8Array, partOf } from '../input/view-span';
import type { SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor, RingRecord } from '../records/record';
import { checkSampleVisitor, checkVisitor } from '../records/record-check';
import { recordFormat } from '../records/record-format';
import type { LoopCounts, SkippedFault } from '../records/record-ring';
import { type RingGeometry, type RingMemory, ringGeometry } from './geometry';
import { MemoryCursors } from './memory-cursors';
import { ReadSide } from './read-side';
import { RecordCursor } from './record-cursor';
import { type PerfRingOptions, ringOptions, timeOffsetOf } from './ring-options';
import type { ReaderCursors, WriterCursors } from './ring-cursors';
import { RingWriter } from './ring-writer';

const ignore: RecordVisitor = () => undefined;

// Functions of the module and not members of PerfRing, so that users can't reach them.
let internals: (ring: PerfRing) => ReadSide;
let make: typeof perfRingOver;

/**
 * The reader of a ring, for other modules of the library. It gives access to the ring's memory: never pass it to users.
 */
export function internalsOf(ring: PerfRing): ReadSide {
  return internals(ring);
}

/**
 * For other modules of the library: a ring whose positions are accessed by these cursors.
 * @param options as {@link PerfRing.initContiguous} checks them
 * @param writer absent when the kernel writes the ring: it can only be read
 */
export function perfRingOver(
  geometry: RingGeometry,
  options: PerfRingOptions,
  reader: ReaderCursors,
  writer?: WriterCursors,
): PerfRing {
  return make(geometry, options, reader, writer);
}

/** More records than a ring can hold, and still a small integer in V8. */
const NO_LIMIT = 2 ** 30 - 1;

/**
 * The perf ring buffer protocol on any memory that has the kernel's layout: a metadata page
 * (struct perf_event_mmap_page) with `data_head` at 1024 and `data_tail` at 1032, then a power-of-two data area.
 *
 * Reading and writing are batched: one acquire when a batch starts, one release when it finishes. One reader and
 * one writer may work at the same time, in different threads over a SharedArrayBuffer. Two readers or two writers
 * may not.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/perf_event.h struct perf_event_mmap_page
 */
export class PerfRing {
  readonly pageSize: number;
  readonly dataPageCount: number;
  /** Size of the data area, bytes. */
  readonly capacityBytes: number;

  readonly #reader: ReadSide;
  readonly #writer: RingWriter;

  /** Use {@link PerfRing.initContiguous}, or a storage's `ring`. */
  private constructor(
    geometry: RingGeometry,
    options: PerfRingOptions,
    reader: ReaderCursors,
    writer: WriterCursors | undefined,
  ) {
    const { format = recordFormat(), cpu = -1, kernelWritten = false, timeInPayload } = options;
    this.pageSize = geometry.pageSize;
    this.dataPageCount = geometry.dataPageCount;
    this.capacityBytes = geometry.capacityBytes;
    const timeOffset = timeOffsetOf(format, timeInPayload);
    const cursor = new RecordCursor(geometry, format, timeOffset, cpu, kernelWritten);
    this.#reader = new ReadSide(geometry, reader, cursor);
    this.#writer = new RingWriter(geometry, writer, format);
    Object.freeze(this);
  }

  static {
    internals = (ring) => ring.#reader;
    make = (geometry, options, reader, writer) => new PerfRing(geometry, options, reader, writer);
  }

  /**
   * Makes a ring over memory that holds one metadata page and `nPages` data pages.
   * The memory is not cleared: zeroed memory is an empty ring, and records already in it can be read.
   *
   * @param memory ArrayBuffer, SharedArrayBuffer, or a view of one that begins on an 8-byte boundary; not resizable
   * @param nPages number of data pages: a power of two; the data area has at most 2^30 bytes
   * @param pageSize bytes per page: a power of two, at least 2048
   * @throws PerfRingError ERR_PERF_MEMORY_TOO_SHORT, ERR_PERF_MEMORY_UNALIGNED, ERR_PERF_MEMORY_RESIZABLE,
   *   ERR_PERF_NO_DATA_PAGES, ERR_PERF_NOT_POWER_OF_TWO, ERR_PERF_INVALID_ARGUMENT, ERR_PERF_INVALID_OPTION
   */
  static initContiguous(
    memory: RingMemory,
    nPages: number,
    pageSize: number,
    options: PerfRingOptions = {},
  ): PerfRing {
    const plain = ringOptions(options);
    const geometry = ringGeometry(memory, nPages, pageSize);
    const cursors = new MemoryCursors(geometry);
    return new PerfRing(geometry, plain, cursors, cursors);
  }

  /** Whether a value is a PerfRing made by this class, and not only an object with the same members. */
  static is(value: unknown): value is PerfRing {
    return typeof value === 'object' && value !== null && #reader in value;
  }

  /** CPU number, or another label, that every record of this ring has as `cpu`. */
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
   * Starts a batch of writes: acquires data_tail to learn how much room is free.
   * @throws PerfRingError ERR_PERF_BATCH_OPEN, ERR_PERF_RING_CORRUPT, ERR_PERF_READ_ONLY, ERR_PERF_CLOSED
   */
  startWriteBatch(): void {
    this.#reader.checkOpen();
    this.#writer.beginBatch();
  }

  /**
   * Writes one record, framed as the kernel frames it. The reader sees it when the batch finishes.
   * @param data payload, 1 to 65,516 bytes for a sample (65,520 for other types), and no more than the ring holds
   * @param type PERF_RECORD_*; PERF_RECORD_SAMPLE by default
   * @returns the payload's offset in the data area
   * @throws PerfRingError ERR_PERF_RING_FULL (see {@link hasRoomFor}, {@link tryWrite}), ERR_PERF_EMPTY_WRITE,
   *   ERR_PERF_RECORD_TOO_LARGE, ERR_PERF_NO_WRITE_BATCH, ERR_PERF_INVALID_ARGUMENT, ERR_PERF_CLOSED; nothing is
   *   written when it throws
   */
  write(data: Uint8Array, type: number = PERF_RECORD_SAMPLE): number {
    this.#reader.checkOpen();
    return this.#writer.write(data, type);
  }

  /** Like {@link write}, but returns -1 when the ring is full. */
  tryWrite(data: Uint8Array, type: number = PERF_RECORD_SAMPLE): number {
    this.#reader.checkOpen();
    return this.#writer.tryWrite(data, type);
  }

  /**
   * Whether a record of `length` payload bytes fits into the room that the batch has left.
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, ERR_PERF_NO_WRITE_BATCH, ERR_PERF_CLOSED; ERR_PERF_EMPTY_WRITE or
   *   ERR_PERF_RECORD_TOO_LARGE for a length that can never be written
   */
  hasRoomFor(length: number, type: number = PERF_RECORD_SAMPLE): boolean {
    this.#reader.checkOpen();
    return this.#writer.hasRoomFor(length, type);
  }

  /**
   * Releases data_head: publishes the records written in the batch.
   * @throws PerfRingError ERR_PERF_NO_WRITE_BATCH, ERR_PERF_CLOSED
   */
  finishWriteBatch(): void {
    this.#reader.checkOpen();
    this.#writer.finishBatch();
  }

  // ------------------------------------------------------------------ reading

  /**
   * Starts a batch of reads: acquires data_head to learn how much is published.
   * @returns bytes to read in this batch, headers included
   * @throws PerfRingError ERR_PERF_BATCH_OPEN, ERR_PERF_CLOSED; ERR_PERF_RING_CORRUPT when the distance from data_tail
   *   to data_head is not between 0 and the capacity, or not a multiple of 8, see {@link resynchronise}
   */
  startReadBatch(): number {
    return this.#reader.start();
  }

  /**
   * Bytes of the batch not popped or visited yet, headers included: 0 to {@link capacityBytes}.
   * @throws PerfRingError ERR_PERF_NO_READ_BATCH, ERR_PERF_BUSY inside a visitor, ERR_PERF_CLOSED
   */
  bytesRemaining(): number {
    this.#reader.checkBatch();
    return this.#reader.bytesLeft;
  }

  /**
   * Payload length of the next record, bytes. For a sample it includes the kernel's padding.
   * @throws PerfRingError like {@link pop}
   */
  peekSize(): number {
    return this.#reader.peek().size;
  }

  /** PERF_RECORD_* of the next record. @throws PerfRingError like {@link pop} */
  peekType(): number {
    return this.#reader.peek().type;
  }

  /**
   * Copies payload bytes of the next record into `target`, joining a record that wraps.
   * @param offset first byte of the payload to copy
   * @param length number of bytes to copy; target.length by default
   * @returns number of bytes copied
   * @throws PerfRingError ERR_PERF_OUT_OF_RANGE when the range exceeds the payload or the target, ERR_PERF_EMPTY,
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

  /**
   * The next record, valid until it is popped; null when the batch has no more records.
   * @throws PerfRingError ERR_PERF_NO_READ_BATCH, ERR_PERF_RING_CORRUPT, ERR_PERF_BUSY inside a visitor,
   *   ERR_PERF_CLOSED
   */
  peek(): RingRecord | null {
    this.#reader.checkBatch();
    return this.#reader.bytesLeft === 0 ? null : this.#reader.peek().record;
  }

  /**
   * Consumes the next record.
   * @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_NO_READ_BATCH, ERR_PERF_RING_CORRUPT, ERR_PERF_BUSY inside a
   *   visitor, ERR_PERF_CLOSED
   */
  pop(): void {
    this.#reader.pop();
  }

  /**
   * Visits the rest of the batch in place, oldest first. It makes no object and no native call per record.
   * When a visitor throws, its record is consumed, visit() throws the same error, and the batch stays open.
   *
   * @param visitor called with each record, which is valid until the visitor returns; returning {@link STOP} ends the
   *   visit after that record. A query ({@link prepareQuery}) can be passed instead; it takes the samples
   * @param options.other called with records other than samples; default: `visitor` if it is a function, else they are
   *   ignored
   * @param options.limit most records to visit; no limit by default
   * @returns number of records visited
   * @throws PerfRingError ERR_PERF_RING_CORRUPT, after every record before the corrupt header was visited;
   *   ERR_PERF_CLOSED when the memory is detached during the visit; ERR_PERF_BUSY inside a visitor;
   *   ERR_PERF_INVALID_ARGUMENT, ERR_PERF_NO_READ_BATCH
   */
  visit(visitor: SampleVisitor, options?: { other?: RecordVisitor; limit?: number }): number {
    this.#reader.checkBatch();
    let other = typeof visitor === 'function' ? visitor : ignore;
    let limit = NO_LIMIT;
    if (options !== undefined) {
      const plain = plainOptions(options, ['other', 'limit'], 'ERR_PERF_INVALID_ARGUMENT');
      ({ other = other, limit = NO_LIMIT } = plain);
      // Reading the options may have run the caller's code.
      this.#reader.checkBatch();
    }
    checkSampleVisitor(visitor, 'visitor');
    if (other !== visitor) checkVisitor(other, 'other');
    if (limit !== Number.POSITIVE_INFINITY && (!Number.isInteger(limit) || limit < 0)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `limit must be a number of records, got ${shown(limit)}`,
      );
    }
    return this.#reader.visit(visitor, other, Math.min(limit, NO_LIMIT));
  }

  /** Number of records that each loop has delivered. @internal */
  get loopCounts(): LoopCounts {
    return { ...this.#reader.counters.loops };
  }

  /**
   * Call it after ERR_PERF_RING_CORRUPT from a read of this batch. Skips one record when only its length is damaged
   * (a record of 64 KiB or more, whose length does not fit into the u16 of its header), else the rest of the batch.
   * @returns what was skipped, and the error that describes it
   * @throws PerfRingError ERR_PERF_NO_READ_BATCH, ERR_PERF_BUSY inside a visitor, ERR_PERF_CLOSED
   */
  skipFault(): SkippedFault {
    return this.#reader.skipFault();
  }

  /**
   * Copies as many whole records with their headers as fit into `target`, and pops them. It needs at most two copies,
   * whatever the number of records. A record that wraps is contiguous in the copy.
   * @returns number of bytes and of records copied; both 0 when the next record does not fit, or none is left
   * @throws PerfRingError ERR_PERF_RING_CORRUPT when the next header is corrupt: records before a corrupt header are
   *   copied first, without an error; ERR_PERF_INVALID_ARGUMENT, ERR_PERF_NO_READ_BATCH, ERR_PERF_BUSY inside a
   *   visitor, ERR_PERF_CLOSED, also when the memory was detached
   */
  copyRecords(target: Uint8Array): { readonly bytes: number; readonly records: number } {
    return this.#reader.copyRecords(target);
  }

  /**
   * Releases the records that the batch has popped or visited. The next batch begins with the first of the others.
   * @throws PerfRingError ERR_PERF_NO_READ_BATCH, ERR_PERF_BUSY inside a visitor, ERR_PERF_CLOSED;
   *   ERR_PERF_RING_CORRUPT when data_head moved back meanwhile
   */
  finishReadBatch(): void {
    this.#reader.checkBatch();
    this.#reader.finishBatch();
  }

  /**
   * Call it after ERR_PERF_RING_CORRUPT. It sets data_tail to data_head, which skips everything published, and ends an
   * open read batch.
   * @returns bytes skipped, contents unknown; the capacity when data_head and data_tail were not valid positions
   * @throws PerfRingError ERR_PERF_BUSY inside a visitor, ERR_PERF_CLOSED
   */
  resynchronise(): number {
    return this.#reader.resynchronise();
  }

  /**
   * Bytes published and not released yet, whether or not a batch is open. Acquires data_head.
   * @throws PerfRingError ERR_PERF_RING_CORRUPT like {@link startReadBatch}, ERR_PERF_CLOSED
   */
  availableBytes(): number {
    return this.#reader.availableBytes();
  }

  /**
   * Bytes published and neither popped nor visited, whether or not a batch is open. Acquires data_head.
   * @throws PerfRingError like {@link availableBytes}
   */
  unreadBytes(): number {
    return this.#reader.availableBytes() - this.#reader.unreleasedBytes;
  }

  /** Closes the ring; idempotent. The memory is neither freed nor changed. */
  close(): void {
    this.#reader.close();
  }

  /** Calls {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
