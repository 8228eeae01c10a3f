import { PerfRingError } from '../errors';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import type { RingRecord } from '../ring/record';
import type { TurnLimits } from './options';
import { checkTurn } from './options';
import type { PacedVisits } from './paced-visits';
import type { Turn } from './turn';
import { splitVisitors, type Visitors } from './visitors';

/** Samples iterated over between looks at the clock. */
const CLOCK_EVERY = 64;

/**
 * What one look at the rings found, readable in place until the next batch is asked for. Nothing is copied and
 * nothing is lost: records that are not visited stay in their rings and come again with the next batch.
 */
export class RecordBatch implements Iterable<RingRecord> {
  readonly #turn: Turn;
  readonly #visits: PacedVisits;
  readonly #limits: Required<TurnLimits>;
  readonly #found: number;
  readonly #consumed: () => number;
  #open = true;

  /** @internal */
  constructor(
    turn: Turn,
    visits: PacedVisits,
    limits: Required<TurnLimits>,
    found: number,
    consumed: () => number,
  ) {
    this.#turn = turn;
    this.#visits = visits;
    this.#limits = limits;
    this.#found = found;
    this.#consumed = consumed;
  }

  /**
   * Visits the records in place: the fast way.
   * @param visitors a function for the samples, or { sample, lost, other }; `false` stops after that record
   * @param limits those of the reader by default
   * @returns records visited
   * @throws what a visitor throws: its record is consumed, the rest stays; PerfRingError ERR_PERF_CLOSED for a batch
   *   whose time is over
   */
  forEach(visitors: Visitors, limits?: TurnLimits): number {
    this.#checkOpen();
    const within = limits === undefined ? this.#limits : checkTurn(limits, this.#limits);
    return this.#visits.visit(splitVisitors(visitors), within, this.#found);
  }

  /** The samples, one by one, each lent until the next. It ends at the reader's bounds of a turn at the latest. */
  *[Symbol.iterator](): Iterator<RingRecord> {
    const { records, bytes, microseconds } = this.#limits;
    const start = monotonicMilliseconds();
    const startBytes = this.#consumed();
    for (let taken = 0; taken < records; taken++) {
      this.#checkOpen();
      if (taken % CLOCK_EVERY === CLOCK_EVERY - 1) {
        if (monotonicMilliseconds() - start >= microseconds / 1000) return;
        if (this.#consumed() - startBytes >= bytes) return;
      }
      const record = this.#turn.next();
      if (record === null) return;
      yield record;
    }
  }

  /** @internal */
  end(): void {
    this.#open = false;
  }

  #checkOpen(): void {
    if (!this.#open || !this.#turn.begun) {
      throw new PerfRingError(
        'ERR_PERF_CLOSED',
        'the batch is over: its records could be read until the next was asked for',
      );
    }
  }
}
