import { PerfRingError } from '../errors';
import { checkSignal } from '../input/abort-signal';
import { timeLimit } from '../input/check-number';
import { OwnedRecord } from '../records/owned-record';
import type { RecordSource } from '../records/record-source';
import { BatchIterator, type BatchSource } from './batch-iterator';
import { FlushWaiters } from './flush-waiters';
import { checkLimits, NO_LIMITS, type TurnLimits, UNBOUNDED } from './limits';
import type { Notices } from './notices';
import { PacedVisits } from './paced-visits';
import { type OwnedRecordStream, readableOf } from './readable';
import { RecordBatch } from './record-batch';
import { splitVisitors, type Visitors } from './visitors';
import type { Waker } from './waker';

/** What a reader gives its {@link Delivery}. */
export interface DeliveryParts {
  readonly records: RecordSource;
  /** Limits of each batch of asynchronous delivery. */
  readonly limits: Required<TurnLimits>;
  readonly notices: Notices;
  /** Keeps the process alive while the consumer waits. Undefined: only {@link Delivery.drain} can read. */
  readonly waker: Waker | undefined;
  /** Called after each batch, in a consistent state. @param byDrain whether {@link Delivery.drain} ran it */
  readonly afterBatch: (byDrain: boolean) => void;
  /** Called when the consumer has left, unless the reader is closed. */
  readonly left: () => void;
}

/**
 * Reads records in all the ways that a reader offers: {@link drain} reads at once; batches, a stream and single records
 * come asynchronously. The methods of the same names in {@link RecordReader} document them. Only one of them reads at a
 * time. The one that reads asynchronously is the consumer.
 *
 * Asynchronous reading waits for a wake, begins a batch, delivers it, and returns to the event loop after every batch.
 */
export class Delivery implements BatchSource {
  readonly notices: Notices;
  closed = false;
  /** Whether asynchronous delivery finds nothing, whatever is in the rings. */
  held = false;
  hasConsumer = false;
  awake = true;
  readonly #parts: DeliveryParts;
  readonly #records: RecordSource;
  readonly #visits: PacedVisits;
  readonly #flushes = new FlushWaiters();
  #inDrain = false;
  #wakeUp: (() => void) | undefined;

  constructor(parts: DeliveryParts) {
    this.notices = parts.notices;
    this.#parts = parts;
    this.#records = parts.records;
    this.#visits = new PacedVisits(parts.records);
  }

  // ------------------------------------------------------------------ for the user

  drain(visitors: Visitors, limits?: TurnLimits): number {
    const within = limits === undefined ? undefined : checkLimits(limits, NO_LIMITS);
    const { sample, other } = splitVisitors(visitors);
    this.#checkFree();
    this.#inDrain = true;
    this.notices.begin();
    try {
      const found = this.#records.beginBatch();
      if (within === undefined) return this.#records.visit(sample, other, UNBOUNDED);
      return this.#visits.visit(sample, other, within, found);
    } finally {
      this.#inDrain = false;
      try {
        this.#finish(true);
      } finally {
        this.notices.end();
      }
    }
  }

  /** @param limits of each batch; the reader's by default */
  batches(signal: AbortSignal | undefined, limits = this.#parts.limits): BatchIterator {
    checkSignal(signal);
    this.#checkWakes();
    return new BatchIterator(this, limits, signal);
  }

  readable(options: { signal?: AbortSignal; highWaterMark?: number }): OwnedRecordStream {
    this.#checkWakes();
    return readableOf((signal, limits) => this.batches(signal, limits), options);
  }

  read(options: { timeoutMilliseconds?: number; signal?: AbortSignal }): Promise<OwnedRecord | null> {
    this.#checkWakes();
    return this.#read(options);
  }

  async #read(options: { timeoutMilliseconds?: number; signal?: AbortSignal }): Promise<OwnedRecord | null> {
    const { timeoutMilliseconds = Number.POSITIVE_INFINITY, signal } = options;
    checkSignal(signal);
    timeLimit(timeoutMilliseconds, 'timeoutMilliseconds');
    signal?.throwIfAborted();
    const batches = this.batches(signal);
    const timer =
      timeoutMilliseconds < 2 ** 31 ? setTimeout(batches.stop, Math.ceil(timeoutMilliseconds)) : undefined;
    try {
      for await (const batch of batches) for (const record of batch) return new OwnedRecord(record);
    } finally {
      clearTimeout(timer);
    }
    this.checkOpen();
    signal?.throwIfAborted();
    return null;
  }

  flush(signal: AbortSignal | undefined): Promise<void> {
    this.checkOpen();
    const delivered = this.#flushes.wait(this.#records.rings, signal);
    this.#flushes.check();
    this.wake();
    return delivered;
  }

  // ------------------------------------------------------------------ for the reader

  /** Whether the consumer waits for a wake. */
  get waits(): boolean {
    return this.#wakeUp !== undefined;
  }

  /**
   * Call it when there may be something to read. When it returns, a waiting loop over batches has begun a batch, or
   * found nothing.
   */
  wake(): void {
    this.awake = true;
    this.#wakeUp?.();
  }

  /** Ends delivery, and calls of {@link flush} that wait. The consumer ends when it is woken. */
  close(): void {
    this.closed = true;
    this.#flushes.end();
  }

  /** @throws PerfRingError ERR_PERF_CLOSED */
  checkOpen(): void {
    if (this.closed) throw readerClosed();
  }

  // ------------------------------------------------------------------ for the consumer

  enter(): void {
    this.#checkFree();
    this.hasConsumer = true;
    this.awake = true;
  }

  beginBatch(limits: Required<TurnLimits>): RecordBatch | null {
    this.#wakeUp = undefined;
    this.awake = false;
    if (this.held) return null;
    const found = this.#records.beginBatch();
    if (found > 0 && this.#records.more) return new RecordBatch(this.#visits, this.notices, limits, found);
    this.#finish(false);
    return null;
  }

  finishBatch(): void {
    const more = this.#records.inBatch && this.#records.more;
    this.#finish(false);
    if (more) this.awake = true;
  }

  wait(wakeUp: () => void): void {
    this.#parts.waker?.keepAlive(true);
    this.#wakeUp = wakeUp;
  }

  leave(): void {
    this.#wakeUp = undefined;
    this.#finish(false);
    this.hasConsumer = false;
    if (this.closed) return;
    this.#parts.waker?.keepAlive(false);
    this.#parts.left();
  }

  // ------------------------------------------------------------------ inside

  /** @throws PerfRingError ERR_PERF_CLOSED, ERR_PERF_BUSY */
  #checkFree(): void {
    this.checkOpen();
    if (this.hasConsumer) {
      throw new PerfRingError('ERR_PERF_BUSY', 'another consumer reads: end its loop, or its stream, first');
    }
    if (this.#inDrain) {
      throw new PerfRingError('ERR_PERF_BUSY', 'drain() is under way: its visitor may not read the reader');
    }
  }

  #checkWakes(): void {
    this.checkOpen();
    if (this.#parts.waker === undefined) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `with wakeup: 'manual' nothing wakes the reader: call drain()`,
      );
    }
    this.#checkFree();
  }

  #finish(byDrain: boolean): void {
    if (!this.#records.inBatch) return;
    this.#records.finishBatch();
    this.#flushes.check();
    this.#parts.afterBatch(byDrain);
  }
}

export function readerClosed(): PerfRingError {
  return new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed');
}
