import type { Read } from './field-reader';
import type { SampleField } from './sample-layout';

/**
 * Runs code made from a string, with the given names in scope. Names of fields get into such code only as string literals, and
 * numbers only as numbers.
 * @returns `undefined` where code from strings is forbidden, or the code is too large
 */
export function madeFromString<Result>(
  code: string,
  scope: Readonly<Record<string, unknown>>,
): Result | undefined {
  try {
    return new Function(...Object.keys(scope), `'use strict'; ${code}`)(...Object.values(scope)) as Result;
  } catch {
    return undefined;
  }
}

/** Kinds that a method of the payload reads. */
const METHODS: readonly string[] = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'f64', 'u64', 'i64'];

/**
 * An expression that reads a field.
 * @param payload the name of the payload in the code
 * @param at an expression for where the field lies
 * @param readers gets the reader of the field, if it needs one; `read` in the code
 * @param reader makes it
 */
export function readCode(
  { kind, size, values }: SampleField,
  payload: string,
  at: string,
  readers: Read[],
  reader: () => Read,
): string {
  if (values === undefined && METHODS.includes(kind)) return `${payload}.${kind}(${at})`;
  if (kind === 'bool') return `${payload}.u8(${at}) !== 0`;
  if (/^char\[\d+\]$/.test(kind)) return `${payload}.string(${at}, ${Number(size)})`;
  readers.push(reader());
  return `read[${readers.length - 1}](${payload}, ${at})`;
}
