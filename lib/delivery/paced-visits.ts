import { HEADER_BYTES } from '../abi/perf-event';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import { type TurnLimits, UNBOUNDED } from './limits';
import type { RecordSource } from '../records/record-source';
import type { SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor } from '../records/record';

/** First records of a visit bounded in time: enough to learn what one costs. */
const FIRST_CHUNK = 256;
/** Holds no more records than that: the smallest has a header alone. */
const ONE_CHUNK_BYTES = FIRST_CHUNK * HEADER_BYTES;
const LARGEST_CHUNK = 16_384;
/** By what a record cost last time, a first chunk takes that part of the time: so much slower may this visitor be. */
const CAUTION = 64;

/**
 * Visits of one batch within bounds of records, bytes and time. The clock is read between chunks, which grow and shrink with
 * what a record costs, and begin with what it cost last time.
 */
export class PacedVisits {
  readonly #source: RecordSource;
  readonly #clock: () => number;
  /** As of the last visit that was timed. */
  #recordsAMillisecond = 0;

  /** @param clock milliseconds */
  constructor(source: RecordSource, clock = monotonicMilliseconds) {
    this.#source = source;
    this.#clock = clock;
  }

  /**
   * @param found bytes the batch found
   * @returns records visited
   */
  visit(sample: SampleVisitor, other: RecordVisitor, limits: Required<TurnLimits>, found: number): number {
    const source = this.#source;
    if (found <= ONE_CHUNK_BYTES || (limits.microseconds === UNBOUNDED && limits.bytes === UNBOUNDED)) {
      return source.visit(sample, other, limits.records);
    }
    const start = this.#clock();
    const startBytes = source.consumedBytes;
    const budget = limits.microseconds / 1000;
    let records = 0;
    let chunk = limits.bytes === UNBOUNDED ? this.#firstChunk(budget) : FIRST_CHUNK;
    for (;;) {
      const asked = Math.min(chunk, limits.records - records);
      const visited = source.visit(sample, other, asked);
      records += visited;
      const elapsed = this.#clock() - start;
      if (records >= FIRST_CHUNK) this.#recordsAMillisecond = records / Math.max(elapsed, 1e-3);
      if (visited < asked || source.stopped || records >= limits.records || elapsed >= budget) return records;
      const bytes = source.consumedBytes - startBytes;
      if (bytes >= limits.bytes) return records;
      const affordable = (budget - elapsed) * this.#recordsAMillisecond;
      const roomy = ((limits.bytes - bytes) / bytes) * records;
      chunk = Math.max(1, Math.min(LARGEST_CHUNK, Math.floor(affordable), Math.ceil(roomy)));
    }
  }

  #firstChunk(budgetMilliseconds: number): number {
    const affordable = Math.floor((this.#recordsAMillisecond * budgetMilliseconds) / CAUTION);
    return Math.max(FIRST_CHUNK, Math.min(LARGEST_CHUNK, affordable));
  }
}
