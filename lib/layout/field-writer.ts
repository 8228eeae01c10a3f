import { PerfRingError } from '../errors';
import { plainCopy } from '../input/plain-data';
import { shown } from '../input/shown';
import { isUint8Array, ownCopy } from '../input/view-span';
import { parsedKind, type ParsedKind } from './field-kind';
import type { SampleField, SampleLayout } from './sample-layout';
import { ipv4Bytes, ipv6Bytes, macBytes } from './text-bytes';

/** Writes a value at an offset, bytes. @param name of the value, for messages */
export type Write = (target: DataView<ArrayBuffer>, at: number, value: unknown, name: string) => void;

/** Makes the writer of a struct: of an object that has all fields. Of fields that overlap, one is enough. */
function structWriter({ fields }: SampleLayout<unknown>): Write {
  const writers = fields.map((field) => ({
    field,
    write: fieldWriter(field),
    isOptional: fields.some((other) => other !== field && overlap(field, other)),
  }));
  const names = fields.map(({ name }) => name);
  return (target, at, value, name) => {
    if (typeof value !== 'object' || value === null) throw wrong(name, 'an object', value);
    const given = plainCopy(value as Record<string, unknown>, name, 'ERR_PERF_INVALID_ARGUMENT');
    const unknown = Object.keys(given).find((one) => !names.includes(one));
    if (unknown !== undefined) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `${name} has no field ${unknown}; there are ${names.join(', ')}`,
      );
    }
    for (const { field, write, isOptional } of writers) {
      const member = given[field.name];
      if (member === undefined && isOptional) continue;
      write(target, at + field.offset, member, `${name}.${field.name}`);
    }
  };
}

/** Whether two fields share bits. */
function overlap(one: SampleField, other: SampleField): boolean {
  const [from, to] = bitsOf(one);
  const [otherFrom, otherTo] = bitsOf(other);
  return from < otherTo && otherFrom < to;
}

function bitsOf({ kind, offset, size, bitOffset = 0 }: SampleField): [number, number] {
  const bits = kind.startsWith('struct') ? undefined : parsedKind(kind)?.bitSize;
  const from = offset * 8 + bitOffset;
  return [from, from + (bits ?? size * 8)];
}

/** Makes the writer of a field. */
export function fieldWriter(field: SampleField): Write {
  const { kind, size, layout } = field;
  if (layout !== undefined) {
    const write = structWriter(layout);
    return kind === 'struct' ? write : listWriter(write, size / layout.size, layout.size);
  }
  const parsed = parsedKind(kind) as ParsedKind;
  const { element, elementBytes, count, texts, bitSize } = parsed;
  if (bitSize !== undefined) return named(field, bitfieldWriter(parsed, field.bitOffset ?? 0, size));
  if (texts !== undefined) return listWriter(textWriter(count as number), texts, count as number);
  if (element === 'char') return textWriter(size);
  if (element === 'bytes') return bytesWriter(size);
  const write = named(field, SCALAR_WRITERS[element] as Write);
  return count === undefined ? write : listWriter(write, count, elementBytes);
}

function listWriter(write: Write, count: number, stride: number): Write {
  return (target, at, value, name) => {
    const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
    const list = isList ? Array.from(value as Iterable<unknown>) : [];
    if (list.length !== count) throw wrong(name, `a list of ${count} values`, value);
    for (const [index, one] of list.entries()) write(target, at + index * stride, one, `${name}[${index}]`);
  };
}

function textWriter(size: number): Write {
  return (target, at, value, name) => {
    const text = typeof value === 'string' ? Buffer.from(value, 'utf8') : undefined;
    if (text === undefined || text.length > size || text.includes(0)) {
      throw wrong(name, `text of at most ${size} bytes`, value);
    }
    new Uint8Array(target.buffer, target.byteOffset + at, size).set(text);
  };
}

function bytesWriter(size: number): Write {
  return (target, at, value, name) => {
    const bytes = isUint8Array(value) ? ownCopy(value) : undefined;
    if (bytes?.length !== size) throw wrong(name, `a Uint8Array of ${size} bytes`, value);
    new Uint8Array(target.buffer, target.byteOffset + at, size).set(bytes);
  };
}

/** An integer's bits, checked against its range. */
function bitsOfInteger(bits: number, isSigned: boolean, value: unknown, name: string): bigint {
  const isInteger = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  const size = BigInt(bits);
  const [least, most] = isSigned ? [-(1n << (size - 1n)), (1n << (size - 1n)) - 1n] : [0n, (1n << size) - 1n];
  const integer = isInteger ? BigInt(value as number) : undefined;
  if (integer === undefined || integer < least || integer > most) {
    throw wrong(name, `a whole number from ${least} to ${most}`, value);
  }
  return BigInt.asUintN(bits, integer);
}

