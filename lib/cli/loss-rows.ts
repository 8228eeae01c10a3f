import type { CollectionStats } from './collection-stats';
import type { RecordFormat } from './formats/formats';

/**
 * Writes a row for each PERF_RECORD_LOST, at its place among the samples. The kernel writes such a record only together
 * with the next sample, so at the end there can be losses without one: they get a last row. The rows of a CPU add up to
 * the number that the kernel counted.
 */
export class LossRows {
  readonly #format: RecordFormat;
  /** CPU -> samples lost according to its LOST records. */
  readonly #recorded = new Map<number, number>();

  constructor(format: RecordFormat) {
    this.#format = format;
  }

  /** A PERF_RECORD_LOST. */
  record(cpu: number, lost: number): void {
    this.#recorded.set(cpu, (this.#recorded.get(cpu) ?? 0) + lost);
    this.#format.lost(cpu, lost);
  }

  /** Writes the last rows. Call it after all records. */
  end(stats: CollectionStats): void {
    for (const { cpu, lost = 0 } of stats.cpus) {
      const unrecorded = lost - (this.#recorded.get(cpu) ?? 0);
      if (unrecorded > 0) this.#format.lost(cpu, unrecorded);
    }
  }
}
