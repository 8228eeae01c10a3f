import { PerfRingError } from '../errors';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import type { RingRecord } from '../records/record';
import type { Notices } from './notices';
import { checkLimits, type TurnLimits } from './limits';
import type { PacedVisits } from './paced-visits';
import { splitVisitors, type Visitors } from './visitors';

/** Samples iterated over between two reads of the clock. */
const CLOCK_EVERY = 64;

/**
 * The records that were in the rings when the batch began. They can be read in place until the next batch is requested.
 * Nothing is copied and nothing is lost: records that are not visited stay in their rings and come with the next batch.
 */
export class RecordBatch implements Iterable<RingRecord> {
  readonly #visits: PacedVisits;
  readonly #notices: Notices;
  readonly #limits: Required<TurnLimits>;
  readonly #found: number;
  #open = true;

  /** @internal @param found bytes that the batch found when it began */
  constructor(visits: PacedVisits, notices: Notices, limits: Required<TurnLimits>, found: number) {
    this.#visits = visits;
    this.#notices = notices;
    this.#limits = limits;
    this.#found = found;
  }

  /**
   * Visits the records in place. This is faster than iteration.
   * @param visitors a function for the samples, or { sample, lost, other }; {@link STOP} ends the visit after that
   *   record
   * @param limits by default those of the reader
   * @returns records visited
   * @throws what a visitor throws: its record is consumed, the others stay; PerfRingError ERR_PERF_CLOSED when the
   *   batch has ended
   */
  forEach(visitors: Visitors, limits?: TurnLimits): number {
    const within = limits === undefined ? this.#limits : checkLimits(limits, this.#limits);
    const { sample, other } = splitVisitors(visitors);
    this.#checkOpen();
    return this.#notices.run(() => this.#visits.visit(sample, other, within, this.#found));
  }

  /**
   * The samples, one by one; each is valid until the next. The iteration ends at the reader's limits of a batch at the
   * latest.
   */
  *[Symbol.iterator](): Iterator<RingRecord> {
    const { records, bytes, microseconds } = this.#limits;
    const source = this.#visits.records;
    const start = monotonicMilliseconds();
    const startBytes = source.consumedBytes;
    for (let taken = 0; taken < records; taken++) {
      this.#checkOpen();
      if (taken % CLOCK_EVERY === CLOCK_EVERY - 1) {
        if (monotonicMilliseconds() - start >= microseconds / 1000) return;
        if (source.consumedBytes - startBytes >= bytes) return;
      }
      const record = source.next();
      if (record === null) return;
      yield record;
    }
  }

  /** @internal */
  end(): void {
    this.#open = false;
  }

  #checkOpen(): void {
    if (!this.#open || !this.#visits.records.inBatch) {
      throw new PerfRingError(
        'ERR_PERF_CLOSED',
        'the batch is over: its records can be read until the next batch is requested',
      );
    }
  }
}
