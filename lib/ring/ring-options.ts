import { PerfRingError } from '../errors';
import type { RingCursors } from './ring-cursors';
import type { SampleFormat } from './sample-format';
import { shown } from './shown';

export interface PerfRingOptions {
  /** How samples are laid out; PERF_SAMPLE_RAW alone by default, as {@link PerfRing.write} makes them. */
  readonly format?: SampleFormat;
  /**
   * Where the time of a sample is, when the format has none: a payload offset of a u64 in nanoseconds.
   */
  readonly timeInPayload?: number;
  /** CPU number, or another label, that records carry; -1 by default. */
  readonly cpu?: number;
  /** The two positions; by default native helpers, and Atomics where the addon is not built. */
  readonly cursors?: RingCursors;
}

/** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `options must be an object, got ${shown(options)}`);
  }
}

/** Offset of the time from a sample's start, or ABSENT. */
export function timeOffsetOf(format: SampleFormat, timeInPayload: number | undefined): number {
  if (timeInPayload === undefined) return format.timeOffset;
  if (!Number.isInteger(timeInPayload) || timeInPayload < 0 || timeInPayload % 4 !== 0) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `timeInPayload must be a multiple of 4 bytes, got ${shown(timeInPayload)}`,
    );
  }
  if (format.rawMoves) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      'timeInPayload does not go with PERF_SAMPLE_CALLCHAIN',
    );
  }
  return format.rawOffset + 4 + timeInPayload;
}
