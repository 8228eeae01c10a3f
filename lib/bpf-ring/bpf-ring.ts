import { BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ } from '../abi/bpf';
import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { ABSENT, recordFormat } from '../records/record-format';
import type { RecordVisitor, RingRecord } from '../records/record';
import { RecordCursor } from '../ring/record-cursor';
import { SCAN_FAULT, SCAN_LIMIT, SCAN_STOPPED, SCAN_THREW } from '../ring/record-scan';
import { LoopCache, LoopCopies, noLoopCounts } from '../ring/specialise';
import { type BpfScan, BpfScanState, bpfScanOf } from './bpf-record-scan';
import { BUSY, type BpfRingCursors, CORRUPT } from './bpf-ring-cursors';

/**
 * So many bytes of headers are acquired at once: what the scan reads next is in the processor's nearest cache then. A
 * scan goes no further, which lets V8 compile it whole.
 */
const CHUNK_BYTES = 32 * 1024;

/** No limit of records; a small integer for V8. */
const NO_LIMIT = 2 ** 30 - 1;

/** A length word without its two bits. */
const MAX_LENGTH = ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

/** What {@link BpfRing} reads. */
export interface BpfRingParts {
  /** The producer's page, then the data area, twice in a row. Not to be written. */
  readonly memory: ArrayBuffer | SharedArrayBuffer;
  /** Bytes of the producer's page. */
  readonly pageSize: number;
  /** Bytes of the data area: a power of two. */
  readonly capacityBytes: number;
  readonly cursors: BpfRingCursors;
}

/** What a ring steps over, or finds. Called within a batch: neither may close the ring. */
export interface BpfRingReports {
  /** So many bytes were skipped, of which nothing can be said. */
  readonly fault: (skippedBytes: number, error: PerfRingError) => void;
  /** Another reader has moved consumer_pos. */
  readonly shared: () => void;
}

const scans = new LoopCopies(bpfScanOf, (factory) => {
  const probe = cursorOver({ memory: new ArrayBuffer(4096), pageSize: 2048, capacityBytes: 1024 });
  factory(probe)(new BpfScanState(), 1, () => undefined);
});

/**
 * The protocol of a BPF ring buffer map, for its reader. One ring for all CPUs; records come in the order in which they
 * were reserved. Reading stops at a record that is reserved and not committed yet: what lies behind it comes after it.
 *
 * It is read in batches: begin acquires producer_pos, finish releases consumer_pos. Headers are acquired in chunks.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/ringbuf.c
 * @see https://github.com/torvalds/linux/blob/v6.12/Documentation/bpf/ringbuf.rst
 */
export class BpfRing {
  readonly capacityBytes: number;
  /** Records visited, and the bytes they took in the ring, those of discarded ones and faults included. */
  records = 0;
  consumedBytes = 0;
  /** The visitor of the last visit asked to stop, or closed the ring. */
  stopped = false;
  readonly #cursors: BpfRingCursors;
  readonly #cursor: RecordCursor;
  readonly #reports: BpfRingReports;
  readonly #scans: LoopCache<BpfScan>;
  readonly #state = new BpfScanState();
  /** The low 32 bits of consumer_pos, as this reader left it. */
  #consumer: number;
  /** Bytes from consumer_pos to the next record: what was read and is not given back. */
  #read = 0;
  /** Bytes from consumer_pos to producer_pos, as the batch began. */
  #published = 0;
  /** Bytes of the record before the next one, when it is not given back: it may be kept. 0 without one. */
  #lastBytes = 0;
  /** The next record is busy: nothing more is due in this batch. */
  #blocked = false;
  #inBatch = false;
  #visiting = false;
  /** Bytes of the record that next() lent; 0 without one. */
  #lentBytes = 0;
  #scanned: RecordVisitor | undefined;
  #closed = false;

