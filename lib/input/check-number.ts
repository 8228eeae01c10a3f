import { PerfRingError, type PerfRingErrorCode } from '../errors';
import { shown } from './shown';

/**
 * Returns `value`, which must be a whole number within these bounds.
 * @param name the name of the option or argument, for the message
 * @throws PerfRingError with this code
 */
export function wholeNumber(
  value: unknown,
  name: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
  code: PerfRingErrorCode = 'ERR_PERF_INVALID_OPTION',
): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  const bounds = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
  throw new PerfRingError(code, `${name} must be a whole number ${bounds}, got ${shown(value)}`);
}

/** Returns `value`, which must be 0 or more, possibly Infinity. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function timeLimit(value: unknown, name: string): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${name} must be 0 or more, got ${shown(value)}`);
}
