import { PerfRingError } from '../errors';

/** ERR_PERF_DATA_DAMAGED: where a perf.data file is damaged, and how. */
export class PerfDataError extends PerfRingError {
  /** Offset of the damaged part in the file, in bytes; for a stream, from its beginning. */
  readonly offset: number;
  readonly path: string;

  constructor(path: string, offset: number, what: string, options?: ErrorOptions) {
    super('ERR_PERF_DATA_DAMAGED', `${path} is damaged at byte ${offset}: ${what}`, options);
    this.offset = offset;
    this.path = path;
  }
}
