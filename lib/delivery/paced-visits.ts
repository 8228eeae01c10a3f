import { HEADER_BYTES } from '../abi/perf-event';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import { type TurnLimits, UNBOUNDED } from './limits';
import type { RecordSource } from '../records/record-source';
import type { SampleVisitor } from '../records/bulk-visitor';
import type { RecordVisitor } from '../records/record';

/** The smallest first chunk of a visit with a time limit, in records: enough to measure the cost of a record. */
const FIRST_CHUNK = 256;
/** These bytes hold at most one first chunk: the smallest record is a header. */
const ONE_CHUNK_BYTES = FIRST_CHUNK * HEADER_BYTES;
const LARGEST_CHUNK = 16_384;
/** A first chunk takes 1/64 of the time limit at the cost measured last time: this visitor may be slower. */
const CAUTION = 64;

/**
 * Visits the records of one batch within limits of records, bytes and time. It reads the clock between chunks of
 * records. The size of a chunk follows the measured cost of a record, at first that of the previous visit.
 */
export class PacedVisits {
  readonly records: RecordSource;
  readonly #clock: () => number;
  /** Measured in the last timed visit. */
  #recordsAMillisecond = 0;

  /** @param clock returns milliseconds */
  constructor(records: RecordSource, clock = monotonicMilliseconds) {
    this.records = records;
    this.#clock = clock;
  }

  /**
   * @param found bytes that the batch found when it began
   * @returns records visited
   */
  visit(sample: SampleVisitor, other: RecordVisitor, limits: Required<TurnLimits>, found: number): number {
    const source = this.records;
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
