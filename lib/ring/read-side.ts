import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { byteLengthOf, isUint8Array, partOf } from '../input/view-span';
import type { SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor, RingRecord } from '../records/record';
import { RingCounters, type RecordRing, type SkippedFault } from '../records/record-ring';
import { scanInBulk } from './bulk-scan';
import type { RingGeometry } from './geometry';
import type { RecordCursor } from './record-cursor';
import {
  SCAN_END,
  SCAN_FAULT,
  SCAN_LIMIT,
  SCAN_STOPPED,
  SCAN_THREW,
  type SampleLoops,
  ScanState,
  scanAll,
} from './record-scan';
import type { ReaderCursors } from './ring-cursors';
import { checkPositions, faultAt, isCorrupt, isDistance } from './ring-faults';
import { ringLoops } from './ring-loops';
import type { LoopCache } from './specialise';

/**
 * The reader of a perf ring. It gives access to the ring's memory: never pass it to users. They hold a
 * {@link PerfRing}, which documents the methods of the same names.
 *
 * `state` alone holds the position: the offset of the next record, and the bytes left in the batch. A merge moves the
 * position itself while it runs (between {@link lend} and {@link takeBack}).
 */
export class ReadSide implements RecordRing {
  /** Stands on a record of the open batch. */
  readonly cursor: RecordCursor;
  /** Position in the open batch. */
  readonly state = new ScanState();
  readonly counters = new RingCounters();
  onFault: ((fault: SkippedFault) => void) | undefined;
  readonly cursors: ReaderCursors;
  readonly #geometry: RingGeometry;
  readonly #loops: LoopCache<SampleLoops>;
  #inBatch = false;
  /** A visit or a merge is running: no other call may change the batch. */
  #visiting = false;
  /** Bytes found when the batch began. */
  #batchBytes = 0;
  /** Bytes in the ring of the record that was peeked at; 0 when there is none. */
  #loaded = 0;
  /** The visitor of the last visit in this batch: calls within one batch count as one call. */
  #lastVisitor: SampleVisitor | undefined;
  /** Visitor of the running visit for records other than samples. */
  #other: RecordVisitor = () => undefined;
  readonly #countedOther: RecordVisitor = (record) => {
    this.counters.countLost(record);
    return this.#other(record);
  };

  constructor(geometry: RingGeometry, cursors: ReaderCursors, cursor: RecordCursor) {
    this.#geometry = geometry;
    this.cursors = cursors;
    this.cursor = cursor;
    this.#loops = ringLoops(cursor, this.counters.loops);
  }

  get cpu(): number {
    return this.cursor.cpu;
  }

  get inBatch(): boolean {
    return this.#inBatch;
  }

  get bytesLeft(): number {
    return this.#inBatch ? this.state.left : 0;
  }

  get stopped(): boolean {
    return this.state.outcome === SCAN_STOPPED;
  }

  // ------------------------------------------------------------------ batches

  /** Like {@link beginBatch}, but throws when data_head and data_tail are not valid positions. */
  start(): number {
    this.checkOpen();
    return this.#startAt(this.cursors.available(), this.cursors.readOffset());
  }

  #startAt(available: number, offset: number): number {
    this.checkOpen();
    if (this.#inBatch) {
      throw new PerfRingError('ERR_PERF_BATCH_OPEN', 'a read batch is open already: finish it first');
    }
    const { state, counters } = this;
    checkPositions(available, offset, this.#geometry.capacityBytes);
    state.position = offset;
    state.left = available;
    this.#batchBytes = available;
    this.#loaded = 0;
    this.#lastVisitor = undefined;
    this.#inBatch = true;
    counters.foundBytes = available;
    counters.updateHighWater(available);
    return available;
  }

  beginBatch(): number {
    this.checkOpen();
    return this.beginBatchAt(this.cursors.available(), this.cursors.readOffset());
  }

  /** {@link beginBatch} with positions that were acquired just now, see {@link ReaderCursors}. */
  beginBatchAt(available: number, offset: number): number {
    try {
      return this.#startAt(available, offset);
    } catch (error) {
      if (this.onFault === undefined || !isCorrupt(error)) throw error;
      const fault: SkippedFault = { kind: 'corrupt', skippedBytes: this.resynchronise(), error };
      this.counters.countFault(fault);
      this.counters.releasedBytes = this.counters.consumedBytes;
      this.onFault(fault);
      try {
        return this.start();
      } catch (again) {
        // data_head itself is not valid: no batch is open in this ring, and other rings are read on.
        if (!isCorrupt(again)) throw again;
        return 0;
      }
    }
  }

  finishBatch(): void {
    const bytes = this.endBatch();
    if (bytes === 0) return;
    this.cursors.consume(bytes);
    this.counters.releasedBytes += bytes;
  }

  /** Ends the batch, if one is open, without releasing anything. @returns bytes that the caller must release */
  endBatch(): number {
    if (!this.#inBatch) return 0;
    this.#inBatch = false;
    this.cursor.leave();
    return this.#batchBytes - this.state.left;
  }

  /** @returns bytes skipped; the caller must count them */
  resynchronise(): number {
    this.checkOpen();
    this.checkNotVisiting();
    this.cursor.leave();
    const { capacityBytes } = this.#geometry;
    const consumed = this.#inBatch ? this.#batchBytes - this.state.left : 0;
    this.#inBatch = false;
    const skipped = this.cursors.skipToHead();
    return isDistance(skipped, capacityBytes) ? Math.max(0, skipped - consumed) : capacityBytes;
  }

  close(): void {
    this.#inBatch = false;
    this.cursor.close();
  }

  // ------------------------------------------------------------------ visits

  visit(sample: SampleVisitor, other: RecordVisitor, limit: number): number {
    const { state, cursor, counters } = this;
    let records = 0;
    state.outcome = SCAN_END;
    while (this.bytesLeft > 0) {
      this.checkNotVisiting();
      const { left } = state;
      this.#loaded = 0;
      this.#other = other;
      this.#visiting = true;
      try {
        if (typeof sample !== 'function')
          scanInBulk(sample, cursor, state, limit - records, this.#countedOther);
        else {
          scanAll(
            this.#loops.loopFor(sample, left),
            cursor,
            state,
            limit - records,
            sample,
            this.#countedOther,
          );
        }
        // Headers are compared before visits, so the loop does not notice when the last visitor detaches the memory.
        if (state.outcome <= SCAN_LIMIT) cursor.checkAttached();
      } catch (error) {
        // The loop catches what visitors throw, but calling it may exhaust the stack.
        state.outcome = SCAN_THREW;
        state.thrown = error;
      } finally {
        this.#visiting = false;
        cursor.leave();
      }
      records += state.records;
      counters.consumedBytes += left - state.left;
      counters.samples += state.records - state.others;
      counters.others += state.others;
      counters.loops.single += state.singles;
      if (typeof sample === 'function') {
        this.#loops.countRecords(sample, state.records - state.singles, sample === this.#lastVisitor);
      }
      this.#lastVisitor = sample;
      if (state.outcome === SCAN_THREW) throw this.#takeThrown();
      if (state.outcome !== SCAN_FAULT) return records;
      if (this.onFault === undefined) throw this.fault().error;
      this.report(this.skipFault());
    }
    return records;
  }

  /** Returns what the visitor threw, and clears it. */
  #takeThrown(): unknown {
    const { thrown } = this.state;
    this.state.thrown = undefined;
    return this.cursor.explain(thrown);
  }

  next(): RingRecord | null {
    this.checkNotVisiting();
    while (this.bytesLeft > 0) {
      const size = this.#load();
      if (size === 0) {
        if (this.onFault === undefined) throw this.fault().error;
        this.report(this.skipFault());
        continue;
      }
      const { current } = this.cursor;
      current.late = false;
      this.#consume(size);
      return current.record;
    }
    this.cursor.leave();
    return null;
  }

  /** Loads the next record without consuming it. @throws PerfRingError ERR_PERF_EMPTY, ERR_PERF_RING_CORRUPT */
  peek(): RecordCursor {
    this.checkBatch();
    if (this.#loaded > 0) return this.cursor.current;
    if (this.state.left === 0) {
      throw new PerfRingError(
        'ERR_PERF_EMPTY',
        'the batch holds no more records: finish it and start another',
      );
    }
    this.#loaded = this.#load();
    if (this.#loaded === 0) throw this.fault().error;
    return this.cursor.current;
  }

  /** Consumes the next record. */
  pop(): void {
    this.peek();
    this.#consume(this.#loaded);
    this.cursor.leave();
  }

  copyRecords(target: Uint8Array): { readonly bytes: number; readonly records: number } {
    this.checkBatch();
    if (!isUint8Array(target)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'target must be a Uint8Array');
    }
    const room = byteLengthOf(target);
    const { buffer, dataOffset, capacityBytes } = this.#geometry;
    const { position, left } = this.state;
    let records = 0;
    while (this.state.left > 0) {
      const size = this.#load();
      if (size === 0 && records === 0) throw this.fault().error;
      if (size === 0 || left - this.state.left + size > room) break;
      this.#consume(size);
      records++;
    }
    this.cursor.leave();
    const bytes = left - this.state.left;
    if (bytes === 0) return { bytes, records };
    const data = new Uint8Array(buffer, dataOffset, capacityBytes);
    const first = Math.min(bytes, capacityBytes - position);
    // A plain view: a subclass may override set().
    const copy = partOf(target, 0, bytes);
    copy.set(data.subarray(position, position + first));
    if (first < bytes) copy.set(data.subarray(0, bytes - first), first);
    return { bytes, records };
  }

  /** Loads the next record. @returns its bytes in the ring; 0 when the header is corrupt */
  #load(): number {
    this.#loaded = 0;
    try {
      return this.cursor.load(this.state.position, this.state.left);
    } catch (error) {
      throw this.cursor.explain(error);
    }
  }

  /**
   * Counts the loaded record as delivered, outside the loops, and moves the position behind it. The cursor stays on it.
   */
  #consume(size: number): void {
    const { counters } = this;
    const { current } = this.cursor;
    if (current.type === PERF_RECORD_SAMPLE) {
      counters.samples++;
    } else {
      counters.countLost(current.record);
      counters.others++;
    }
    counters.loops.single++;
    counters.consumedBytes += size;
    this.#stepOver(size);
  }

  #stepOver(bytes: number): void {
    const { state } = this;
    state.position = (state.position + bytes) & (this.#geometry.capacityBytes - 1);
    state.left -= bytes;
    this.#loaded = 0;
  }

  // ------------------------------------------------------------------ faults

  /** Describes what is wrong with the next header. Call it after the load of that header failed. */
  fault(): SkippedFault {
    return faultAt(this.#geometry, this.cursor, this.state.position, this.state.left);
  }

  skipFault(): SkippedFault {
    this.checkBatch();
    const fault = this.fault();
    this.counters.countFault(fault);
    this.#stepOver(fault.skippedBytes);
    this.cursor.leave();
    return fault;
  }

  /** Reports what was skipped to `onFault`; throws the error when there is no `onFault`. */
  report(fault: SkippedFault): void {
    if (this.onFault === undefined) throw fault.error;
    this.onFault(fault);
  }

  // ------------------------------------------------------------------ merges

  /** Lends the batch to a merge, which moves the cursor itself until {@link takeBack}. */
  lend(): void {
    this.#visiting = true;
    this.#loaded = 0;
    this.cursor.leave();
  }

  /** Ends the loan: the merge stopped at `position`, with `left` bytes left in the batch. The cursor does not move. */
  takeBack(position: number, left: number): void {
    this.#visiting = false;
    this.counters.consumedBytes += this.state.left - left;
    this.state.position = position;
    this.state.left = left;
  }

  // ------------------------------------------------------------------ what lies in the ring

  /**
   * Bytes published and not released; acquires data_head.
   * @throws PerfRingError ERR_PERF_RING_CORRUPT, ERR_PERF_CLOSED
   */
  availableBytes(): number {
    this.checkOpen();
    const { capacityBytes } = this.#geometry;
    const available = this.cursors.available();
    checkPositions(available, 0, capacityBytes);
    return available;
  }

  /** Bytes consumed by the open batch and not released yet. */
  get unreleasedBytes(): number {
    return this.#inBatch ? this.#batchBytes - this.state.left : 0;
  }

  /** Bytes in the ring, including those consumed by the open batch. The capacity when the positions are not valid. */
  heldBytes(): number {
    if (this.cursor.closed) return 0;
    try {
      return this.availableBytes();
    } catch (error) {
      // The next batch skips and counts these bytes.
      if (isCorrupt(error)) return this.#geometry.capacityBytes;
      throw error;
    }
  }

  unreadBytes(): number {
    return Math.max(0, this.heldBytes() - this.unreleasedBytes);
  }

  // ------------------------------------------------------------------ checks

  checkOpen(): void {
    if (this.cursor.closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the ring was closed');
  }

  checkBatch(): void {
    this.checkOpen();
    if (!this.#inBatch) {
      throw new PerfRingError('ERR_PERF_NO_READ_BATCH', 'no read batch is open: call startReadBatch() first');
    }
    this.checkNotVisiting();
  }

  checkNotVisiting(): void {
    if (this.#visiting) {
      throw new PerfRingError('ERR_PERF_BUSY', 'a visitor is running: the batch is its until it returns');
    }
  }
}
