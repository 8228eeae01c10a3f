import type { RingRecord } from '../../index';

/** Formats records and collects the output until {@link take} returns it. */
export interface RecordFormat {
  /** Call it before the first record. */
  begin(): void;
  /** A PERF_RECORD_SAMPLE. */
  sample(record: RingRecord): void;
  /** `count` samples that the kernel could not write. Called before the next sample of that CPU, or at the end. */
  lost(cpu: number, count: number): void;
  /** A record of any other type. */
  other(record: RingRecord): void;
  /** The start of a snapshot of the flight recorder; the first one has number 1. */
  snapshot(number: number): void;
  /** Samples so far that were too short for the layout. */
  readonly unfit: number;
  /** The output since the last call; may be empty. */
  take(): string | Uint8Array;
}
