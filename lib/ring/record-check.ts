import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import type { RecordPayload } from './record';

/**
 * For a value that a public function takes as a record. Its `size` alone says nothing: a Map has one too.
 * @param who takes records, for the message: `a decoder`
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function checkRecord(record: RecordPayload, who: string): void {
  if (typeof record === 'object' && typeof record.size === 'number' && typeof record.u8 === 'function')
    return;
  throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${who} takes a record, got ${shown(record)}`);
}

/** An error with a code as it is; one without a code comes from reading something that is no record. */
export function recordError(error: unknown, who: string): unknown {
  if (typeof error === 'object' && error !== null && 'code' in error) return error;
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${who} takes a record`, { cause: error });
}
