import { HEADER_BYTES } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import type { RingRecord } from '../ring/record';
import type { TurnLimits } from './options';
import { checkTurn } from './options';
import type { Turn } from './turn';
import { type SplitVisitors, splitVisitors, type Visitors } from './visitors';

/** No bound of time or bytes. */
export const UNBOUNDED = Number.MAX_SAFE_INTEGER;
/** First records of a visit bounded in time: enough to learn what one costs. */
const FIRST_CHUNK = 256;
/** Holds no more records than that: the smallest has a header alone. */
const ONE_CHUNK_BYTES = FIRST_CHUNK * HEADER_BYTES;
/** Samples iterated over between looks at the clock. */
const CLOCK_EVERY = 64;
const LARGEST_CHUNK = 16_384;

/**
 * Visits within bounds of records, bytes and time. The clock is read between chunks, which grow and shrink with what a
 * record costs.
 * @param found bytes the turn found
 * @param consumed bytes consumed so far, of all rings
 */
export function visitWithin(
  turn: Turn,
  { sample, other }: SplitVisitors,
  limits: Required<TurnLimits>,
  found: number,
  consumed: () => number,
): number {
  if (found <= ONE_CHUNK_BYTES || (limits.microseconds === UNBOUNDED && limits.bytes === UNBOUNDED)) {
    return turn.visit(sample, other, limits.records);
  }
  const start = monotonicMilliseconds();
  const startBytes = consumed();
  const budget = limits.microseconds / 1000;
  let records = 0;
  let chunk = FIRST_CHUNK;
  for (;;) {
    const asked = Math.min(chunk, limits.records - records);
    const visited = turn.visit(sample, other, asked);
    records += visited;
    if (visited < asked || turn.stopped || records >= limits.records) return records;
    const bytes = consumed() - startBytes;
    if (bytes >= limits.bytes) return records;
    const elapsed = monotonicMilliseconds() - start;
    if (elapsed >= budget) return records;
    const affordable = ((budget - elapsed) / Math.max(elapsed, 1e-3)) * records;
    const roomy = ((limits.bytes - bytes) / bytes) * records;
    chunk = Math.max(1, Math.min(LARGEST_CHUNK, Math.floor(affordable), Math.ceil(roomy)));
  }
}

/**
 * What one look at the rings found, readable in place until the next batch is asked for. Nothing is copied and
 * nothing is lost: records that are not visited stay in their rings and come again with the next batch.
 */
export class RecordBatch implements Iterable<RingRecord> {
  readonly #turn: Turn;
  readonly #limits: Required<TurnLimits>;
  readonly #found: number;
  readonly #consumed: () => number;
  #open = true;

  /** @internal */
  constructor(turn: Turn, limits: Required<TurnLimits>, found: number, consumed: () => number) {
    this.#turn = turn;
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
    return visitWithin(this.#turn, splitVisitors(visitors), within, this.#found, this.#consumed);
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
