import type { FieldType, GlobalValue } from '../index';
import { usageError } from './failure';

/**
 * The value of a global variable from text, by the variable's type.
 * @throws CommandError (usage)
 */
export function globalValue(name: string, type: FieldType, text: string): GlobalValue {
  const value = parsed(type, text);
  if (value !== undefined) return value;
  throw usageError(`--set ${name}: it takes ${form(type)}, got "${text}"`);
}

function parsed(type: FieldType, text: string): GlobalValue | undefined {
  if (typeof type === 'object') {
    if (!('enum' in type) || /\[/.test(type.as ?? '')) return bytesIn(text);
    return Object.hasOwn(type.enum, text) ? text : integerIn(text);
  }
  if (type === 'bool') return { true: true, false: false, 1: true, 0: false }[text];
  if (/^char\[\d+\]$/.test(type)) return text;
  if (type === 'f32' || type === 'f64') return text.trim() === '' ? undefined : numberIn(text);
  if (/^[ui]\d+(?:be)?$/.test(type) || type === 'ktime') return integerIn(text);
  return bytesIn(text);
}

function form(type: FieldType): string {
  if (typeof type === 'object' && 'enum' in type) {
    return `one of ${Object.keys(type.enum).join(', ')}, or a number`;
  }
  if (type === 'bool') return 'true or false';
  if (type === 'f32' || type === 'f64') return 'a number';
  if (typeof type === 'string' && /^[ui]\d+/.test(type)) return 'a whole number';
  return 'bytes in hex, like 0a00';
}

function integerIn(text: string): number | bigint | undefined {
  const [, sign = '', digits] = /^(-?)(0x[\da-f]+|\d+)$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = sign === '-' ? -BigInt(digits) : BigInt(digits);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function numberIn(text: string): number | undefined {
  const value = Number(text);
  return Number.isNaN(value) ? undefined : value;
}

function bytesIn(text: string): Uint8Array | undefined {
  if (!/^(?:[\da-f]{2})*$/i.test(text)) return undefined;
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
