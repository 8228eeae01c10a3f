import { BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ } from '../abi/bpf';
import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import type { SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor, RingRecord } from '../records/record';
import { ABSENT, recordFormat } from '../records/record-format';
import { type RecordRing, RingCounters, type SkippedFault } from '../records/record-ring';
import { RecordCursor } from '../ring/record-cursor';
import { SCAN_FAULT, SCAN_LIMIT, SCAN_STOPPED, SCAN_THREW } from '../ring/record-scan';
import { isDistance } from '../ring/ring-faults';
import { LoopCache, LoopCopies } from '../ring/specialise';
import { BpfScanState, type BpfScans, bpfScansOf } from './bpf-record-scan';
import { BUSY, type BpfRingCursors, CORRUPT } from './bpf-ring-cursors';

/** Bytes of records that are acquired at once, at most, when their headers must be walked for it. */
const CHUNK_BYTES = 128 * 1024;

/** Most records of one scan: a scan must return before V8 can use newly compiled code for it. */
const SCAN_RECORDS = 1024;

/** Runs of equal headers shorter than this, in records, cost more than checking each header. */
const SHORT_RUN = 9;
/** Number of scans by `mixed` after a scan by `equal` that met short runs. */
const MIXED_SCANS = 32;

/** A length word without its two bits. */
const MAX_LENGTH = ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

/** What {@link BpfRing} reads. */
export interface BpfRingParts {
  /** The producer's page, then the data area, twice in a row. Do not write to it. */
  readonly memory: ArrayBuffer | SharedArrayBuffer;
  /** Bytes of the producer's page. */
  readonly pageSize: number;
  /** Bytes of the data area: a power of two. */
  readonly capacityBytes: number;
  readonly cursors: BpfRingCursors;
}

const scans = new LoopCopies(bpfScansOf, (factory) => {
  const probe = cursorOver({ memory: new ArrayBuffer(4096), pageSize: 2048, capacityBytes: 1024 });
  const { equal, mixed } = factory(probe);
  for (const scan of [equal, mixed]) scan(new BpfScanState(), 1, () => undefined);
});

/**
 * The reader's side of the protocol of a BPF ring buffer map. There is one ring for all CPUs; records come in the order
 * in which they were reserved. Reading stops at a record that is reserved and not committed yet; the records after it
 * must wait.
 *
 * It is read in batches: beginning a batch acquires producer_pos, finishing it releases consumer_pos. Headers are
 * acquired in chunks.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/ringbuf.c
 * @see https://github.com/torvalds/linux/blob/v6.12/Documentation/bpf/ringbuf.rst
 */
export class BpfRing implements RecordRing {
  /** Programs on all CPUs write to it, and records do not contain the CPU. */
  readonly cpu = -1;
  readonly capacityBytes: number;
  readonly counters = new RingCounters();
  onFault: ((fault: SkippedFault) => void) | undefined;
  /** Called at the beginning of a batch when another reader has moved consumer_pos. */
  onShared: (() => void) | undefined;
  stopped = false;
  readonly #cursors: BpfRingCursors;
  readonly #cursor: RecordCursor;
  readonly #scans: LoopCache<BpfScans>;
  readonly #state = new BpfScanState();
  /** The low 32 bits of consumer_pos, as this reader last wrote them. */
  #consumer: number;
  /** Bytes from consumer_pos to the next record: read and not released. */
  #read = 0;
  /** Bytes from consumer_pos to producer_pos when the batch began. */
  #published = 0;
  /** Bytes of the last record that was read, while it is not released: it may be kept. 0 without one. */
  #lastBytes = 0;
  /** Whether the next record is busy or invalid: this batch delivers no more. */
  #blocked = false;
  #keepsLast = false;
  #writingEnded = false;
  #inBatch = false;
  #visiting = false;
  #scanned: RecordVisitor | undefined;
  /** Number of next scans that use the loop `mixed` before `equal` is tried again. */
  #mixedScans = 0;
  #closed = false;

