import type { RecordPayload } from '../records/record';
import { parsedKind, type ParsedKind, type ScalarKind } from './field-kind';
import type { FieldValue, SampleField } from './sample-layout';
import { ipText, ipv4Text, ipv6Text, macText, pointerText } from './text-values';

/** Reads one value at an offset of a payload, bytes. */
export type Read<Value = FieldValue> = (payload: RecordPayload, offset: number) => Value;

/**
 * Makes the reader of a field that is not a struct.
 * @param countAt for a field of variable length: returns its number of elements (bytes, for text)
 */
export function valueReader(field: SampleField, countAt?: (payload: RecordPayload) => number): Read {
  const parsed = parsedKind(field.kind) as ParsedKind;
  const { element, count, bitSize, texts } = parsed;
  if (bitSize !== undefined) return named(field, bitfieldReader(parsed, field.bitOffset ?? 0, field.size));
  if (texts !== undefined) return textsReader(texts, count as number);
  if (countAt !== undefined)
    return (payload, at) => elementsReader(field, parsed, countAt(payload))(payload, at);
  if (count !== undefined) return elementsReader(field, parsed, count);
  return named(field, SCALAR_READERS[element as ScalarKind]);
}

function elementsReader(field: SampleField, { element, elementBytes }: ParsedKind, count: number): Read {
  if (element === 'char') return (payload, at) => payload.string(at, count);
  if (element === 'bytes') return (payload, at) => copyAt(payload, at, count);
  if (field.values === undefined && element in TYPED_ARRAYS)
    return typedArrayReader(element, elementBytes, count);
  const read = named(field, SCALAR_READERS[element]);
  return (payload, at) =>
    Array.from({ length: count }, (_, index) => read(payload, at + index * elementBytes));
}

const SCALAR_READERS: Readonly<Record<ScalarKind, Read<number | bigint | boolean | string>>> = {
  u8: (payload, at) => payload.u8(at),
  i8: (payload, at) => payload.i8(at),
  u16: (payload, at) => payload.u16(at),
  i16: (payload, at) => payload.i16(at),
  u32: (payload, at) => payload.u32(at),
  i32: (payload, at) => payload.i32(at),
  f32: (payload, at) => payload.f32(at),
  f64: (payload, at) => payload.f64(at),
  u64: (payload, at) => payload.u64(at),
  i64: (payload, at) => payload.i64(at),
  ktime: (payload, at) => payload.i64(at),
  bool: (payload, at) => payload.u8(at) !== 0,
  u16be: (payload, at) => swapped16(payload.u16(at)),
  i16be: (payload, at) => (swapped16(payload.u16(at)) << 16) >> 16,
  u32be: (payload, at) => swapped32(payload.u32(at)) >>> 0,
  i32be: (payload, at) => swapped32(payload.u32(at)),
  u64be: (payload, at) => bigEndian64(payload, at),
  i64be: (payload, at) => BigInt.asIntN(64, bigEndian64(payload, at)),
  ipv4: ipv4Text,
  ipv6: ipv6Text,
  ip: ipText,
  mac: macText,
  ptr: pointerText,
};