function integerWriter(bytes: number, isSigned: boolean, isLittleEndian = true): Write {
  return (target, at, value, name) => {
    let bits = bitsOfInteger(bytes * 8, isSigned, value, name);
    for (let index = 0; index < bytes; index++, bits >>= 8n) {
      target.setUint8(at + (isLittleEndian ? index : bytes - 1 - index), Number(bits & 0xffn));
    }
  };
}

function floatWriter(bytes: 4 | 8): Write {
  return (target, at, value, name) => {
    if (typeof value !== 'number') throw wrong(name, 'a number', value);
    if (bytes === 4) target.setFloat32(at, value, true);
    else target.setFloat64(at, value, true);
  };
}

/** Writes an address from its text. @param parse returns undefined for text that is no such address */
function addressWriter(parse: (text: string) => readonly number[] | undefined, form: string): Write {
  return (target, at, value, name) => {
    const bytes = typeof value === 'string' ? parse(value) : undefined;
    if (bytes === undefined) throw wrong(name, form, value);
    for (const [index, byte] of bytes.entries()) target.setUint8(at + index, byte);
  };
}

const SCALAR_WRITERS: Readonly<Record<string, Write>> = {
  ...Object.fromEntries(
    [1, 2, 4, 8].flatMap((bytes) => [
      [`u${bytes * 8}`, integerWriter(bytes, false)],
      [`i${bytes * 8}`, integerWriter(bytes, true)],
      [`u${bytes * 8}be`, integerWriter(bytes, false, false)],
      [`i${bytes * 8}be`, integerWriter(bytes, true, false)],
    ]),
  ),
  ktime: integerWriter(8, true),
  f32: floatWriter(4),
  f64: floatWriter(8),
  bool: (target, at, value, name) => {
    if (typeof value !== 'boolean') throw wrong(name, 'a boolean', value);
    target.setUint8(at, value ? 1 : 0);
  },
  ipv4: addressWriter(ipv4Bytes, 'an address such as "10.0.0.1"'),
  ipv6: addressWriter(ipv6Bytes, 'an address such as "fe80::1"'),
  mac: addressWriter(macBytes, 'an address such as "02:42:ac:11:00:02"'),
  ptr: (target, at, value, name) => {
    if (typeof value !== 'string' || !/^0x[\da-f]{1,16}$/i.test(value)) {
      throw wrong(name, 'a pointer such as "0xffff888000000010"', value);
    }
    target.setBigUint64(at, BigInt(value), true);
  },
};

function bitfieldWriter({ element, bitSize = 0 }: ParsedKind, bitOffset: number, bytes: number): Write {
  const mask = ((1n << BigInt(bitSize)) - 1n) << BigInt(bitOffset);
  return (target, at, value, name) => {
    const bits = bitsOfInteger(bitSize, element.startsWith('i'), value, name) << BigInt(bitOffset);
    for (let index = 0; index < bytes; index++) {
      const shift = BigInt(index * 8);
      const kept = target.getUint8(at + index) & ~Number((mask >> shift) & 0xffn);
      target.setUint8(at + index, kept | Number((bits >> shift) & 0xffn));
    }
  };
}

/** Takes the names of an enum, too. Numbers may be signed or unsigned, as those that decoders return. */
function named({ kind, values }: SampleField, write: Write): Write {
  if (values === undefined) return write;
  const { element, elementBytes, bitSize = elementBytes * 8 } = parsedKind(kind) as ParsedKind;
  const isSigned = element.startsWith('i');
  return (target, at, value, name) => {
    const number = typeof value === 'string' && Object.hasOwn(values, value) ? values[value] : value;
    if (typeof number !== 'bigint' && !(typeof number === 'number' && Number.isSafeInteger(number))) {
      throw wrong(name, `one of ${Object.keys(values).join(', ')}, or a number`, value);
    }
    const bits = BigInt(number);
    const fits = bits === BigInt.asIntN(bitSize, bits) || bits === BigInt.asUintN(bitSize, bits);
    write(
      target,
      at,
      fits ? (isSigned ? BigInt.asIntN(bitSize, bits) : BigInt.asUintN(bitSize, bits)) : bits,
      name,
    );
  };
}

function wrong(name: string, what: string, value: unknown): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${name} takes ${what}, got ${shown(value)}`);
}
