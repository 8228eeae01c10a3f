import type { FieldValue } from './sample-layout';

/** Converts a value for `JSON.stringify`: bigints to text, bytes to hexadecimal text, other typed arrays to arrays. */
export function jsonValue(value: FieldValue): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object') return value;
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  }
  if (ArrayBuffer.isView(value) || Array.isArray(value)) {
    return Array.from(value as Iterable<FieldValue>, jsonValue);
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonValue(member)]));
}
