import { PerfRingError } from '../errors';

/** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || isAbortSignal(signal)) return;
  throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'signal must be an AbortSignal');
}

/** Calls the getter of the class: an object that only looks like a signal could return something else at each read. */
function isAbortSignal(value: unknown): boolean {
  try {
    ABORTED.call(value);
    return true;
  } catch {
    return false;
  }
}

const ABORTED = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')?.get as () => boolean;
