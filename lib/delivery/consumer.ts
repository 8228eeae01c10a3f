import { PerfRingError } from '../errors';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import { shown } from '../input/shown';
import { BatchIterator, type BatchSource } from './batch-iterator';
import { checkSignal } from '../input/abort-signal';
import type { TurnLimits } from './limits';
import { type BatchParts, RecordBatch } from './record-batch';
import { OwnedRecord } from '../records/owned-record';

export interface ConsumerParts extends BatchParts {
  readonly limits: Required<TurnLimits>;
  /** After each batch, whatever it delivered. */
  readonly afterBatch: () => void;
  /** Whether the process should live on for this reader: while a consumer waits, and up to the next wake. */
  readonly keepAlive: (alive: boolean) => void;
  /** The consumer ends: there is none now. */
  readonly left: () => void;
}

/**
 * Asynchronous reading: waits for a wake, begins a batch, hands it out, and lets the event loop go on after every
 * batch. One loop, stream or read() at a time is the consumer.
 */
export class Consumer {
  readonly #parts: ConsumerParts;
  #active = false;
  /** Something may have been published since the last batch began. */
  #awake = true;
  #wakeUp: (() => void) | undefined;
  #ended = false;

  constructor(parts: ConsumerParts) {
    this.#parts = parts;
  }

  get active(): boolean {
    return this.#active;
  }

  /** @throws PerfRingError ERR_PERF_BUSY */
  checkFree(): void {
    if (this.#active) {
      throw new PerfRingError('ERR_PERF_BUSY', 'another consumer reads: end its loop, or its stream, first');
    }
  }

  /** Somebody waits for a wake. */
  get waits(): boolean {
    return this.#wakeUp !== undefined;
  }

  /** There may be something to read. A loop over batches that waits has begun a batch when this returns, or found nothing. */
  wake(): void {
    this.#awake = true;
    this.#wakeUp?.();
  }

  /** The rings are closed. */
  end(): void {
    this.#ended = true;
    this.#wakeUp?.();
  }

  /** @param limits of each batch; the reader's by default */
  batches(signal: AbortSignal | undefined, limits = this.#parts.limits): BatchIterator {
    checkSignal(signal);
    const { source, notices } = this.#parts;
    const batches: BatchSource = {
      enter: () => this.#enter(),
      giveBack: () => {
        const more = source.inBatch && source.more;
        this.#finishBatch();
        if (more) this.#awake = true;
      },
      over: () => this.#ended || signal?.aborted === true,
      awake: () => this.#awake,
      look: () => {
        this.#wakeUp = undefined;
        this.#awake = false;
        const found = source.beginBatch();
        if (found > 0 && source.more) return new RecordBatch(this.#parts, limits, found);
        this.#finishBatch();
        return null;
      },
      wait: (wakeUp) => {
        this.#parts.keepAlive(true);
        this.#wakeUp = wakeUp;
      },
      leave: () => this.#leave(),
      notices,
    };
    return new BatchIterator(batches, signal);
  }

  async read(options: { timeoutMilliseconds?: number; signal?: AbortSignal }): Promise<OwnedRecord | null> {
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
        if (this.#ended) throw new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed');
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

  #takeOne(): OwnedRecord | undefined {
    const { source, notices } = this.#parts;
    notices.begin();
    try {
      this.#awake = false;
      source.beginBatch();
      const record = source.next();
      const owned = record === null ? undefined : new OwnedRecord(record);
      this.#finishBatch();
      return owned;
    } finally {
      notices.end();
    }
  }

  #enter(): void {
    if (this.#ended) throw new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed');
    this.checkFree();
    if (this.#parts.source.inBatch) throw new PerfRingError('ERR_PERF_BUSY', 'drain() is under way');
    this.#active = true;
    this.#awake = true;
  }

  #leave(): void {
    this.#wakeUp = undefined;
    this.#finishBatch();
    this.#active = false;
    if (this.#ended) return;
    this.#parts.keepAlive(false);
    this.#parts.left();
  }

  #finishBatch(): void {
    const { source } = this.#parts;
    if (!source.inBatch) return;
    source.finishBatch();
    this.#parts.afterBatch();
  }

  async #waitForWake(signal: AbortSignal | undefined, milliseconds?: number): Promise<void> {
    if (this.#awake || this.#ended || signal?.aborted === true) return;
    this.#parts.keepAlive(true);
    let timer: NodeJS.Timeout | undefined;
    let wakeUp: (() => void) | undefined;
    try {
      await new Promise<void>((resolve) => {
        wakeUp = resolve;
        this.#wakeUp = resolve;
        signal?.addEventListener('abort', resolve as () => void, { once: true });
        if (milliseconds !== undefined && milliseconds < 2 ** 31)
          timer = setTimeout(resolve, Math.ceil(milliseconds));
      });
    } finally {
      this.#wakeUp = undefined;
      clearTimeout(timer);
      if (wakeUp !== undefined) signal?.removeEventListener('abort', wakeUp);
    }
  }
}
