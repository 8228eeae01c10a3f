import type { RingRecord } from '../../index';

/** Makes output of records, and gathers it until it is taken. */
export interface RecordFormat {
  /** Before the first record. */
  begin(): void;
  /** A PERF_RECORD_SAMPLE. */
  sample(record: RingRecord): void;
  /** Samples that the kernel could not write: before the next sample of that CPU, or, at the end, after the last. */
  lost(cpu: number, count: number): void;
  /** A record of any other type. */
  other(record: RingRecord): void;
  /** A snapshot of the flight recorder begins. */
  snapshot(number: number): void;
  /** What was gathered since it was last taken; empty for nothing. */
  take(): string | Uint8Array;
}
