import type { FieldValue } from '../../index';
import { jsonText } from '../visible-text';

/** A field's value as JSON: 64-bit integers and `bytes[N]` (in hexadecimal) are strings; structs are objects. */
export function jsonValue(value: FieldValue): string {
  switch (typeof value) {
    case 'number':
      // JSON has no NaN and no Infinity.
      return Number.isFinite(value) ? String(value) : 'null';
    case 'boolean':
      return String(value);
    case 'bigint':
      return `"${value}"`;
    case 'string':
      return jsonText(value);
    default:
      return jsonObject(value);
  }
}

function jsonObject(value: Exclude<FieldValue, number | bigint | string | boolean>): string {
  if (value instanceof Uint8Array) return `"${hexOf(value)}"`;
  if (ArrayBuffer.isView(value) || Array.isArray(value)) {
    return `[${Array.from(value as Iterable<FieldValue>, jsonValue).join(',')}]`;
  }
  const members = Object.entries(value as { readonly [name: string]: FieldValue });
  return `{${members.map(([name, member]) => `${jsonText(name)}:${jsonValue(member)}`).join(',')}}`;
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
