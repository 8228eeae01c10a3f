import { types } from 'node:util';
import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { bulkScanOf, type SampleVisitor } from './bulk-visitor';
import type { RecordPayload, RecordVisitor } from './record';

/**
 * For a value that a public function takes as a record. Its `size` alone says nothing: a Map has one too.
 * @param who takes records, for the message: `a decoder`
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function checkRecord(record: RecordPayload, who: string): void {
  if (typeof record === 'object' && typeof record.size === 'number' && typeof record.u8 === 'function')
    return;
  throw notARecord(record, who);
}

/** The error for a value that is no record. */
export function notARecord(value: unknown, who: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${who} takes a record, got ${shown(value)}`);
}

/** An error with a code as it is; one without a code comes from reading something that is no record. */
export function recordError(error: unknown, who: string): unknown {
  if (typeof error === 'object' && error !== null && 'code' in error) return error;
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${who} takes a record`, { cause: error });
}

/**
 * For a function that is called with lent records. An asynchronous one, or a generator, would read them after they are gone.
 * @param name of the argument, for the message
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function checkVisitor(visitor: unknown, name: string): asserts visitor is RecordVisitor {
  if (typeof visitor !== 'function') {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${name} must be a function, got ${shown(visitor)}`);
  }
  // Of functions only these two kinds have such a tag: asking for it costs 1 ns, and types.isAsyncFunction 30.
  if (!hasTag(visitor)) return;
  if (!types.isAsyncFunction(visitor) && !types.isGeneratorFunction(visitor)) return;
  throw new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    `${name} must not be an async function or a generator: a record can be read only until the visitor returns. Copy what you need, or use readable()`,
  );
}

/** For what is given samples: a function, or a query. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function checkSampleVisitor(visitor: unknown, name: string): asserts visitor is SampleVisitor {
  if (bulkScanOf(visitor) === undefined) checkVisitor(visitor, name);
}

function hasTag(visitor: object): boolean {
  try {
    return (visitor as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] !== undefined;
  } catch {
    // A proxy with a trap that throws: the other check runs no code of the caller's.
    return true;
  }
}
