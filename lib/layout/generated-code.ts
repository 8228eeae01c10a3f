import type { Read } from './field-reader';
import type { SampleField } from './sample-layout';

/**
 * Runs code made from a string, with the given names in scope. For safety, callers write field names into the code only
 * as string literals, and numbers only as numeric literals.
 * @returns the code's result; `undefined` where code from strings is forbidden or the code is too large
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

/** Kinds with a method of the same name in RecordPayload. */
const METHODS: readonly string[] = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'f64', 'u64', 'i64'];

/**
 * Makes an expression that reads a field.
 * @param payload name of the payload in the code
 * @param at expression for the offset of the field
 * @param readers the field's reader is added to it, if the expression needs one; the code calls it `read`
 * @param reader makes the field's reader
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