  constructor(parts: BpfRingParts, reports: BpfRingReports) {
    this.capacityBytes = parts.capacityBytes;
    this.#cursors = parts.cursors;
    this.#reports = reports;
    const cursor = cursorOver(parts);
    this.#cursor = cursor;
    this.#scans = new LoopCache(
      bpfScanOf(cursor),
      (visitor) => scans.copyFor(visitor)?.(cursor),
      noLoopCounts(),
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

  /** Begins a batch. @returns bytes reserved that were not read before; 0 when the first record is not committed yet */
  beginBatch(): number {
    this.#checkOpen();
    if (this.#inBatch) throw new PerfRingError('ERR_PERF_BATCH_OPEN', 'a batch is open already');
    this.#inBatch = true;
    this.#blocked = false;
    this.stopped = false;
    this.#followConsumer();
    const available = this.#cursors.available();
    if (!this.#isDistance(available) || available < this.#read || this.#consumer % 8 !== 0) {
      this.#skipAll('the positions do not lie within the ring, on 8-byte boundaries');
      return 0;
    }
    this.#published = available;
    this.#state.left = 0;
    return this.more ? available - this.#read : 0;
  }

  /** Committed records of the batch remain. */
  get more(): boolean {
    return this.#inBatch && !this.#closed && (this.#state.left > 0 || this.#acquire());
  }

  /**
   * Visits up to `limit` records. What the visitor throws is passed on, its record consumed.
   * @returns records visited: fewer than `limit` when it {@link stopped}, or none is left
   */
  visit(visitor: RecordVisitor, limit: number): number {
    this.#checkBatch();
    this.#step();
    this.stopped = false;
    const state = this.#state;
    const most = Math.min(limit, NO_LIMIT);
    let records = 0;
    while (records < most && this.more) {
      this.#scan(visitor, most - records);
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
      if (state.outcome === SCAN_FAULT) this.#skipAll('a header changed while it was read');
    }
    return records;
  }

  /** The next record, lent until the next call; null when none is left. */
  next(): RingRecord | null {
    this.#checkBatch();
    this.#step();
    const cursor = this.#cursor;
    while (this.more) {
      const { position, left } = this.#state;
      const header = this.#headerAt(position);
      const bytes = bytesOf(header);
      if (header < 0 || bytes > left) {
        this.#skipAll('a header changed while it was read');
      } else if ((header & BPF_RINGBUF_DISCARD_BIT) !== 0) {
        this.#advance(bytes);
      } else {
        cursor.base = position + BPF_RINGBUF_HDR_SZ;
        cursor.size = header;
        this.#lentBytes = bytes;
        return cursor.record;
      }
    }
    return null;
  }

  /**
   * Finishes the batch: gives back what was read.
   * @param keepLast all but the last record, so that no commit wakes: the kernel wakes only for the record at consumer_pos
   */
  finishBatch(keepLast = false): void {
    this.#checkBatch();
    this.#step();
    this.#inBatch = false;
    this.#giveBack(keepLast);
  }

  /** Gives back the record that was kept. What commits from now on wakes, if {@link ready} is false afterwards. */
  release(): void {
    if (!this.#closed && !this.#inBatch) this.#giveBack(false);
  }

  /** Whether a record is committed that was not read, or there is a fault to step over. Not within a batch. */
  ready(): boolean {
    if (this.#closed) return false;
    const committed = this.#cursors.committed(this.#consumer, this.#read, 1);
    return committed !== 0 && committed !== BUSY;
  }

  /** Bytes reserved and not read, committed or not. */
  unreadBytes(): number {
    if (this.#closed) return 0;
    const unread = this.#cursors.available() - this.#read;
    return this.#isDistance(unread) ? unread : this.capacityBytes;
  }

  /** Gives back what was read, and ends the ring's use; idempotent, and allowed in a visitor. The memory stays its owner's. */
  close(): void {
    if (this.#closed) return;
    const cursor = this.#cursor;
    // A scan tells where it stands only when it ends.
    if (this.#visiting) {
      this.#read += cursor.base - BPF_RINGBUF_HDR_SZ + bytesOf(cursor.size) - this.#state.position;
    } else {
      this.#step();
    }
    this.#closed = true;
    this.#inBatch = false;
    cursor.close();
    try {
      if (this.#cursors.consumer() === this.#consumer) this.#giveBack(false);
    } catch {
      // Another reader moved consumer_pos meanwhile, or the memory is gone: there is nothing of ours to give back.
    }
  }

  #scan(visitor: RecordVisitor, limit: number): void {
    const state = this.#state;
    const before = state.left;
    this.#visiting = true;
    try {
      this.#scans.loopFor(visitor)(state, limit, visitor);
      // Headers are compared ahead of visits: a visitor that detached the memory may have been the last to be called.
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
    if (state.lastBytes > 0) this.#lastBytes = state.lastBytes;
    this.#read += before - state.left;
    this.consumedBytes += before - state.left;
    this.records += state.records;
    this.#scans.saw(visitor, state.records, visitor === this.#scanned);
    this.#scanned = visitor;
  }

  /** Acquires the headers of the next chunk. @returns whether there is one */
  #acquire(): boolean {
    if (this.#blocked || this.#read >= this.#published) return false;
    const committed = this.#cursors.committed(this.#consumer, this.#read, CHUNK_BYTES);
    if (committed <= 0) {
      this.#blocked = true;
      if (committed === CORRUPT) this.#skipAll('a header could not be');
      return false;
    }
    this.#state.position = (this.#consumer + this.#read) & (this.capacityBytes - 1);
    this.#state.left = committed;
    return true;
  }

  /** Steps over the record that next() lent. */
  #step(): void {
    if (this.#lentBytes === 0) return;
    this.records++;
    this.#advance(this.#lentBytes);
    this.#lentBytes = 0;
    this.#cursor.leave();
  }

  #advance(bytes: number): void {
    const state = this.#state;
    state.position = (state.position + bytes) & (this.capacityBytes - 1);
    state.left -= bytes;
    this.#lastBytes = bytes;
    this.#read += bytes;
    this.consumedBytes += bytes;
  }

  #giveBack(keepLast: boolean): void {
    const kept = keepLast ? this.#lastBytes : 0;
    const bytes = this.#read - kept;
    if (bytes === 0) return;
    this.#cursors.consume(bytes);
    this.#consumer = (this.#consumer + bytes) >>> 0;
    this.#read = kept;
    this.#lastBytes = kept;
  }

  /** Goes on where consumer_pos is, should another reader have moved it. */
  #followConsumer(): void {
    const consumer = this.#cursors.consumer();
    if (consumer === this.#consumer) return;
    this.#consumer = consumer;
    this.#read = 0;
    this.#lastBytes = 0;
    this.#reports.shared();
  }

  /** Goes on at producer_pos. */
  #skipAll(why: string): void {
    const skipped = this.#cursors.skipToProducer() - this.#read;
    this.#consumer = this.#cursors.consumer();
    this.#read = 0;
    this.#lastBytes = 0;
    this.#published = 0;
    this.#state.left = 0;
    const bytes = this.#isDistance(skipped) ? skipped : this.capacityBytes;
    this.consumedBytes += bytes;
    this.#reports.fault(
      bytes,
      new PerfRingError(
        'ERR_PERF_RING_CORRUPT',
        `the ring buffer holds what the kernel does not write: ${why}; ${bytes} bytes were skipped`,
      ),
    );
  }

  #isDistance(bytes: number): boolean {
    return bytes >= 0 && bytes <= this.capacityBytes && bytes % 8 === 0;
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
    if (this.#visiting) {
      throw new PerfRingError('ERR_PERF_BUSY', 'a visitor is running: the batch is its until it returns');
    }
  }
}

/** Bytes that a record takes in the ring, by its header's length word. */
function bytesOf(header: number): number {
  return ((header & MAX_LENGTH) + BPF_RINGBUF_HDR_SZ + 7) & ~7;
}

function cursorOver({ memory, pageSize, capacityBytes }: Omit<BpfRingParts, 'cursors'>): RecordCursor {
  const area = { buffer: memory, dataOffset: pageSize, capacityBytes: 2 * capacityBytes };
  // The cursor stands on payloads alone: there is no perf header, so no field but the payload is to be read.
  const cursor = new RecordCursor(area, recordFormat(), ABSENT, -1, false);
  cursor.type = PERF_RECORD_SAMPLE;
  return cursor;
}
