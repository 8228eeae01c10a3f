import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';

/**
 * Limits of one batch. It ends at the first one that is reached; then the event loop continues. Each is a whole number
 * of 1 or more, or Infinity for no limit. The defaults are those of asynchronous delivery.
 */
export interface TurnLimits {
  /** 262,144 by default; usually the time limit is reached first. */
  readonly records?: number;
  /** No limit by default. */
  readonly bytes?: number;
  /** 1,000 by default. Checked between chunks of records, so a batch can take longer. */
  readonly microseconds?: number;
}

/** No limit. */
export const UNBOUNDED = Number.MAX_SAFE_INTEGER;
export const NO_LIMITS: Required<TurnLimits> = {
  records: UNBOUNDED,
  bytes: UNBOUNDED,
  microseconds: UNBOUNDED,
};
export const DEFAULT_LIMITS: Required<TurnLimits> = {
  records: 262_144,
  bytes: UNBOUNDED,
  microseconds: 1000,
};

/** @throws PerfRingError ERR_PERF_INVALID_OPTION */
export function checkLimits(
  limits: TurnLimits,
  defaults: Required<TurnLimits> = DEFAULT_LIMITS,
): Required<TurnLimits> {
  const plain = plainOptions(limits, ['records', 'bytes', 'microseconds'], 'ERR_PERF_INVALID_OPTION', 'turn');
  const limit = (name: keyof TurnLimits): number => {
    const value = plain[name];
    if (value === undefined) return defaults[name];
    if (value === Number.POSITIVE_INFINITY) return UNBOUNDED;
    if (Number.isInteger(value) && value >= 1) return Math.min(value, UNBOUNDED);
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `turn.${name} must be a whole number of 1 or more, or Infinity, got ${shown(value)}`,
    );
  };
  return { records: limit('records'), bytes: limit('bytes'), microseconds: limit('microseconds') };
}
