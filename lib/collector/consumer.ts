import { setTimeout as pause } from 'node:timers/promises';
import { PerfRingError } from '../errors';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import { shown } from '../input/shown';
import { BatchIterator, type BatchSource } from './batch-iterator';
import { checkSignal, type TurnLimits } from './options';
import type { PacedVisits } from './paced-visits';
import { RecordBatch } from './record-batch';
import type { Turn } from './turn';
import { type OwnedRecord, ownedRecord } from './visitors';

export interface ConsumerParts {
  readonly turn: Turn;
  readonly visits: PacedVisits;
  readonly limits: Required<TurnLimits>;
  /** Bytes consumed so far, of all rings. */
  readonly consumed: () => number;
  /** After each turn, whatever it delivered. */
  readonly afterTurn: () => void;
  /** Whether the process should live on for this reader: while somebody waits, and up to the next wake. */
  readonly keepAlive: (alive: boolean) => void;
  /** The last record has been delivered: free the rings. */
  readonly ended: () => void;
  /** How long programs may still be writing after the slots were emptied. */
  readonly settleMilliseconds: number;
}

/**
 * The one who reads asynchronously: waits for a wake, takes a turn, hands out what it found, and lets the event loop
 * go on after every turn. There is one at a time, or none.
 */
export class Consumer {
  readonly #parts: ConsumerParts;
  #active = false;
  /** Something may lie in the rings that no turn has looked for. */
  #awake = true;
  #wakeUp: (() => void) | undefined;
  #ended = false;
  #draining = false;
  #drained: Promise<void> = Promise.resolve();
  #resolveDrained: (() => void) | undefined;

  constructor(parts: ConsumerParts) {
    this.#parts = parts;
  }

  get active(): boolean {
    return this.#active;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Resolves when a close that drains has freed everything; at once when there is none. */
  get drained(): Promise<void> {
    return this.#drained;
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

  /** There may be something to read. A loop over batches that waits has begun a turn when this returns, or found nothing. */
  wake(): void {
    this.#awake = true;
    this.#wakeUp?.();
  }

  /** The rings are gone. */
  end(): void {
    this.#ended = true;
    this.#wakeUp?.();
    this.#resolveDrained?.();
  }

  /** Delivers what is left, then frees the rings. */
  drainAndEnd(): Promise<void> {
    if (this.#draining) return this.#drained;
    this.#draining = true;
    this.#drained = new Promise((resolve) => {
      this.#resolveDrained = resolve;
    });
    this.wake();
    return this.#drained;
  }

  /** @param limits of each batch; the reader's by default */
  batches(signal: AbortSignal | undefined, limits = this.#parts.limits): BatchIterator {
    checkSignal(signal);
    const { turn, visits, consumed } = this.#parts;
    const source: BatchSource = {
      enter: () => this.#enter(),
      giveBack: () => {
        const more = turn.begun && turn.more;
        this.#finishTurn();
        if (more || this.#draining) this.#awake = true;
      },
      over: () => this.#ended || signal?.aborted === true,
      awake: () => this.#awake,
      look: () => {
        this.#wakeUp = undefined;
        this.#awake = false;
        const found = turn.begin();
        if (found > 0 && turn.more) return new RecordBatch(turn, visits, limits, found, consumed);
        this.#finishTurn();
        return null;
      },
      wait: (wakeUp) => {
        this.#parts.keepAlive(true);
        this.#wakeUp = wakeUp;
      },
      settled: () => (this.#draining && !turn.holdsBack ? this.#settled() : undefined),
      leave: () => this.#leave(),
    };
    return new BatchIterator(source, signal);
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
    const { turn } = this.#parts;
    const deadline = monotonicMilliseconds() + (timeoutMilliseconds ?? Number.POSITIVE_INFINITY);
    this.#enter();
    try {
      for (;;) {
        if (this.#ended) throw new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed');
        signal?.throwIfAborted();
        this.#awake = false;
        turn.begin();
        const record = turn.next();
        const owned = record === null ? undefined : ownedRecord(record);
        this.#finishTurn();
        if (owned !== undefined) return owned;
        if (this.#draining && !turn.holdsBack && (await this.#settled())) continue;
        const left = deadline - monotonicMilliseconds();
        if (left <= 0) return null;
        await this.#waitForWake(signal, left);
      }
    } finally {
      this.#leave();
    }
  }

  #enter(): void {
    if (this.#ended) throw new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed');
    this.checkFree();
    this.#active = true;
    this.#awake = true;
  }

  #leave(): void {
    this.#wakeUp = undefined;
    this.#finishTurn();
    this.#active = false;
    if (!this.#ended) this.#parts.keepAlive(false);
    // Nobody is left to take the rest.
    if (this.#draining && !this.#ended) this.#parts.ended();
  }

  #finishTurn(): void {
    const { turn } = this.#parts;
    if (!turn.begun) return;
    turn.finish();
    this.#parts.afterTurn();
  }

  /** Programs that were writing when the slots were emptied have ended. @returns whether nothing more came */
  async #settled(): Promise<boolean> {
    const { turn, settleMilliseconds } = this.#parts;
    await pause(settleMilliseconds);
    if (this.#ended) return true;
    turn.begin();
    const { more } = turn;
    this.#finishTurn();
    if (more) {
      this.#awake = true;
      return false;
    }
    this.#parts.ended();
    return true;
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
