import { HEADER_BYTES, HEADER_SIZE, HEADER_TYPE, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { addon, addonAvailable } from '../addon/load';
import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { AtomicsCursors } from './atomics-cursors';
import { type RingGeometry, type RingMemory, ringGeometry } from './geometry';
import { NativeMemoryCursors } from './native-memory-cursors';
import type { SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor, RingRecord } from '../records/record';
import { checkSampleVisitor, checkVisitor } from '../records/record-check';
import { scanInBulk } from './bulk-scan';
import { RecordCursor } from './record-cursor';
import { framedBytes, RecordWriter } from './record-framing';
import { SCAN_FAULT, SCAN_LIMIT, SCAN_THREW, type Scan, ScanState, scanAll, scanOf } from './record-scan';
import type { RingCursors } from './ring-cursors';
import { type PerfRingOptions, ringOptions, timeOffsetOf } from './ring-options';
import { ABSENT, recordFormat } from '../records/record-format';
import { shown } from '../input/shown';
import { LoopCache, LoopCopies, type LoopCounts, noLoopCounts } from './specialise';
import { byteLengthOf, isUint8Array, partOf } from '../input/view-span';

/** What {@link PerfRing.skipFault} stepped over. */
export interface SkippedFault {
  /** `truncated`: one sample past the 64 KiB law. `corrupt`: everything up to the head. */
  readonly kind: 'truncated' | 'corrupt';
  readonly skippedBytes: number;
  /** ERR_PERF_RING_CORRUPT, naming position and header. */
  readonly error: PerfRingError;
}

/** Records that a ring has delivered, by what delivered them. Records taken by a merge count there. */
export interface RingLoopCounts extends Readonly<LoopCounts> {
  /** One by one: records that wrap or are no samples, and those that were popped or copied. */
  readonly single: number;
}

/** What the modules above need of a ring. It leads to the ring's memory: nothing of it may reach a user. */
export interface RingInternals {
  /** Stands on a record of the open batch. */
  readonly cursor: RecordCursor;
  /** Where the open batch stands. */
  readonly state: ScanState;
  /** Lends the batch to a merge, which moves the cursor itself, or takes it back. The ring forgets what it had loaded. */
  lend(lent: boolean): void;
  /** As {@link PerfRing.visit}, but returns how the scan ended, and throws nothing that a visitor threw. */
  scan(sample: SampleVisitor, other: RecordVisitor, limit: number): ScanState;
}

/** A function of the module and not a member of PerfRing: what users hold does not lead to it. */
let internals: (ring: PerfRing) => RingInternals;

export function internalsOf(ring: PerfRing): RingInternals {
  return internals(ring);
}

/** More records than a ring can hold; a small integer for V8. */
const NO_LIMIT = 2 ** 30 - 1;

const scans = new LoopCopies(scanOf, (factory) => {
  const geometry = ringGeometry(new ArrayBuffer(4096), 1, 2048);
  const probe = new RecordCursor(geometry, recordFormat(), ABSENT, -1, false);
  factory(probe)(new ScanState(), 1, () => undefined);
});

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

  readonly #cursors: RingCursors;
  readonly #cursor: RecordCursor;
  readonly #scans: LoopCache<Scan>;
  readonly #geometry: RingGeometry;
  readonly #scan = new ScanState();
  readonly #counts = noLoopCounts();
  #singles = 0;
  #writer: RecordWriter | undefined;
  #closed = false;

  #reading = false;
  /** A visitor is running: the batch is the visit's. */
  #visiting = false;
  /** Who visited last in this batch: a visitor that comes back within it has not come back. */
  #scanned: SampleVisitor | undefined;
  /** Bytes available when the read batch started. */
  #batchBytes = 0;
  /** Size in the ring of the record under the cursor; 0 when it has not been loaded. */
  #loaded = 0;

  readonly #internals: RingInternals;

  #writing = false;
  #writeStart = 0;
  #writeRoom = 0;
  #written = 0;

  /** Use {@link PerfRing.initContiguous}, or a storage's `ring`. */
  private constructor(geometry: RingGeometry, options: PerfRingOptions) {
    const format = options.format ?? recordFormat();
    this.#geometry = geometry;
    this.pageSize = geometry.pageSize;
    this.dataPageCount = geometry.dataPageCount;
    this.capacityBytes = geometry.capacityBytes;
    this.#cursors =
      options.cursors ??
      (addonAvailable() ? new NativeMemoryCursors(addon(), geometry) : new AtomicsCursors(geometry));
    const timeOffset = timeOffsetOf(format, options.timeInPayload);
    const { cpu = -1, kernelWritten = false } = options;
    const cursor = new RecordCursor(geometry, format, timeOffset, cpu, kernelWritten);
    this.#cursor = cursor;
    this.#scans = new LoopCache(scanOf(cursor), (visitor) => scans.copyFor(visitor)?.(cursor), this.#counts);
    this.#internals = {
      cursor,
      state: this.#scan,
      lend: (lent) => this.#lend(lent),
      scan: (sample, other, limit) => this.#scanBatch(sample, other, limit),
    };
    Object.freeze(this);
  }

  static {
    internals = (ring) => ring.#internals;
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
    return typeof value === 'object' && value !== null && #geometry in value;
  }

  /** CPU number, or label, that records carry. */
  get cpu(): number {
    return this.#cursor.cpu;
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether a read batch is open. */
  get reading(): boolean {
    return this.#reading;
  }

  // ------------------------------------------------------------------ writing

  /**
   * Starts a batch of writes: looks (acquire) how much room the reader has given back.
   * @throws PerfRingError ERR_PERF_BATCH_OPEN, ERR_PERF_RING_CORRUPT, ERR_PERF_READ_ONLY, ERR_PERF_CLOSED
   */
  startWriteBatch(): void {
    this.#checkOpen();
    if (this.#writing) throw batchOpen('write');
    if (this.#cursor.format.rawOffset !== HEADER_BYTES) {
      throw new PerfRingError(
        'ERR_PERF_READ_ONLY',
        'samples of this format have more than a payload, which only the kernel writes: the ring can only be read',
      );
    }
    const room = this.#cursors.free();
    const start = this.#cursors.writeOffset();
    if (!this.#isDistance(room) || !this.#isPlace(start)) throw this.#corruptCursors();
    this.#writer ??= new RecordWriter(this.#geometry);
    this.#writeStart = start;
    this.#writeRoom = room;
    this.#written = 0;
    this.#writing = true;
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
    const offset = this.tryWrite(data, type);
    if (offset < 0) {
      throw new PerfRingError(
        'ERR_PERF_RING_FULL',
        `a record of ${framedBytes(byteLengthOf(data), type)} bytes does not fit into the ${this.#writeRoom - this.#written} left: finish the batch and let the reader catch up`,
      );
    }
    return offset;
  }

  /** As {@link write}, but a full ring is the value -1 and no throw. */
  tryWrite(data: Uint8Array, type: number = PERF_RECORD_SAMPLE): number {
    const writer = this.#checkWriting();
    if (!isUint8Array(data)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'data must be a Uint8Array');
    }
    const length = byteLengthOf(data);
    writer.check(length, type);
    const size = framedBytes(length, type);
    if (size > this.#writeRoom - this.#written) return -1;
    const position = (this.#writeStart + this.#written) & (this.capacityBytes - 1);
    const offset = writer.write(position, data, length, type);
    this.#written += size;
    return offset;
  }

  /**
   * Whether a record of `length` payload bytes fits into the batch now.
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, ERR_PERF_NO_WRITE_BATCH, ERR_PERF_CLOSED; ERR_PERF_EMPTY_WRITE,
   *   ERR_PERF_RECORD_TOO_LARGE for what never fits
   */
  hasRoomFor(length: number, type: number = PERF_RECORD_SAMPLE): boolean {
    const writer = this.#checkWriting();
    if (!Number.isInteger(length) || length < 0) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `length must be bytes, got ${shown(length)}`);
    }
    writer.check(length, type);
    return framedBytes(length, type) <= this.#writeRoom - this.#written;
  }

  /** Publishes (release) what the batch wrote. */
  finishWriteBatch(): void {
    this.#checkWriting();
    this.#writing = false;
    if (this.#written > 0) this.#cursors.publish(this.#written);
  }

  // ------------------------------------------------------------------ reading

  /**
   * Starts a batch of reads: looks (acquire) how much is published.
   * @returns bytes to read in this batch, headers included
   * @throws PerfRingError ERR_PERF_BATCH_OPEN, ERR_PERF_CLOSED; ERR_PERF_RING_CORRUPT when data_head and data_tail
   *   are further apart than the ring is long, see {@link resynchronise}
   */
  startReadBatch(): number {
    this.#checkOpen();
    if (this.#reading) throw batchOpen('read');
    const available = this.#cursors.available();
    const offset = this.#cursors.readOffset();
    if (!this.#isDistance(available) || !this.#isPlace(offset)) throw this.#corruptCursors();
    this.#scan.position = offset;
    this.#scan.left = available;
    this.#batchBytes = available;
    this.#loaded = 0;
    this.#scanned = undefined;
    this.#reading = true;
    return available;
  }

  /** Bytes of the batch that have not been popped, headers included; the capacity when the ring was exactly full. */
  bytesRemaining(): number {
    this.#checkReading();
    return this.#scan.left;
  }

  /** Payload length of the next record, bytes (a sample's as padded by the kernel). */
  peekSize(): number {
    return this.#peek().size;
  }

  /** PERF_RECORD_* of the next record. */
  peekType(): number {
    return this.#peek().type;
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
    const { record } = this.#peek();
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
    this.#checkReading();
    return this.#scan.left === 0 ? null : this.#peek().record;
  }

  /** Steps over the next record. @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_NO_READ_BATCH, ERR_PERF_RING_CORRUPT */
  pop(): void {
    this.#peek();
    this.#scan.position = (this.#scan.position + this.#loaded) & (this.capacityBytes - 1);
    this.#scan.left -= this.#loaded;
    this.#singles++;
    this.#loaded = 0;
    this.#cursor.leave();
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
    this.#checkReading();
    let other = typeof visitor === 'function' ? visitor : skip;
    let limit = NO_LIMIT;
    if (options !== undefined) {
      const plain = plainOptions(options, ['other', 'limit'], 'ERR_PERF_INVALID_ARGUMENT');
      ({ other = other, limit = NO_LIMIT } = plain);
      // Reading the options may have run code of the caller's.
      this.#checkReading();
    }
    checkSampleVisitor(visitor, 'visitor');
    checkVisitor(other, 'other');
    if (limit !== Number.POSITIVE_INFINITY && (!Number.isInteger(limit) || limit < 0)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `limit must be a number of records, got ${shown(limit)}`,
      );
    }
    const state = this.#scanBatch(visitor, other, Math.min(limit, NO_LIMIT));
    const { records } = state;
    if (state.outcome === SCAN_THREW) {
      const { thrown } = state;
      state.thrown = undefined;
      throw thrown;
    }
    if (state.outcome === SCAN_FAULT) throw this.#corruptHeader();
    return records;
  }

  #scanBatch(sample: SampleVisitor, other: RecordVisitor, limit: number): ScanState {
    this.#checkReading();
    const state = this.#scan;
    this.#loaded = 0;
    this.#visiting = true;
    try {
      if (typeof sample === 'function') {
        scanAll(this.#scans.loopFor(sample), this.#cursor, state, limit, sample, other);
      } else {
        scanInBulk(sample, this.#cursor, state, limit, other);
      }
      // Headers are compared ahead of visits: a visitor that detached the memory may have been the last to be checked.
      if (state.outcome <= SCAN_LIMIT) this.#cursor.checkAttached();
    } catch (error) {
      // The loop passes nothing on, but calling it may exhaust the stack.
      state.outcome = SCAN_THREW;
      state.thrown = error;
    } finally {
      this.#visiting = false;
      this.#cursor.leave();
    }
    if (state.outcome === SCAN_THREW) state.thrown = this.#cursor.explain(state.thrown);
    this.#singles += state.singles;
    if (typeof sample === 'function') {
      this.#scans.saw(sample, state.records - state.singles, sample === this.#scanned);
    }
    this.#scanned = sample;
    return state;
  }

  /** Which loops have delivered the ring's records. @internal */
  get loopCounts(): RingLoopCounts {
    return { ...this.#counts, single: this.#singles };
  }

  #lend(lent: boolean): void {
    this.#visiting = lent;
    this.#loaded = 0;
    this.#cursor.leave();
  }

  /**
   * After a header could not be read in this batch: steps over the record when only its length was cut short by the
   * u16 of its header, else over the rest of the batch, of which nothing can be said.
   */
  skipFault(): SkippedFault {
    this.#checkReading();
    const error = this.#corruptHeader();
    const { fault } = this.#cursor;
    const state = this.#scan;
    const size = this.#headerSize();
    // The header is read anew: a hostile writer may have changed it, and every step must lead on.
    const truncated = fault === 'truncated' && size >= 8 && size % 8 === 0 && size <= state.left;
    const skippedBytes = truncated ? size : state.left;
    state.position = (state.position + skippedBytes) & (this.capacityBytes - 1);
    state.left -= skippedBytes;
    this.#loaded = 0;
    this.#cursor.leave();
    return { kind: truncated ? 'truncated' : 'corrupt', skippedBytes, error };
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
    this.#checkReading();
    if (!isUint8Array(target)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'target must be a Uint8Array');
    }
    const room = byteLengthOf(target);
    const state = this.#scan;
    const { position, left } = state;
    let records = 0;
    this.#loaded = 0;
    while (state.left > 0) {
      const size = this.#loadNext();
      if (size === 0 && records === 0) throw this.#corruptHeader();
      if (size === 0 || left - state.left + size > room) break;
      state.position = (state.position + size) & (this.capacityBytes - 1);
      state.left -= size;
      records++;
    }
    this.#cursor.leave();
    this.#singles += records;
    const bytes = left - state.left;
    if (bytes === 0) return { bytes, records };
    const data = new Uint8Array(this.#geometry.buffer, this.#geometry.dataOffset, this.capacityBytes);
    const first = Math.min(bytes, this.capacityBytes - position);
    // A plain view: a subclass may have a set() of its own.
    const copy = partOf(target, 0, bytes);
    copy.set(data.subarray(position, position + first));
    if (first < bytes) copy.set(data.subarray(0, bytes - first), first);
    return { bytes, records };
  }

  /** Gives back (release) what the batch has popped or visited. What was not is read again by the next batch. */
  finishReadBatch(): void {
    this.#checkReading();
    this.#reading = false;
    this.#cursor.leave();
    const consumed = this.#batchBytes - this.#scan.left;
    if (consumed > 0) this.#cursors.consume(consumed);
  }

  /**
   * After ERR_PERF_RING_CORRUPT: skips everything published and goes on at data_head. Ends an open read batch.
   * @returns bytes skipped, of which nothing can be said; the capacity when data_head and data_tail made no sense
   */
  resynchronise(): number {
    this.#checkOpen();
    this.#checkNotVisiting();
    this.#cursor.leave();
    const consumed = this.#reading ? this.#batchBytes - this.#scan.left : 0;
    this.#reading = false;
    const skipped = this.#cursors.skipToHead();
    return this.#isDistance(skipped) ? Math.max(0, skipped - consumed) : this.capacityBytes;
  }

  /**
   * Bytes published and not yet consumed (acquire), whether or not a batch is open.
   * @throws PerfRingError ERR_PERF_RING_CORRUPT as {@link startReadBatch}, ERR_PERF_CLOSED
   */
  availableBytes(): number {
    this.#checkOpen();
    const available = this.#cursors.available();
    if (!this.#isDistance(available)) throw this.#corruptCursors();
    return available;
  }

  /** Bytes published and neither popped nor visited (acquire), whether or not a batch is open. */
  unreadBytes(): number {
    return this.availableBytes() - (this.#reading ? this.#batchBytes - this.#scan.left : 0);
  }

  /** Ends the ring's use; idempotent. The memory stays its owner's. */
  close(): void {
    this.#closed = true;
    this.#reading = false;
    this.#writing = false;
    this.#cursor.close();
  }

  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #peek(): RecordCursor {
    this.#checkReading();
    if (this.#loaded > 0) return this.#cursor.current;
    if (this.#scan.left === 0) {
      throw new PerfRingError(
        'ERR_PERF_EMPTY',
        'the batch holds no more records: finish it and start another',
      );
    }
    this.#loaded = this.#loadNext();
    if (this.#loaded === 0) throw this.#corruptHeader();
    return this.#cursor.current;
  }

  /**
   * Loads the next record of the batch.
   * @returns its size in the ring; 0 for a header that is corrupt
   * @throws PerfRingError ERR_PERF_CLOSED when the memory was detached
   */
  #loadNext(): number {
    try {
      return this.#cursor.load(this.#scan.position, this.#scan.left);
    } catch (error) {
      throw this.#cursor.explain(error);
    }
  }

  /** Whether data_head and data_tail can be so far apart. */
  #isDistance(bytes: number): boolean {
    return bytes >= 0 && bytes <= this.capacityBytes && bytes % 8 === 0;
  }

  /** Whether data_head or data_tail can stand there: cursors may be the caller's own. */
  #isPlace(offset: number): boolean {
    return offset >= 0 && offset < this.capacityBytes && offset % 8 === 0;
  }

  #checkOpen(): void {
    if (this.#closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the ring was closed');
  }

  #checkReading(): void {
    this.#checkOpen();
    if (!this.#reading) {
      throw new PerfRingError('ERR_PERF_NO_READ_BATCH', 'no read batch is open: call startReadBatch() first');
    }
    this.#checkNotVisiting();
  }

  #checkNotVisiting(): void {
    if (this.#visiting) {
      throw new PerfRingError('ERR_PERF_BUSY', 'a visitor is running: the batch is its until it returns');
    }
  }

  #checkWriting(): RecordWriter {
    this.#checkOpen();
    if (!this.#writing || this.#writer === undefined) {
      throw new PerfRingError(
        'ERR_PERF_NO_WRITE_BATCH',
        'no write batch is open: call startWriteBatch() first',
      );
    }
    return this.#writer;
  }

  #corruptHeader(): PerfRingError {
    const { position, left } = this.#scan;
    const type = this.#dataView().getUint32(position + HEADER_TYPE, true);
    const size = this.#headerSize();
    return new PerfRingError(
      'ERR_PERF_RING_CORRUPT',
      `corrupt header at ${position} of ${this.capacityBytes}: type ${type}, size ${size}, with ${left} bytes available (${this.#cursor.fault}); resynchronise() skips to data_head`,
    );
  }

  #headerSize(): number {
    return this.#dataView().getUint16(this.#scan.position + HEADER_SIZE, true);
  }

  #dataView(): DataView<ArrayBufferLike> {
    try {
      return new DataView(this.#geometry.buffer, this.#geometry.dataOffset, this.capacityBytes);
    } catch (error) {
      throw this.#cursor.explain(error);
    }
  }

  #corruptCursors(): PerfRingError {
    return new PerfRingError(
      'ERR_PERF_RING_CORRUPT',
      `data_head and data_tail do not lie within ${this.capacityBytes} bytes, on 8-byte boundaries: resynchronise() skips to data_head`,
    );
  }
}

const skip: RecordVisitor = () => undefined;

function batchOpen(kind: string): PerfRingError {
  return new PerfRingError('ERR_PERF_BATCH_OPEN', `a ${kind} batch is open already: finish it first`);
}
