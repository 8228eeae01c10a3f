import type { Notices } from './notices';
import type { RecordBatch } from './record-batch';

/** What an iteration asks of its consumer. */
export interface BatchSource {
  /** @throws PerfRingError ERR_PERF_BUSY, ERR_PERF_CLOSED */
  readonly enter: () => void;
  /** Gives back what was visited of the last batch. */
  readonly giveBack: () => void;
  /** Nothing more will come, or nobody wants it. */
  readonly over: () => boolean;
  /** Something may have been published since the last batch began. */
  readonly awake: () => boolean;
  /** A batch that found something; null when there is nothing. */
  readonly look: () => RecordBatch | null;
  /** Calls when there may be something to read, or nothing will ever be. */
  readonly wait: (wakeUp: () => void) => void;
  readonly leave: () => void;
  /** Listeners are called when the iteration's state is consistent again. */
  readonly notices: Pick<Notices, 'begin' | 'end'>;
}

type Result = IteratorResult<RecordBatch, void>;

interface Request {
  readonly promise: Promise<Result>;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

const end = (): Result => ({ done: true, value: undefined });

/**
 * Batches, one by one, as a generator would hand them out, and sooner: what a wake finds is handed over within that very
 * wake, one microtask away from whoever awaits it. An async generator takes five, and its code is run so seldom that it
 * is interpreted.
 */
export class BatchIterator implements AsyncGenerator<RecordBatch, void, undefined> {
  readonly #source: BatchSource;
  readonly #signal: AbortSignal | undefined;
  #state: 'new' | 'open' | 'ended' = 'new';
  /** Who asked, and has no answer yet. Later calls wait for that. */
  #request: Request | undefined;
  /** The batch that is lent. */
  #lent: RecordBatch | undefined;

  constructor(source: BatchSource, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
  }

  next(): Promise<Result> {
    if (this.#request !== undefined) return this.#after(() => this.next());
    if (this.#state === 'ended') return Promise.resolve(end());
    const isFirst = this.#state === 'new';
    this.#source.notices.begin();
    try {
      if (isFirst) this.#open();
      else this.#giveBack();
      const { promise } = this.#ask();
      if (isFirst || this.#source.over()) this.#look();
      else this.#lookLater();
      return promise;
    } catch (error) {
      this.#request = undefined;
      this.#end();
      return Promise.reject(error);
    } finally {
      this.#source.notices.end();
    }
  }

  return(): Promise<Result> {
    return this.#leave(() => Promise.resolve(end()));
  }

  throw(error: unknown): Promise<Result> {
    return this.#leave(() => Promise.reject(error));
  }

  #leave(result: () => Promise<Result>): Promise<Result> {
    if (this.#request !== undefined) return this.#after(() => this.#leave(result));
    this.#source.notices.begin();
    try {
      this.#end();
      return result();
    } catch (error) {
      return Promise.reject(error);
    } finally {
      this.#source.notices.end();
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  readonly #look = (): void => {
    const request = this.#request;
    // An abort may have answered before a look that was put off.
    if (request === undefined) return;
    this.#source.notices.begin();
    try {
      const batch = this.#source.over() ? null : this.#source.look();
      if (batch !== null) {
        this.#lent = batch;
        this.#request = undefined;
        request.resolve({ done: false, value: batch });
      } else if (this.#source.over()) {
        this.#request = undefined;
        this.#end();
        request.resolve(end());
      } else {
        this.#lookLater();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#source.notices.end();
    }
  };

  #lookLater(): void {
    // Whatever the load, timers and other input come between two batches.
    if (this.#source.awake()) setImmediate(this.#look);
    else this.#source.wait(this.#look);
  }

  #fail(error: unknown): void {
    const request = this.#request;
    this.#request = undefined;
    try {
      this.#end();
    } finally {
      request?.reject(error);
    }
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
    this.#source.giveBack();
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
