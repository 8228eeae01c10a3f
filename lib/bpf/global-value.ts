import type { Btf } from '../btf/btf';
import type { BtfType } from '../btf/btf-type';
import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { isUint8Array, spanOfArray } from '../input/view-span';

/**
 * A value of a global variable. The type of the variable decides: a number for floats, and for integers and enums of up
 * to 32 bits; a bigint for integers and enums of 64 bits; a boolean; text for an array of `char`; the bytes of anything
 * else.
 */
export type GlobalValue = number | bigint | boolean | string | Uint8Array;

/** The type in a union of types, by its kind. */
type Of<Kind extends BtfType['kind']> = Extract<BtfType, { readonly kind: Kind }>;

/**
 * The bytes of a value.
 * @param size bytes of the variable
 * @param name the variable's name, for messages
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function encodeGlobal(
  btf: Btf,
  id: number,
  size: number,
  value: GlobalValue,
  name: string,
): Uint8Array {
  const type = btf.type(btf.resolve(id));
  if (isUint8Array(value)) return bytesOf(value, size, name);
  switch (type.kind) {
    case 'int':
      return type.isBool ? encodeBoolean(value, size, name) : encodeInteger(value, type, name);
    case 'enum':
    case 'enum64':
      return encodeEnum(value, type, name);
    case 'float':
      return encodeFloat(value, size, name);
    case 'array':
      if (isCharacter(btf, type.type)) return encodeText(value, size, name);
  }
  throw wrong(name, `a Uint8Array of ${size} bytes`, value);
}

/** The value in a variable's bytes. @param bytes a plain Uint8Array, which the result may refer to */
export function decodeGlobal(btf: Btf, id: number, bytes: Uint8Array): GlobalValue {
  const type = btf.type(btf.resolve(id));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type.kind) {
    case 'int':
    case 'enum':
    case 'enum64': {
      const bits = bytes.length * 8;
      if (![8, 16, 32, 64].includes(bits)) return bytes;
      const word = integerIn(bytes);
      if (type.kind === 'int' && type.isBool) return word !== 0n;
      const value = type.isSigned ? BigInt.asIntN(bits, word) : word;
      return bits === 64 ? value : Number(value);
    }
    case 'float':
      if (bytes.length === 8) return view.getFloat64(0, true);
      return bytes.length === 4 ? view.getFloat32(0, true) : bytes;
    case 'array':
      if (isCharacter(btf, type.type)) {
        const end = bytes.indexOf(0);
        return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
      }
  }
  return bytes;
}

/** Clang does not mark `char` as a character in BTF: only its name distinguishes it from an 8-bit number. */
function isCharacter(btf: Btf, id: number): boolean {
  const type = btf.type(btf.resolve(id));
  return type.kind === 'int' && type.size === 1 && (type.isChar || type.name === 'char');
}

function integerIn(bytes: Uint8Array): bigint {
  return bytes.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
}

function integerBytes(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return bytes.subarray(0, size);
}

function encodeBoolean(value: GlobalValue, size: number, name: string): Uint8Array {
  if (typeof value !== 'boolean') throw wrong(name, 'a boolean', value);
  return integerBytes(value ? 1n : 0n, size);
}

function encodeInteger(value: GlobalValue, { size, isSigned }: Of<'int'>, name: string): Uint8Array {
  const bits = BigInt(size * 8);
  const [least, most] = isSigned ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  const isInteger = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  const integer = isInteger ? BigInt(value) : undefined;
  if (size > 8 || integer === undefined || integer < least || integer > most) {
    throw wrong(
      name,
      size > 8 ? `a Uint8Array of ${size} bytes` : `a whole number from ${least} to ${most}`,
      value,
    );
  }
  return integerBytes(integer, size);
}

function encodeEnum(value: GlobalValue, type: Of<'enum' | 'enum64'>, name: string): Uint8Array {
  const found = type.values.find((one) => one.name === value)?.value ?? value;
  if ((typeof found === 'number' && Number.isSafeInteger(found)) || typeof found === 'bigint') {
    const bits = type.size * 8;
    const integer = BigInt(found);
    // Clang up to 14 writes negative values of an enum as unsigned ones, so signed and unsigned values are accepted.
    if (integer === BigInt.asIntN(bits, integer) || integer === BigInt.asUintN(bits, integer)) {
      return integerBytes(integer, type.size);
    }
  }
  throw wrong(
    name,
    `one of ${type.values.map((one) => one.name).join(', ')}, or a number of ${type.size} bytes`,
    value,
  );
}

function encodeFloat(value: GlobalValue, size: number, name: string): Uint8Array {
  if (typeof value !== 'number' || (size !== 4 && size !== 8)) throw wrong(name, 'a number', value);
  return new Uint8Array(size === 4 ? Float32Array.of(value).buffer : Float64Array.of(value).buffer);
}

function encodeText(value: GlobalValue, size: number, name: string): Uint8Array {
  const text = typeof value === 'string' ? Buffer.from(value, 'utf8') : undefined;
  if (text === undefined || text.length >= size || text.includes(0)) {
    throw wrong(name, `a string of at most ${size - 1} bytes`, value);
  }
  const bytes = new Uint8Array(size);
  bytes.set(text);
  return bytes;
}

function bytesOf(value: Uint8Array, size: number, name: string): Uint8Array {
  const { buffer, byteOffset, byteLength } = spanOfArray(value);
  if (byteLength === size) return new Uint8Array(buffer, byteOffset, byteLength).slice();
  throw new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    `global variable ${name} has ${size} bytes, got ${byteLength}`,
  );
}

function wrong(name: string, what: string, value: unknown): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    `global variable ${name} takes ${what}, got ${shown(value)}`,
  );
}
