import type { TurnLimits } from './limits';
import type { Notices } from './notices';
import type { RecordBatch } from './record-batch';

/** What a {@link BatchIterator} needs: a {@link Delivery}. */
export interface BatchSource {
  /** Listeners are called after each step, when the state of the iteration is consistent. */
  readonly notices: Notices;
  /** Whether the reader is closed. */
  readonly closed: boolean;
  /** Whether something may have been published since the last batch began. */
  readonly awake: boolean;
  /** Becomes the consumer of the reader. @throws PerfRingError ERR_PERF_BUSY, ERR_PERF_CLOSED */
  enter(): void;
  /** Begins a batch. Returns null when there is nothing to read. */
  beginBatch(limits: Required<TurnLimits>): RecordBatch | null;
  /** Releases the visited records of the last batch. */
  finishBatch(): void;
  /** Calls `wakeUp` when there may be something to read, and when the reader is closed. */
  wait(wakeUp: () => void): void;
  leave(): void;
}

type Result = IteratorResult<RecordBatch, void>;

interface Request {
  readonly promise: Promise<Result>;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

const end = (): Result => ({ done: true, value: undefined });

/**
 * Iterates over batches like an async generator, but sooner: what a wake finds is delivered within that wake, one
 * microtask away from the code that awaits it. An async generator needs five microtasks, and runs so seldom that V8
 * interprets it.
 */
export class BatchIterator implements AsyncGenerator<RecordBatch, void, undefined> {
  readonly #source: BatchSource;
  readonly #limits: Required<TurnLimits>;
  readonly #signal: AbortSignal | undefined;
  #state: 'new' | 'open' | 'ended' = 'new';
  /** The call of next() that waits for its result. Later calls wait for it. */
  #request: Request | undefined;
  /** The batch that the caller may read now. */
  #lent: RecordBatch | undefined;
  #stopped = false;

  constructor(source: BatchSource, limits: Required<TurnLimits>, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#limits = limits;
    this.#signal = signal;
  }

  next(): Promise<Result> {
    if (this.#request !== undefined) return this.#after(() => this.next());
    if (this.#state === 'ended') return Promise.resolve(end());
    const isFirst = this.#state === 'new';
    return this.#source.notices.run(() => {
      try {
        if (isFirst) this.#open();
        else this.#giveBack();
        const { promise } = this.#ask();
        if (isFirst || this.#over) this.#look();
        else this.#lookLater();
        return promise;
      } catch (error) {
        this.#request = undefined;
        this.#end();
        return Promise.reject(error);
      }
    });
  }

  return(): Promise<Result> {
    return this.#leave(() => Promise.resolve(end()));
  }

  throw(error: unknown): Promise<Result> {
    return this.#leave(() => Promise.reject(error));
  }

  #leave(result: () => Promise<Result>): Promise<Result> {
    if (this.#request !== undefined) return this.#after(() => this.#leave(result));
    return this.#source.notices.run(() => {
      try {
        this.#end();
        return result();
      } catch (error) {
        return Promise.reject(error);
      }
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Ends the iteration, also while next() waits, as an abort of the signal does. */
  readonly stop = (): void => {
    this.#stopped = true;
    this.#look();
  };

  /** Whether the iteration ends. */
  get #over(): boolean {
    return this.#stopped || this.#source.closed || this.#signal?.aborted === true;
  }

  readonly #look = (): void => {
    const request = this.#request;
    // An abort may have ended the request before this scheduled call.
    if (request === undefined) return;
    this.#source.notices.run(() => {
      try {
        const batch = this.#over ? null : this.#source.beginBatch(this.#limits);
        if (batch === null && !this.#over) {
          this.#lookLater();
          return;
        }
        this.#request = undefined;
        if (batch === null) this.#end();
        else this.#lent = batch;
        request.resolve(batch === null ? end() : { done: false, value: batch });
      } catch (error) {
        this.#request = undefined;
        try {
          this.#end();
        } finally {
          request.reject(error);
        }
      }
    });
  };

  #lookLater(): void {
    // Also under load, timers and other input are processed between two batches.
    if (this.#source.awake) setImmediate(this.#look);
    else this.#source.wait(this.#look);
  }

  #ask(): Request {
    let resolve!: Request['resolve'];
    let reject!: Request['reject'];
    const promise = new Promise<Result>((toResolve, toReject) => {
      resolve = toResolve;
      reject = toReject;
    });
    this.#request = { promise, resolve, reject };
    return this.#request;
  }

  #after(then: () => Promise<Result>): Promise<Result> {
    return (this.#request as Request).promise.then(then, then);
  }

  #open(): void {
    this.#source.enter();
    this.#state = 'open';
    this.#signal?.addEventListener('abort', this.#look, { once: true });
  }

  #giveBack(): void {
    this.#lent?.end();
    this.#lent = undefined;
    this.#source.finishBatch();
  }

  #end(): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'ended';
    if (!wasOpen) return;
    this.#signal?.removeEventListener('abort', this.#look);
    this.#lent?.end();
    this.#lent = undefined;
    this.#source.leave();
  }
}
