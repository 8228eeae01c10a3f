import { constants } from 'node:os';

/** The signals that end a collection. SIGHUP comes when the terminal is closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type StopSignal = (typeof SIGNALS)[number];

/** Why a collection ends. */
export type StopReason = 'signal' | 'duration' | 'count';

/**
 * A request to end the collection, by a signal, the duration or the count. The first signal ends it in the normal way.
 * The second one ends the process at once; the kernel then frees its resources.
 */
export class StopRequest {
  /** Resolves with the first reason. */
  readonly requested: Promise<StopReason>;
  /** Resolves at the first signal, also when the end was already requested for another reason. */
  readonly signalled: Promise<void>;
  readonly #abort = new AbortController();
  #resolveRequested: (reason: StopReason) => void = () => undefined;
  #resolveSignalled: () => void = () => undefined;
  #isSignalled = false;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    this.requested = new Promise((resolve) => {
      this.#resolveRequested = resolve;
    });
    this.signalled = new Promise((resolve) => {
      this.#resolveSignalled = resolve;
    });
  }

  /** Aborts at the first signal. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** From now on the signals request the end. */
  listen(): void {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /** Restores the default effect of the signals, and stops the timer. */
  close(): void {
    clearTimeout(this.#timer);
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  after(milliseconds: number): void {
    this.#timer = setTimeout(() => this.request('duration'), milliseconds);
  }

  request(reason: StopReason): void {
    this.#resolveRequested(reason);
  }

  readonly #onSignal = (signal: StopSignal): void => {
    if (this.#isSignalled) process.exit(128 + constants.signals[signal]);
    this.#isSignalled = true;
    this.request('signal');
    this.#resolveSignalled();
    this.#abort.abort();
  };
}