function swapped16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function swapped32(value: number): number {
  return ((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

function bigEndian64(payload: RecordPayload, at: number): bigint {
  const high = swapped32(payload.u32(at)) >>> 0;
  const low = swapped32(payload.u32(at + 4)) >>> 0;
  return (BigInt(high) << 32n) | BigInt(low);
}

/** Enums whose values are all below this limit are looked up in an array (1 ns), others in a map (7 ns). */
const MOST_IN_ARRAY = 4096;

/** Makes the reader of an enum from the reader of its number. For a field that is not an enum it returns `read`. */
function named({ kind, values }: SampleField, read: Read): Read {
  if (values === undefined) return read;
  const { element, elementBytes, bitSize = elementBytes * 8 } = parsedKind(kind) as ParsedKind;
  const names = namesByBits(values, bitSize);
  if (element.endsWith('64')) {
    return (payload, at) => {
      const value = read(payload, at) as bigint;
      return names.get(BigInt.asUintN(bitSize, value)) ?? value;
    };
  }
  const numbers = [...names].map(([bits, name]) => [Number(bits), name] as const);
  const mask = bitSize === 32 ? -1 : 2 ** bitSize - 1;
  const lookUp = lookUpOf(new Map(numbers));
  return (payload, at) => {
    const value = read(payload, at) as number;
    return lookUp((value & mask) >>> 0) ?? value;
  };
}

/** Names by raw bits, because compilers may write -3 as 4294967293. Of two names for one value, the first is used. */
function namesByBits(
  values: Readonly<Record<string, number | bigint>>,
  bitSize: number,
): Map<bigint, string> {
  const names = new Map<bigint, string>();
  for (const [name, value] of Object.entries(values)) {
    const bits = BigInt.asUintN(bitSize, BigInt(value));
    if (!names.has(bits)) names.set(bits, name);
  }
  return names;
}

function lookUpOf(names: ReadonlyMap<number, string>): (value: number) => string | undefined {
  const greatest = Math.max(0, ...names.keys());
  if (greatest >= MOST_IN_ARRAY) return (value) => names.get(value);
  const byNumber = Array.from({ length: greatest + 1 }, (_, value) => names.get(value));
  return (value) => byNumber[value];
}

function bitfieldReader({ element, bitSize = 0 }: ParsedKind, bitOffset: number, bytes: number): Read {
  const isSigned = element.startsWith('i');
  if (element.endsWith('64')) {
    const size = BigInt(bitSize);
    const offset = BigInt(bitOffset);
    return (payload, at) => {
      let value = 0n;
      for (let index = bytes - 1; index >= 0; index--) value = (value << 8n) | BigInt(payload.u8(at + index));
      value >>= offset;
      return isSigned ? BigInt.asIntN(Number(size), value) : BigInt.asUintN(Number(size), value);
    };
  }
  const read = wordReader(bytes);
  const unused = 32 - bitSize;
  return (payload, at) => {
    let word = read(payload, at) >>> bitOffset;
    if (bytes > 4) word |= payload.u8(at + 4) << (32 - bitOffset);
    return isSigned ? (word << unused) >> unused : (word << unused) >>> unused;
  };
}

/** Reads the first bytes of a bitfield, at most 4, as one word. */
function wordReader(bytes: number): Read<number> {
  if (bytes === 1) return (payload, at) => payload.u8(at);
  if (bytes === 2) return (payload, at) => payload.u16(at);
  if (bytes === 3) return (payload, at) => payload.u16(at) | (payload.u8(at + 2) << 16);
  return (payload, at) => payload.u32(at);
}

function copyAt(payload: RecordPayload, at: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  payload.copyTo(bytes, at);
  return bytes;
}

/** Typed arrays have the machine's byte order, which is little-endian on all machines that perfring supports. */
const TYPED_ARRAYS: Readonly<Partial<Record<string, new (buffer: ArrayBufferLike) => FieldValue & object>>> =
  {
    u8: Uint8Array,
    i8: Int8Array,
    u16: Uint16Array,
    i16: Int16Array,
    u32: Uint32Array,
    i32: Int32Array,
    f32: Float32Array,
    f64: Float64Array,
    u64: BigUint64Array,
    i64: BigInt64Array,
    ktime: BigInt64Array,
    u16be: Uint16Array,
    i16be: Int16Array,
    u32be: Uint32Array,
    i32be: Int32Array,
    u64be: BigUint64Array,
    i64be: BigInt64Array,
  };

function typedArrayReader(element: string, elementBytes: number, count: number): Read {
  const Values = TYPED_ARRAYS[element] as new (buffer: ArrayBufferLike) => FieldValue & object;
  const isBigEndian = element.endsWith('be');
  return (payload, at) => {
    const bytes = copyAt(payload, at, count * elementBytes);
    if (isBigEndian) swapEach(bytes, elementBytes);
    return new Values(bytes.buffer);
  };
}

function swapEach(bytes: Uint8Array, elementBytes: number): void {
  for (let at = 0; at < bytes.length; at += elementBytes) bytes.subarray(at, at + elementBytes).reverse();
}

/** `char[M][N]`: M texts of N bytes. */
function textsReader(texts: number, bytes: number): Read {
  return (payload, at) =>
    Array.from({ length: texts }, (_, index) => payload.string(at + index * bytes, bytes));
}