  constructor(parts: BpfRingParts) {
    this.capacityBytes = parts.capacityBytes;
    this.#cursors = parts.cursors;
    const cursor = cursorOver(parts);
    this.#cursor = cursor;
    this.#scans = new LoopCache(
      bpfScansOf(cursor),
      (visitor) => scans.copyFor(visitor)?.(cursor),
      this.counters.loops,
    );
    this.#consumer = this.#cursors.consumer();
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** A batch is open. */
  get inBatch(): boolean {
    return this.#inBatch;
  }

  /** @returns bytes reserved and not read; 0 when the next record is not committed yet */
  beginBatch(): number {
    this.#checkOpen();
    if (this.#inBatch) throw new PerfRingError('ERR_PERF_BATCH_OPEN', 'a batch is open already');
    this.#inBatch = true;
    this.#scanned = undefined;
    this.#state.left = 0;
    const { counters } = this;
    counters.foundBytes = 0;
    this.#blocked = false;
    this.#followConsumer();
    const available = this.#cursors.available(this.#consumer);
    this.#published = available;
    const found = available - this.#read;
    if (!isDistance(available, this.capacityBytes) || found < 0 || this.#consumer % 8 !== 0) {
      this.#skipAll('the positions do not lie within the ring, on 8-byte boundaries');
      return 0;
    }
    counters.updateHighWater(found);
    counters.foundBytes = this.#acquire() ? found : 0;
    return counters.foundBytes;
  }

  /** Committed bytes of the batch, as far as headers were acquired; acquires the next chunk when none are left. */
  get bytesLeft(): number {
    return this.#inBatch && (this.#state.left > 0 || this.#acquire()) ? this.#state.left : 0;
  }

  visit(sample: SampleVisitor, _other: RecordVisitor, limit: number): number {
    if (typeof sample !== 'function') {
      throw new PerfRingError(
        'ERR_PERF_NOT_SUPPORTED',
        'queries read perf rings only: pass a function to a reader of a ring buffer map',
      );
    }
    this.#checkBatch();
    this.stopped = false;
    const state = this.#state;
    let records = 0;
    while (records < limit && this.bytesLeft > 0) {
      this.#scan(sample, Math.min(limit - records, SCAN_RECORDS));
      records += state.records;
      if (state.outcome === SCAN_THREW) {
        const { thrown } = state;
        state.thrown = undefined;
        throw thrown;
      }
      if (state.outcome === SCAN_STOPPED) {
        this.stopped = true;
        break;
      }
      if (state.outcome === SCAN_FAULT) this.#refuseHeader();
    }
    return records;
  }

  next(): RingRecord | null {
    if (this.#visiting) throw visiting();
    const { counters } = this;
    const cursor = this.#cursor;
    while (this.bytesLeft > 0) {
      const { position, left } = this.#state;
      const header = this.#headerAt(position);
      const bytes = bytesOf(header);
      if (header < 0 || bytes > left) {
        this.#refuseHeader();
        continue;
      }
      this.#state.position = (position + bytes) & (this.capacityBytes - 1);
      this.#state.left = left - bytes;
      this.#consume(bytes, bytes);
      if ((header & BPF_RINGBUF_DISCARD_BIT) !== 0) continue;
      counters.samples++;
      counters.loops.single++;
      cursor.base = position + BPF_RINGBUF_HDR_SZ;
      cursor.size = header;
      return cursor.record;
    }
    cursor.leave();
    return null;
  }

  /** Releases what was read; with {@link keepLast} all but the last record. */
  finishBatch(): void {
    if (!this.#inBatch) return;
    this.#checkBatch();
    this.#inBatch = false;
    this.#cursor.leave();
    this.#giveBack(this.#keepsLast);
  }

  /** No longer waits for uncommitted records: {@link unreadBytes} is 0 when the next record is one. */
  endOfWriting(): void {
    this.#writingEnded = true;
  }

  /**
   * Sets whether finished batches keep the last record unreleased. The kernel wakes only for a commit of the record at
   * consumer_pos, so no commit wakes then. Turned off outside a batch, it releases that record at once. Records
   * committed just before that did not wake: call {@link isReady} then.
   */
  keepLast(keep: boolean): void {
    this.#keepsLast = keep;
    if (!keep && !this.#inBatch && !this.#closed) this.#giveBack(false);
  }

  /**
   * Whether there is a committed record that was not read, a fault to skip, or a consumer_pos that another reader has
   * moved. Not within a batch.
   */
  isReady(): boolean {
    if (this.#closed) return false;
    const available = this.#cursors.available(this.#consumer);
    if (available === this.#read) return this.#cursors.consumer() !== this.#consumer;
    const committed = this.#cursors.committed(this.#consumer, this.#read, available, 1);
    return committed !== 0 && committed !== BUSY;
  }

  /** Bytes reserved and not read, committed or not; the size of the ring when the positions are invalid. */
  unreadBytes(): number {
    if (this.#closed) return 0;
    if (this.#writingEnded && this.#state.left === 0 && !this.isReady()) return 0;
    const unread = this.#cursors.available(this.#consumer) - this.#read;
    return isDistance(unread, this.capacityBytes) ? unread : this.capacityBytes;
  }

  /**
   * Releases what was read, and ends the use of the ring. Idempotent, and allowed in a visitor. Does not free the
   * memory.
   */
  close(): void {
    if (this.#closed) return;
    const cursor = this.#cursor;
    // A running scan has not stored its position yet: compute it from the current record.
    if (this.#visiting) {
      this.#read += cursor.base - BPF_RINGBUF_HDR_SZ + bytesOf(cursor.size) - this.#state.position;
    }
    this.#closed = true;
    this.#inBatch = false;
    cursor.close();
    try {
      this.#giveBack(false);
    } catch {
      // The memory is gone: there is nothing to release.
    }
  }

  #scan(visitor: RecordVisitor, limit: number): void {
    const state = this.#state;
    const before = state.left;
    this.#visiting = true;
    try {
      const { equal, mixed } = this.#scans.loopFor(visitor, before);
      if (this.#mixedScans > 0) {
        this.#mixedScans--;
        mixed(state, limit, visitor);
      } else {
        equal(state, limit, visitor);
        if (state.runs >= SHORT_RUN && state.records < state.runs * SHORT_RUN) this.#mixedScans = MIXED_SCANS;
      }
      // If a visitor detached the memory, the scan may have ended without an error, at its next read of a header.
      if (state.outcome <= SCAN_LIMIT) this.#cursor.checkAttached();
    } catch (error) {
      // The loop catches what visitors throw, but calling it may exhaust the stack.
      state.outcome = SCAN_THREW;
      state.thrown = error;
    } finally {
      this.#visiting = false;
      this.#cursor.leave();
    }
    if (state.outcome === SCAN_THREW) state.thrown = this.#cursor.explain(state.thrown);
    this.#consume(before - state.left, state.lastBytes);
    this.counters.samples += state.records;
    this.#scans.countRecords(visitor, state.records, visitor === this.#scanned);
    this.#scanned = visitor;
  }

  /** Acquires the headers of the next chunk. @returns whether there is one */
  #acquire(): boolean {
    if (this.#blocked || this.#read >= this.#published) return false;
    const committed = this.#cursors.committed(this.#consumer, this.#read, this.#published, CHUNK_BYTES);
    if (committed <= 0) {
      this.#blocked = true;
      if (committed === CORRUPT) this.#skipInvalid('the header of a record is invalid');
      return false;
    }
    // Records of this chunk may have been committed after a copy was made that reaches into it.
    this.#cursor.visits++;
    this.#state.position = (this.#consumer + this.#read) & (this.capacityBytes - 1);
    this.#state.left = committed;
    return true;
  }

  /** @param lastBytes bytes of the last of these records; 0 without one */
  #consume(bytes: number, lastBytes: number): void {
    if (lastBytes > 0) this.#lastBytes = lastBytes;
    this.#read += bytes;
    this.counters.consumedBytes += bytes;
  }

  #giveBack(keepLast: boolean): void {
    const kept = keepLast ? this.#lastBytes : 0;
    const bytes = this.#read - kept;
    // Where another reader has moved consumer_pos, the next batch begins there.
    if (bytes === 0 || !this.#cursors.consume(this.#consumer, bytes)) return;
    this.#consumer = (this.#consumer + bytes) >>> 0;
    this.counters.releasedBytes += bytes;
    this.#read = kept;
    this.#lastBytes = kept;
  }

  /** Continues at consumer_pos when another reader has moved it. */
  #followConsumer(): void {
    const consumer = this.#cursors.consumer();
    if (consumer === this.#consumer) return;
    this.#consumer = consumer;
    this.#read = 0;
    this.#lastBytes = 0;
    this.onShared?.();
  }

  /** Continues at producer_pos, and reports what was skipped. */
  #skipAll(why: string): void {
    const skipped = this.#cursors.skipToProducer() - this.#read;
    this.#consumer = this.#cursors.consumer();
    this.#read = 0;
    this.#lastBytes = 0;
    this.#published = 0;
    this.#state.left = 0;
    const skippedBytes = isDistance(skipped, this.capacityBytes) ? skipped : this.capacityBytes;
    const error = new PerfRingError(
      'ERR_PERF_RING_CORRUPT',
      `the ring buffer contains what the kernel never writes: ${why}; ${skippedBytes} bytes were skipped`,
    );
    const fault: SkippedFault = { kind: 'corrupt', skippedBytes, error };
    this.counters.countFault(fault);
    this.counters.releasedBytes = this.counters.consumedBytes;
    if (this.onFault === undefined) throw error;
    this.onFault(fault);
  }

  /** The next header is not the one of a committed record, though it was acquired. */
  #refuseHeader(): void {
    this.#state.left = 0;
    if (!this.#cursors.walkHeaders()) this.#skipInvalid('a header changed while it was read');
  }

  /** A header is invalid: because another reader has released its record, or else the ring is. */
  #skipInvalid(why: string): void {
    this.#blocked = true;
    if (this.#cursors.consumer() === this.#consumer) this.#skipAll(why);
  }

  #headerAt(position: number): number {
    try {
      return this.#cursor.view.getInt32(position, true);
    } catch (error) {
      throw this.#cursor.explain(error);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the ring buffer was closed');
  }

  #checkBatch(): void {
    this.#checkOpen();
    if (!this.#inBatch) throw new PerfRingError('ERR_PERF_NO_READ_BATCH', 'no batch is open');
    if (this.#visiting) throw visiting();
  }
}

function visiting(): PerfRingError {
  return new PerfRingError('ERR_PERF_BUSY', 'a visitor is running: use the batch after it has returned');
}

/** Bytes that a record takes in the ring, by the length word of its header. */
function bytesOf(header: number): number {
  return ((header & MAX_LENGTH) + BPF_RINGBUF_HDR_SZ + 7) & ~7;
}

function cursorOver({ memory, pageSize, capacityBytes }: Omit<BpfRingParts, 'cursors'>): RecordCursor {
  const area = { buffer: memory, dataOffset: pageSize, capacityBytes: 2 * capacityBytes };
  // The cursor points to payloads. There is no perf header, so only the payload may be read.
  const cursor = new RecordCursor(area, recordFormat(), ABSENT, -1, false);
  cursor.payloadAlone = true;
  cursor.type = PERF_RECORD_SAMPLE;
  return cursor;
}
