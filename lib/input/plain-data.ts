import { PerfRingError, type PerfRingErrorCode } from '../errors';
import { shown } from './shown';
import { isUint8Array } from './view-span';

/**
 * What callers hand over, copied to data of ours: read once, so that what was checked is what is used, whatever a
 * getter or a proxy would answer the next time. When reading runs code of theirs that throws, that is the cause of
 * an error that says where.
 */

/**
 * The properties of those names that are given; others are ignored. For objects that may be more than their type says,
 * as one with methods may be. Options are for {@link plainOptions}.
 * @param what for messages: `layout`
 * @throws PerfRingError of the code, for what is no object and for what cannot be read
 */
export function plainProperties<Value extends object>(
  value: Value,
  names: readonly (keyof Value & string)[],
  code: PerfRingErrorCode,
  what: string,
): Value {
  if (typeof value !== 'object' || value === null) {
    throw new PerfRingError(code, `${what} must be an object, got ${shown(value)}`);
  }
  const given: [string, unknown][] = [];
  for (const name of names) {
    const property = read(() => value[name], `${what}.${name}`, code);
    if (property !== undefined) given.push([name, property]);
  }
  // Not by assignment: `__proto__` is a name like any other.
  return Object.fromEntries(given) as Value;
}

/**
 * The options that are given. There may be no others: an option that is spelled wrong would be ignored.
 * @param what for messages: `options`
 * @throws PerfRingError of the code, as {@link plainProperties}, and for an unknown name
 */
export function plainOptions<Options extends object>(
  options: Options,
  names: readonly (keyof Options & string)[],
  code: PerfRingErrorCode = 'ERR_PERF_INVALID_OPTION',
  what = 'options',
): Options {
  const plain = plainProperties(options, names, code, what);
  const known: readonly string[] = names;
  const unknown = read(() => Object.keys(options), what, code).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const where = what === 'options' ? `option ${unknown}` : `${what}.${unknown}`;
    throw new PerfRingError(code, `there is no ${where}; there are ${names.join(', ')}`);
  }
  return plain;
}

/** All own properties. @throws PerfRingError as {@link plainProperties} */
export function plainCopy<Value extends object>(
  value: Value,
  what: string,
  code: PerfRingErrorCode = 'ERR_PERF_INVALID_OPTION',
): Value {
  const names = typeof value === 'object' && value !== null ? read(() => Object.keys(value), what, code) : [];
  return plainProperties(value, names as (keyof Value & string)[], code, what);
}

/**
 * The elements of an array.
 * @param most how many there may be
 * @throws PerfRingError of the code
 */
export function plainList<Element>(
  list: readonly Element[],
  what: string,
  most: number,
  code: PerfRingErrorCode = 'ERR_PERF_INVALID_ARGUMENT',
): Element[] {
  // A proxy of an array is an array to isArray(), and its length whatever it likes.
  const length: unknown = read(() => (Array.isArray(list) ? list.length : undefined), what, code);
  if (typeof length !== 'number' || !Number.isInteger(length) || length < 0) {
    throw new PerfRingError(code, `${what} must be an array, got ${shown(list)}`);
  }
  if (length > most) throw new PerfRingError(code, `${what} has ${length} elements; there can be ${most}`);
  return Array.from({ length }, (_, index) => read(() => list[index] as Element, `${what}[${index}]`, code));
}

/** Whether it is an array. @throws PerfRingError of the code, for a revoked proxy */
export function isList(
  value: unknown,
  what: string,
  code: PerfRingErrorCode = 'ERR_PERF_INVALID_ARGUMENT',
): boolean {
  return read(() => Array.isArray(value), what, code);
}

/** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function checkBytes(value: unknown, what: string): void {
  if (isUint8Array(value)) return;
  throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${what} must be a Uint8Array, got ${shown(value)}`);
}

/** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function checkString(value: unknown, what: string): void {
  if (typeof value === 'string') return;
  throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${what} must be a string, got ${shown(value)}`);
}

function read<Result>(look: () => Result, what: string, code: PerfRingErrorCode): Result {
  try {
    return look();
  } catch (cause) {
    throw new PerfRingError(code, `${what} cannot be read: it throws`, { cause });
  }
}
