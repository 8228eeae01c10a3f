import { PerfRingError, type PerfRingErrorCode } from '../errors';
import { shown } from './shown';
import { isUint8Array } from './view-span';

/**
 * Copies of the objects and arrays that callers pass. Each property is read only once, because a getter or a proxy
 * could return another value after the check. When a getter throws, the result is an error that says which property it
 * was, with the thrown value as its `cause`.
 */

/**
 * Copies the named properties that are not undefined. Other properties are ignored, so the object may have methods. For
 * options use {@link plainOptions}.
 * @param what the object's name in messages: `layout`
 * @throws PerfRingError with this code, when `value` is not an object or a property can't be read
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
  // fromEntries() and not assignment, so that a property named `__proto__` is copied like any other.
  return Object.fromEntries(given) as Value;
}

/**
 * Copies the options. An unknown name is refused, because a misspelled option would otherwise be ignored.
 * @param what the object's name in messages: `options`
 * @throws PerfRingError with this code, as {@link plainProperties}, and for an unknown name
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

/** Copies all own enumerable properties. @throws PerfRingError as {@link plainProperties} */
export function plainCopy<Value extends object>(
  value: Value,
  what: string,
  code: PerfRingErrorCode = 'ERR_PERF_INVALID_OPTION',
): Value {
  const names = typeof value === 'object' && value !== null ? read(() => Object.keys(value), what, code) : [];
  return plainProperties(value, names as (keyof Value & string)[], code, what);
}

/**
 * Copies the elements of an array.
 * @param most the highest number of elements
 * @throws PerfRingError with this code
 */
export function plainList<Element>(
  list: readonly Element[],
  what: string,
  most: number,
  code: PerfRingErrorCode = 'ERR_PERF_INVALID_ARGUMENT',
): Element[] {
  // isArray() is true for a proxy of an array, whose length can be any value.
  const length: unknown = read(() => (Array.isArray(list) ? list.length : undefined), what, code);
  if (typeof length !== 'number' || !Number.isInteger(length) || length < 0) {
    throw new PerfRingError(code, `${what} must be an array, got ${shown(list)}`);
  }
  if (length > most) throw new PerfRingError(code, `${what} has ${length} elements; there can be ${most}`);
  return Array.from({ length }, (_, index) => read(() => list[index] as Element, `${what}[${index}]`, code));
}

/** The most entries of one call: each takes memory. */
const MOST_ENTRIES = 2 ** 24;

/**
 * Copies entries of keys and values, as a Map and an array of pairs give them.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for what can't be iterated, or an element that is not a pair
 */
export function entryList<Key, Value>(entries: Iterable<readonly [Key, Value]>): (readonly [Key, Value])[] {
  const code = 'ERR_PERF_INVALID_ARGUMENT';
  const isIterable = read(
    () => typeof entries === 'object' && entries !== null && typeof entries[Symbol.iterator] === 'function',
    'entries',
    code,
  );
  if (!isIterable)
    throw new PerfRingError(code, `entries must be a Map or a list of pairs, got ${shown(entries)}`);
  const list: (readonly [Key, Value])[] = [];
  const add = (): void => {
    for (const entry of entries) {
      if (list.push(entry) > MOST_ENTRIES) break;
    }
  };
  read(add, 'entries', code);
  if (list.length > MOST_ENTRIES)
    throw new PerfRingError(code, `there can be ${MOST_ENTRIES} entries in one call`);
  return list.map((entry, index) => {
    const [key, value, ...rest] = plainList(entry as readonly (Key | Value)[], `entries[${index}]`, 3);
    if (rest.length > 0 || entry.length < 2)
      throw new PerfRingError(code, `entries[${index}] must be a key and a value`);
    return [key as Key, value as Value] as const;
  });
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
