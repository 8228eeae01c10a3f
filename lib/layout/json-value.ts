import type { FieldValue } from './sample-layout';

/** A value as `JSON.stringify` can write it: bigints as text, bytes as hexadecimal text, other typed arrays as arrays. */
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
