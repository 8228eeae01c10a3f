import { PerfRingError } from '../errors';
import { named, shown } from '../input/shown';

/** Scalars that decode to a number; little-endian. */
export type NumberKind = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64';
/** Scalars in the network's byte order that decode to a number. */
export type BigEndianNumberKind = 'u16be' | 'i16be' | 'u32be' | 'i32be';
/** Scalars of 8 bytes, which decode to a bigint. `ktime` is a time of the kernel's: nanoseconds of CLOCK_MONOTONIC. */
export type BigIntKind = 'u64' | 'i64' | 'u64be' | 'i64be' | 'ktime';
/**
 * Values that decode to text: an address of 4 bytes (`10.0.0.1`), of 16 (`fe80::1`), of 6 (`02:42:ac:11:00:02`), each as it lies in
 * a packet, and a pointer (`0xffff888000000000`).
 */
export type TextKind = 'ipv4' | 'ipv6' | 'mac' | 'ptr';

/**
 * One value. Little-endian; `…be` is big-endian, the network's byte order. `bool` is one byte: false where it is 0, as C's
 * `_Bool`.
 */
export type ScalarKind = NumberKind | BigEndianNumberKind | BigIntKind | TextKind | 'bool';

/** So many bits of an integer, as C's `unsigned low : 3`. Up to 32 bits decode to a number, those of `u64` and `i64` to a bigint. */
export type BitfieldKind = `${'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64'}:${number}`;

/**
 * What a field holds: a scalar; `char[N]`, text in N bytes that ends at its first NUL, or at N; `bytes[N]`, N bytes as they
 * are; an array of N scalars such as `u32[4]`; `char[M][N]`, M texts of N bytes; or a bitfield such as `u32:3`.
 *
 * The last field may be of variable length: `char[length]`, `bytes[length]` or `u64[length]` has as many elements as the
 * field named `length` says. With `[]` it takes the rest of the sample, the padding of the kernel included.
 */
export type FieldKind =
  | ScalarKind
  | BitfieldKind
  | `char[${string}]`
  | `bytes[${string}]`
  | `${ScalarKind}[${string}]`;

/** Integers that an enum can lie in. */
export type EnumStorage = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64';

/** An enum: an integer that decodes to its name, or to a number where it has none. */
export interface EnumKind {
  /** Names and their numbers. */
  readonly enum: Readonly<Record<string, number | bigint>>;
  /** The integer that holds it, an array of them or a bitfield: `u32` when not given. Raw bits are compared: -1 is 0xffffffff. */
  readonly as?: EnumStorage | `${EnumStorage}[${string}]` | BitfieldKind;
}

/** What an array of scalars decodes to, by the kind of its elements. */
export interface ArrayValues {
  u8: Uint8Array;
  i8: Int8Array;
  u16: Uint16Array;
  i16: Int16Array;
  u32: Uint32Array;
  i32: Int32Array;
  f32: Float32Array;
  f64: Float64Array;
  u16be: Uint16Array;
  i16be: Int16Array;
  u32be: Uint32Array;
  i32be: Int32Array;
  u64: BigUint64Array;
  i64: BigInt64Array;
  u64be: BigUint64Array;
  i64be: BigInt64Array;
  ktime: BigInt64Array;
  bool: readonly boolean[];
  ipv4: readonly string[];
  ipv6: readonly string[];
  mac: readonly string[];
  ptr: readonly string[];
}

/** The value of a field of that kind of text. */
export type KindValue<Kind extends string> = Kind extends BigIntKind | `${'u64' | 'i64'}:${number}`
  ? bigint
  : Kind extends 'bool'
    ? boolean
    : Kind extends NumberKind | BigEndianNumberKind | BitfieldKind
      ? number
      : Kind extends `char[${string}][${string}]`
        ? readonly string[]
        : Kind extends TextKind | `char[${string}]`
          ? string
          : Kind extends `bytes[${string}]`
            ? Uint8Array
            : Kind extends `${infer Element extends ScalarKind}[${string}]`
              ? ArrayValues[Element]
              : never;

