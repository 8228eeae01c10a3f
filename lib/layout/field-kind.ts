import { PerfRingError } from '../errors';
import { named, shown } from '../input/shown';

/** Little-endian scalars that decode to a number. */
export type NumberKind = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64';
/** Scalars in network byte order that decode to a number. */
export type BigEndianNumberKind = 'u16be' | 'i16be' | 'u32be' | 'i32be';
/** Scalars of 8 bytes that decode to a bigint. `ktime` is the kernel's ktime_t: nanoseconds of CLOCK_MONOTONIC. */
export type BigIntKind = 'u64' | 'i64' | 'u64be' | 'i64be' | 'ktime';
/**
 * Values that decode to text: addresses in the byte order of packets, `ipv4` with 4 bytes (`10.0.0.1`), `ipv6` with 16
 * (`fe80::1`), `mac` with 6 (`02:42:ac:11:00:02`); `ip` is like `ipv6`, and an IPv4-mapped address is shown as an IPv4
 * address (`10.0.0.1`); and `ptr`, a pointer of 8 bytes (`0xffff888000000000`).
 */
export type TextKind = 'ipv4' | 'ipv6' | 'ip' | 'mac' | 'ptr';

/**
 * One value. Little-endian; kinds that end with `be` are big-endian (network byte order). `bool` is one byte, like C's
 * `_Bool`: 0 is false, other values are true.
 */
export type ScalarKind = NumberKind | BigEndianNumberKind | BigIntKind | TextKind | 'bool';

/**
 * A bitfield: `u32:3` is C's `unsigned low : 3`. Bitfields of `u64` and `i64` decode to a bigint, the others to a
 * number.
 */
export type BitfieldKind = `${'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64'}:${number}`;

/**
 * The kind of a field: a scalar; `char[N]`, UTF-8 text in N bytes, up to the first NUL; `bytes[N]`, N raw bytes; an
 * array of N scalars such as `u32[4]`; `char[M][N]`, M texts of N bytes each; or a bitfield such as `u32:3`.
 *
 * The last field may have variable length: in `char[length]`, `bytes[length]` or `u64[length]`, the field named
 * `length` contains the number of elements. With `[]` the field takes the rest of the sample, the kernel's padding
 * included.
 */
export type FieldKind =
  | ScalarKind
  | BitfieldKind
  | `char[${string}]`
  | `bytes[${string}]`
  | `${ScalarKind}[${string}]`;

/** Integer kinds that can store an enum. */
export type EnumStorage = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64';

/** An enum: an integer that decodes to the name of its value, or to the number when the value has no name. */
export interface EnumKind {
  /** Names and their numbers. */
  readonly enum: Readonly<Record<string, number | bigint>>;
  /**
   * The kind that stores it: an integer, an array of integers or a bitfield; `u32` by default. Values are compared as
   * raw bits: -1 equals 0xffffffff.
   */
  readonly as?: EnumStorage | `${EnumStorage}[${string}]` | BitfieldKind;
}

/** The types that arrays of scalars decode to, by the kind of their elements. */
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
  ip: readonly string[];
  mac: readonly string[];
  ptr: readonly string[];
}

/** The value of a field whose kind is the string `Kind`. */
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
  ip: 16,
  mac: 6,
  ptr: 8,
};

const ENUM_STORAGES: readonly string[] = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64'];

/** Most bytes of a field: the size field of a record has 16 bits. */
export const MOST_BYTES = 0xffff;

/** The parts of a kind. */
export interface ParsedKind {
  /** A scalar, `char` or `bytes`. */
  readonly element: ScalarKind | 'char' | 'bytes';
  /** Bytes of an element; 1 for `char` and `bytes`. */
  readonly elementBytes: number;
  /** Alignment in C, bytes. */
  readonly alignment: number;
  /** Number of elements; `undefined` for a single scalar, and if the length varies. */
  readonly count: number | undefined;
  /** For `char[M][N]`: M. */
  readonly texts?: number;
  /** For a bitfield: number of bits. */
  readonly bitSize?: number;
  /** For a field of variable length: name of the field that contains the length; '' for the rest of the sample. */
  readonly lengthField?: string;
}

/** Parses a kind; returns `undefined` for an unknown one. */
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

/** Bytes of a field with this kind; 0 if its length varies. */
export function bytesOf({ count, elementBytes, texts = 1, lengthField }: ParsedKind): number {
  return lengthField !== undefined ? 0 : elementBytes * (count ?? 1) * texts;
}

/** In C, MAC and IPv6 addresses are arrays of bytes, and an IPv4 address is a 4-byte integer. */
function alignmentOf(element: string, bytes: number): number {
  return element === 'mac' || element === 'ipv6' || element === 'ip' ? 1 : bytes;
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

/** Whether this kind can store an enum. */
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
