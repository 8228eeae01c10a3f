import { PerfRingError } from '../errors';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import { checkSignal } from '../input/abort-signal';
import { shown } from '../input/shown';
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

/** What a reader gives its {@link Delivery}. */
export interface DeliveryParts {
  readonly source: RecordSource;
  /** Limits of each batch of asynchronous delivery. */
  readonly limits: Required<TurnLimits>;
  readonly notices: Notices;
  /** Called after each batch, in a consistent state. @param byDrain whether {@link Delivery.drain} ran it */
  readonly afterBatch: (byDrain: boolean) => void;
  /**
   * Sets whether the process stays alive for this reader: true while a consumer waits, until the next wake. Absent when
   * nothing wakes the reader: only {@link Delivery.drain} can read it then.
   */
  readonly keepAlive: ((alive: boolean) => void) | undefined;
  /** Called when the consumer has left, unless the reader is closed. */
  readonly left: () => void;
}

/**
 * Reads a source in all the ways that a reader offers: {@link drain} reads at once; batches, a stream and single
 * records come asynchronously. The methods of the same names in the readers document them. Only one of them reads at a
 * time. The one that reads asynchronously is the consumer.
 *
 * Asynchronous reading waits for a wake, begins a batch, delivers it, and returns to the event loop after every batch.
 */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #visits: PacedVisits;
  readonly #flushes = new FlushWaiters();
  #closed = false;
  #inDrain = false;
  #hasConsumer = false;
  /** Whether something may have been published since the last batch began. */
  #awake = true;
  #wakeUp: (() => void) | undefined;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#visits = new PacedVisits(parts.source);
  }

  // ------------------------------------------------------------------ at once

  drain(visitors: Visitors, limits?: TurnLimits): number {
    const within = limits === undefined ? undefined : checkLimits(limits, NO_LIMITS);
    const { sample, other } = splitVisitors(visitors);
    this.#checkFree();
    const { source, notices } = this.#parts;
    this.#inDrain = true;
    notices.begin();
    try {
      const found = source.beginBatch();
      if (within === undefined) return source.visit(sample, other, UNBOUNDED);
      return this.#visits.visit(sample, other, within, found);
    } finally {
      this.#inDrain = false;
      try {
        this.#finishBatch(true);
      } finally {
        notices.end();
      }
    }
  }

  // ------------------------------------------------------------------ as records come

  /** @param limits of each batch; the reader's by default */
  batches(signal: AbortSignal | undefined, limits = this.#parts.limits): BatchIterator {
    checkSignal(signal);
    this.#checkWakes();
    const { source, notices } = this.#parts;
    const batches: BatchSource = {
      enter: () => this.#enter(),
      giveBack: () => {
        const more = source.inBatch && source.more;
        this.#finishBatch(false);
        if (more) this.#awake = true;
      },
      over: () => this.#closed || signal?.aborted === true,
      awake: () => this.#awake,
      look: () => {
        this.#wakeUp = undefined;
        this.#awake = false;
        const found = source.beginBatch();
        if (found > 0 && source.more) return new RecordBatch(source, this.#visits, notices, limits, found);
        this.#finishBatch(false);
        return null;
      },
      wait: (wakeUp) => {
        this.#parts.keepAlive?.(true);
        this.#wakeUp = wakeUp;
      },
      leave: () => this.#leave(),
      notices,
    };
    return new BatchIterator(batches, signal);
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
    const { timeoutMilliseconds, signal } = options;
    checkSignal(signal);
    const given = timeoutMilliseconds !== undefined;
    if (given && !(typeof timeoutMilliseconds === 'number' && timeoutMilliseconds >= 0)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `timeoutMilliseconds must be 0 or more, got ${shown(timeoutMilliseconds)}`,
      );
    }
    signal?.throwIfAborted();
    const deadline = monotonicMilliseconds() + (timeoutMilliseconds ?? Number.POSITIVE_INFINITY);
    this.#enter();
    const { notices } = this.#parts;
    try {
      for (;;) {
        this.checkOpen();
        signal?.throwIfAborted();
        const owned = this.#takeOne();
        if (owned !== undefined) return owned;
        const left = deadline - monotonicMilliseconds();
        if (left <= 0) return null;
        await this.#waitForWake(signal, left);
      }
    } finally {
      notices.begin();
      this.#leave();
      notices.end();
    }
  }

  /** Wakes the consumer and waits until everything published now has been delivered. */
  flush(signal: AbortSignal | undefined): Promise<void> {
    this.checkOpen();
    const delivered = this.#flushes.wait(this.#parts.source.rings, signal);
    this.#flushes.check();
    this.wake();
    return delivered;
  }

  // ------------------------------------------------------------------ for the reader

  /** Whether a consumer reads asynchronously. */
  get hasConsumer(): boolean {
    return this.#hasConsumer;
  }

  /** Whether the consumer waits for a wake. */
  get waits(): boolean {
    return this.#wakeUp !== undefined;
  }

  /**
   * Call it when there may be something to read. When it returns, a waiting loop over batches has begun a batch, or
   * found nothing.
   */
  wake(): void {
    this.#awake = true;
    this.#wakeUp?.();
  }

  /** Ends delivery, and calls of {@link flush} that wait. The consumer ends when it is woken. */
  close(): void {
    this.#closed = true;
    this.#flushes.end();
  }

  /** @throws PerfRingError ERR_PERF_CLOSED */
  checkOpen(): void {
    if (this.#closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed');
  }

  // ------------------------------------------------------------------ inside

  /** @throws PerfRingError ERR_PERF_CLOSED, ERR_PERF_BUSY */
  #checkFree(): void {
    this.checkOpen();
    if (this.#hasConsumer) {
      throw new PerfRingError('ERR_PERF_BUSY', 'another consumer reads: end its loop, or its stream, first');
    }
    if (this.#inDrain) {
      throw new PerfRingError('ERR_PERF_BUSY', 'drain() is under way: its visitor may not read the reader');
    }
  }

  #checkWakes(): void {
    this.checkOpen();
    if (this.#parts.keepAlive === undefined) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `with wakeup: 'manual' nothing wakes the reader: call drain()`,
      );
    }
    this.#checkFree();
  }

  #takeOne(): OwnedRecord | undefined {
    const { source, notices } = this.#parts;
    notices.begin();
    try {
      this.#awake = false;
      source.beginBatch();
      const record = source.next();
      const owned = record === null ? undefined : new OwnedRecord(record);
      this.#finishBatch(false);
      return owned;
    } finally {
      notices.end();
    }
  }

  #enter(): void {
    this.#checkFree();
    this.#hasConsumer = true;
    this.#awake = true;
  }

  #leave(): void {
    this.#wakeUp = undefined;
    this.#finishBatch(false);
    this.#hasConsumer = false;
    if (this.#closed) return;
    this.#parts.keepAlive?.(false);
    this.#parts.left();
  }

  #finishBatch(byDrain: boolean): void {
    const { source } = this.#parts;
    if (!source.inBatch) return;
    source.finishBatch();
    this.#flushes.check();
    this.#parts.afterBatch(byDrain);
  }

  async #waitForWake(signal: AbortSignal | undefined, milliseconds: number): Promise<void> {
    if (this.#awake || this.#closed || signal?.aborted === true) return;
    this.#parts.keepAlive?.(true);
    let timer: NodeJS.Timeout | undefined;
    let wakeUp: (() => void) | undefined;
    try {
      await new Promise<void>((resolve) => {
        wakeUp = resolve;
        this.#wakeUp = resolve;
        signal?.addEventListener('abort', resolve as () => void, { once: true });
        if (milliseconds < 2 ** 31) timer = setTimeout(resolve, Math.ceil(milliseconds));
      });
    } finally {
      this.#wakeUp = undefined;
      clearTimeout(timer);
      if (wakeUp !== undefined) signal?.removeEventListener('abort', wakeUp);
    }
  }
}
