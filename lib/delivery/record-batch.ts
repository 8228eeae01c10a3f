import { PerfRingError } from '../errors';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import type { RingRecord } from '../records/record';
import type { Notices } from './notices';
import { checkLimits, type TurnLimits } from './limits';
import type { PacedVisits } from './paced-visits';
import type { RecordSource } from '../records/record-source';
import { splitVisitors, type Visitors } from './visitors';

/** Samples iterated over between looks at the clock. */
const CLOCK_EVERY = 64;

/**
 * What one look at the rings found, readable in place until the next batch is asked for. Nothing is copied and
 * nothing is lost: records that are not visited stay in their rings and come again with the next batch.
 */
export class RecordBatch implements Iterable<RingRecord> {
  readonly #source: RecordSource;
  readonly #visits: PacedVisits;
  readonly #notices: Notices;
  readonly #limits: Required<TurnLimits>;
  readonly #found: number;
  #open = true;

  /** @internal */
  constructor(
    source: RecordSource,
    visits: PacedVisits,
    notices: Notices,
    limits: Required<TurnLimits>,
    found: number,
  ) {
    this.#source = source;
    this.#visits = visits;
    this.#notices = notices;
    this.#limits = limits;
    this.#found = found;
  }

  /**
   * Visits the records in place: the fast way.
   * @param visitors a function for the samples, or { sample, lost, other }; {@link STOP} ends the visit after that record
   * @param limits those of the reader by default
   * @returns records visited
   * @throws what a visitor throws: its record is consumed, the rest stays; PerfRingError ERR_PERF_CLOSED for a batch
   *   whose time is over
   */
  forEach(visitors: Visitors, limits?: TurnLimits): number {
    const within = limits === undefined ? this.#limits : checkLimits(limits, this.#limits);
    const { sample, other } = splitVisitors(visitors);
    this.#checkOpen();
    this.#notices.begin();
    try {
      return this.#visits.visit(sample, other, within, this.#found);
    } finally {
      this.#notices.end();
    }
  }

  /** The samples, one by one, each lent until the next. It ends at the reader's bounds of a batch at the latest. */
  *[Symbol.iterator](): Iterator<RingRecord> {
    const { records, bytes, microseconds } = this.#limits;
    const start = monotonicMilliseconds();
    const startBytes = this.#source.consumedBytes;
    for (let taken = 0; taken < records; taken++) {
      this.#checkOpen();
      if (taken % CLOCK_EVERY === CLOCK_EVERY - 1) {
        if (monotonicMilliseconds() - start >= microseconds / 1000) return;
        if (this.#source.consumedBytes - startBytes >= bytes) return;
      }
      const record = this.#source.next();
      if (record === null) return;
      yield record;
    }
  }

  /** @internal */
  end(): void {
    this.#open = false;
  }

  #checkOpen(): void {
    if (!this.#open || !this.#source.inBatch) {
      throw new PerfRingError(
        'ERR_PERF_CLOSED',
        'the batch is over: its records could be read until the next was asked for',
      );
    }
  }
}
