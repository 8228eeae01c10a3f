import { types } from 'node:util';
import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { bulkScanOf, type SampleVisitor } from './bulk-visitor';
import type { RecordPayload, RecordVisitor } from './record';

/**
 * Checks a value that a user passed as a record. Checking `size` alone would not suffice: a Map has a size too.
 * @param who what takes the record, for the error text: `a decoder`
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function checkRecord(record: RecordPayload, who: string): void {
  if (typeof record === 'object' && typeof record.size === 'number' && typeof record.u8 === 'function')
    return;
  throw notARecord(record, who);
}

/** Makes the error for a value that is not a record. */
export function notARecord(value: unknown, who: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${who} takes a record, got ${shown(value)}`);
}

/** Returns an error that has a code unchanged. An error without one comes from reading a value that is not a record. */
export function recordError(error: unknown, who: string): unknown {
  if (typeof error === 'object' && error !== null && 'code' in error) return error;
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${who} takes a record`, { cause: error });
}

/**
 * Checks a function that is called with lent records. Async functions and generators are refused: they would read a
 * record when it is no longer valid.
 * @param name of the argument, for the error text
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function checkVisitor(visitor: unknown, name: string): asserts visitor is RecordVisitor {
  if (typeof visitor !== 'function') {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${name} must be a function, got ${shown(visitor)}`);
  }
  // Only these two kinds of functions have a tag. Reading the tag takes 1 ns, types.isAsyncFunction 30 ns.
  if (!hasTag(visitor)) return;
  if (!types.isAsyncFunction(visitor) && !types.isGeneratorFunction(visitor)) return;
  throw new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    `${name} must not be an async function or a generator: a record can be read only until the visitor returns. Copy what you need, or use readable()`,
  );
}

/** Checks a value that takes samples: a visitor function or a query. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function checkSampleVisitor(visitor: unknown, name: string): asserts visitor is SampleVisitor {
  if (bulkScanOf(visitor) === undefined) checkVisitor(visitor, name);
}

function hasTag(visitor: object): boolean {
  try {
    return (visitor as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] !== undefined;
  } catch {
    // A proxy whose trap throws: the caller then uses node:util types, which run no user code.
    return true;
  }
}
