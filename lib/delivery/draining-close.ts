import { PerfRingError } from '../errors';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import type { RecordSource } from '../records/record-source';
import { warn } from './diagnostics';
import { areReached, type Positions, publishedPositions } from './flush-waiters';
import type { Notices } from './notices';
import { whenStuck } from './stuck-drains';

/**
 * How long a program that read its slot before the slot was changed may still be writing. It runs with preemption off,
 * so only the host of a virtual machine delays it: at worst, records became visible 3.3 ms after their time.
 */
const LAST_WRITERS_MILLISECONDS = 10;

/** A batch that is held this long during a draining close is probably held by a loop that awaits the close. */
const LONG_LENT_MILLISECONDS = 1000;
/**
 * Wakes come every 100 ms. After a longer pause the process was stopped or busy, so only this much of it is counted.
 */
const LONGEST_STEP_MILLISECONDS = 200;

export interface DrainingCloseParts {
  readonly records: RecordSource;
  readonly notices: Notices;
  /** Wakes the consumer. */
  readonly wake: () => void;
  /** Frees everything and calls {@link DrainingClose.settle}. */
  readonly closeNow: () => void;
  /** How long the close waits for one batch that the consumer holds, in milliseconds. */
  readonly batchTimeoutMilliseconds: number;
}

/** A close that first delivers to the consumer what was published before it. */
export class DrainingClose {
  /** Settles when everything is freed. */
  readonly promise: Promise<void>;
  readonly #parts: DrainingCloseParts;
  readonly #lastWriters: NodeJS.Timeout;
  readonly #stopWatching: () => void;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;
  #failure: { readonly error: unknown } | undefined;
  /** What must be delivered; undefined while programs that began before the close may still be writing. */
  #positions: Positions | undefined;
  /** How long the consumer has held its batch, measured at wakes. */
  #lent: { seenAt: number; milliseconds: number } | undefined;
  #warned = false;

  constructor(parts: DrainingCloseParts) {
    this.#parts = parts;
    this.promise = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#lastWriters = setTimeout(() => this.#afterLastWriters(), LAST_WRITERS_MILLISECONDS);
    this.#stopWatching = whenStuck(() =>
      this.end(notDrained('the program has nothing left to do, so it will not request the next one')),
    );
  }

  /** The promise will be rejected with this error, unless an earlier one was set. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Closes now: everything was delivered, or can no longer be delivered. */
  end(error?: PerfRingError): void {
    if (error !== undefined) this.fail(error);
    try {
      this.#parts.closeNow();
    } catch {
      // closeNow() has passed the error to fail().
    }
  }

  /** Settles the promise. Call it when everything is freed. */
  settle(): void {
    clearTimeout(this.#lastWriters);
    this.#stopWatching();
    if (this.#failure === undefined) this.#resolve();
    else this.#reject(this.#failure.error);
  }

  afterBatch(): void {
    this.#lent = undefined;
    if (this.#positions !== undefined && areReached(this.#positions)) this.end();
  }

  /** Called at each wake: measures how long the consumer has held its batch; warns, or gives up. */
  watch(): void {
    const { records, notices, batchTimeoutMilliseconds } = this.#parts;
    if (!records.inBatch) return;
    const now = monotonicMilliseconds();
    this.#lent ??= { seenAt: now, milliseconds: 0 };
    const lent = this.#lent;
    lent.milliseconds += Math.min(now - lent.seenAt, LONGEST_STEP_MILLISECONDS);
    lent.seenAt = now;
    if (lent.milliseconds >= batchTimeoutMilliseconds) {
      const error = notDrained(`it has not requested the next one for ${batchTimeoutMilliseconds} ms`);
      // The program may not await the promise, and a slow consumer must not end the process by an unhandled rejection.
      this.promise.catch(() => undefined);
      notices.add(() => warn('PERFRING_NOT_DRAINED', error.message));
      this.end(error);
      return;
    }
    // A caller without a timeout expects a slow consumer.
    if (this.#warned || batchTimeoutMilliseconds === Number.POSITIVE_INFINITY) return;
    if (lent.milliseconds >= LONG_LENT_MILLISECONDS) {
      this.#warned = true;
      notices.add(() => warn('PERFRING_DRAIN_WAITS', LONG_LENT));
    }
  }

  #afterLastWriters(): void {
    const { records, notices, wake } = this.#parts;
    notices.run(() => {
      records.endOfWriting();
      this.#positions = publishedPositions(records.rings);
      wake();
      if (!records.inBatch && areReached(this.#positions)) this.end();
    });
  }
}

const LONG_LENT =
  'close({ drain: true }) waits for a consumer that has held its batch for a second. A loop must not await it ' +
  'in its own body, because each then waits for the other: call it there without await';

/** @param why why the consumer will not request its next batch */
function notDrained(why: string): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_NOT_DRAINED',
    `close({ drain: true }) could not deliver the rest: the consumer holds a batch, and ${why}. Do not await it in the ` +
      'body of the loop that takes the rest',
  );
}
