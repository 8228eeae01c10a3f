import type { ReaderStats } from '../index';
import type { RecordFormat } from './formats/formats';

/**
 * A row for each LOST record, at its place among the samples, and at the end a row for what no LOST record told: the
 * kernel writes one only with the next sample. So the rows of a CPU add up to what the kernel counted.
 */
export class LossRows {
  readonly #format: RecordFormat;
  readonly #told = new Map<number, number>();

  constructor(format: RecordFormat) {
    this.#format = format;
  }

  /** A PERF_RECORD_LOST. */
  record(cpu: number, lost: number): void {
    this.#told.set(cpu, (this.#told.get(cpu) ?? 0) + lost);
    this.#format.lost(cpu, lost);
  }

  /** Nothing comes any more. */
  end(stats: ReaderStats): void {
    for (const { cpu, lost } of stats.cpus) {
      const untold = lost - (this.#told.get(cpu) ?? 0);
      if (untold > 0) this.#format.lost(cpu, untold);
    }
  }
}
