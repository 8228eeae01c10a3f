import { PerfRingError } from '../errors';

/** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || isAbortSignal(signal)) return;
  throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'signal must be an AbortSignal');
}

/** By the getter of the class: a look-alike would be asked again and again, and answer what it likes. */
function isAbortSignal(value: unknown): boolean {
  try {
    ABORTED.call(value);
    return true;
  } catch {
    return false;
  }
}

const ABORTED = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')?.get as () => boolean;