/** Bytes of each scalar. */
export const SCALAR_SIZES: Readonly<Record<ScalarKind, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  i8: 1,
  i16: 2,
  i32: 4,
  i64: 8,
  f32: 4,
  f64: 8,
  bool: 1,
  u16be: 2,
  u32be: 4,
  u64be: 8,
  i16be: 2,
  i32be: 4,
  i64be: 8,
  ktime: 8,
  ipv4: 4,
  ipv6: 16,
  mac: 6,
  ptr: 8,
};

const ENUM_STORAGES: readonly string[] = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64'];

/** A record's size field has 16 bits: nothing longer could arrive. */
export const MOST_BYTES = 0xffff;

/** A kind taken apart. */
export interface ParsedKind {
  /** A scalar, `char` or `bytes`. */
  readonly element: ScalarKind | 'char' | 'bytes';
  /** Bytes of an element; 1 for `char` and `bytes`. */
  readonly elementBytes: number;
  /** Bytes that C aligns it to. */
  readonly alignment: number;
  /** How many elements; `undefined` for a single scalar, and where the length varies. */
  readonly count: number | undefined;
  /** Of `char[M][N]`: M. */
  readonly texts?: number;
  /** Of a bitfield: its bits. */
  readonly bitSize?: number;
  /** Of a field whose length varies: the field that has it; empty for the rest of the sample. */
  readonly lengthField?: string;
}

/** `undefined` for what is no kind. */
export function parsedKind(kind: string): ParsedKind | undefined {
  const [, element = '', brackets = '', bits] =
    /^([a-z\d]+)((?:\[\w*\]){0,2})(?::([1-9]\d?))?$/.exec(kind) ?? [];
  if (bits !== undefined) return brackets === '' ? bitfield(element, Number(bits)) : undefined;
  const isText = element === 'char' || element === 'bytes';
  if (!isText && !Object.hasOwn(SCALAR_SIZES, element)) return undefined;
  const elementBytes = isText ? 1 : SCALAR_SIZES[element as ScalarKind];
  const scalar = {
    element: element as ParsedKind['element'],
    elementBytes,
    alignment: alignmentOf(element, elementBytes),
  };
  const lengths = brackets.slice(1, -1).split('][');
  if (brackets === '') return isText ? undefined : { ...scalar, count: undefined };
  if (lengths.length === 2) {
    const [texts, bytes] = lengths.map(lengthOf) as [number | undefined, number | undefined];
    if (element !== 'char' || texts === undefined || bytes === undefined) return undefined;
    return texts * bytes > MOST_BYTES ? undefined : { ...scalar, count: bytes, texts };
  }
  const [length = ''] = lengths;
  const count = lengthOf(length);
  if (count === undefined) {
    return /^\d/.test(length) ? undefined : { ...scalar, count, lengthField: length };
  }
  return count * elementBytes > MOST_BYTES ? undefined : { ...scalar, count };
}

/** Bytes that a parsed kind takes, without what varies. */
export function bytesOf({ count, elementBytes, texts = 1, lengthField }: ParsedKind): number {
  return lengthField !== undefined ? 0 : elementBytes * (count ?? 1) * texts;
}

/** Addresses are arrays of bytes to C, but an address of 4 bytes is a word. */
function alignmentOf(element: string, bytes: number): number {
  return element === 'mac' || element === 'ipv6' ? 1 : bytes;
}

function lengthOf(text: string): number | undefined {
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : undefined;
}

function bitfield(element: string, bitSize: number): ParsedKind | undefined {
  if (!ENUM_STORAGES.includes(element)) return undefined;
  const elementBytes = SCALAR_SIZES[element as ScalarKind];
  if (bitSize > elementBytes * 8) return undefined;
  return { element: element as ScalarKind, elementBytes, alignment: elementBytes, count: undefined, bitSize };
}

/** Whether an enum can lie in such elements. */
export function holdsEnum({ element, texts }: ParsedKind): boolean {
  return texts === undefined && ENUM_STORAGES.includes(element);
}

export function unknownKind(name: string, kind: unknown): PerfRingError {
  return invalidLayout(
    `field ${named(name)} has the unknown kind ${shown(kind)}; kinds are ${Object.keys(SCALAR_SIZES).join(', ')}, arrays of them such as u32[4], bits such as u32:3, char[N], bytes[N], enums such as { enum: { EXEC: 1 } }, and layouts`,
  );
}

export function invalidLayout(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
