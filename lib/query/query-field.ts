import { PerfRingError } from '../errors';
import { named, shown } from '../input/shown';
import { isUint8Array } from '../input/view-span';
import { ABSENT, type RecordFormat } from '../records/record-format';
import type { RecordCursor } from '../ring/record-cursor';
import { parsedKind, SCALAR_SIZES, type ScalarKind } from '../layout/field-kind';
import type { SampleField, SampleLayout } from '../layout/sample-layout';
import { ipText, ipv4Text, ipv6Text, macText, pointerText } from '../layout/text-values';
import type { RecordPayload } from '../records/record';

/** In the order of FieldKind in native/system/sample_field.h. */
const FIELD_KINDS = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'u64',
  'i64',
  'f32',
  'f64',
  'u16be',
  'i16be',
  'u32be',
  'i32be',
  'u64be',
  'i64be',
  'bool',
  'bytes',
  'char',
] as const;
type NativeKind = (typeof FIELD_KINDS)[number];

/** The numbers of FieldSource in native/system/sample_field.h. */
const [PAYLOAD, RECORD, CONSTANT] = [0, 1, 2] as const;

/** The longest text that can be compared, and be a key, in bytes: FieldValues::kTextBytes. */
const MOST_TEXT_BYTES = 16;

/** Where a field is in the samples of a ring, for the native query. */
export interface FieldPlace {
  readonly source: number;
  /** Bytes from the start of the payload, or of the record; for a constant its value. */
  readonly offset: number;
}

/** Fields that the kernel writes besides the payload, and the ring's CPU. */
const RECORD_FIELDS = {
  'record.time': 'u64',
  'record.pid': 'i32',
  'record.tid': 'i32',
  'record.cpu': 'i32',
  'record.ip': 'u64',
  'record.addr': 'u64',
  'record.period': 'u64',
} as const satisfies Readonly<Record<RecordFieldName, ScalarKind>>;

/**
 * Name of a field that the kernel writes besides the payload (PERF_SAMPLE_TIME, …), or `record.cpu`, the ring's CPU.
 */
export type RecordFieldName =
  | 'record.time'
  | 'record.pid'
  | 'record.tid'
  | 'record.cpu'
  | 'record.ip'
  | 'record.addr'
  | 'record.period';

/** A field that a query names: of the layout, of a struct in it (`outer.inner`), or of the record. */
export interface NamedField {
  readonly name: string;
  /** The kind in the layout. */
  readonly kind: string;
  /** The kind that native code reads; for an array of scalars `bytes`. */
  readonly nativeKind: NativeKind;
  /** Number of {@link nativeKind}. */
  readonly kindNumber: number;
  /** Bytes. */
  readonly size: number;
  /** Number of elements of an array, or of bytes of an address (ipv4, ipv6, ip, mac); else 1. */
  readonly elements: number;
  /** The kind of one element, as native code names it. */
  readonly element: string;
  /** Whether it is one number: it can be summed, and used for a histogram. */
  readonly isNumber: boolean;
  /** Whether its values have an order: < and > can compare them. */
  readonly hasOrder: boolean;
  /** Whether its values can be compared, and be keys. */
  readonly isComparable: boolean;
  /** A constant to compare with, in the two words of native code. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
  wordsOf(value: unknown): readonly [bigint, bigint];
  /** The value in these two words. */
  fromWords(low: bigint, high: bigint): number | bigint | boolean | string | Uint8Array;
  /**
   * The field's place in a ring. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT when the ring's samples do not have it
   */
  placeIn(cursor: RecordCursor): FieldPlace;
}

/**
 * The field of that name.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT when there is none, or it is a struct
 */
export function fieldOf(layout: SampleLayout, name: unknown): NamedField {
  const found = typeof name === 'string' ? pathOf(layout, name) : undefined;
  if (found !== undefined) {
    const { field, offset } = found;
    if (field.layout !== undefined) {
      throw invalid(`field ${named(name)} is a struct: name a field of it, ${named(name)}.NAME`);
    }
    return makeField(name as string, field, () => ({ source: PAYLOAD, offset }));
  }
  if (!Object.hasOwn(RECORD_FIELDS, name as string)) throw unknownField(layout, name);
  const recordName = name as RecordFieldName;
  const kind = RECORD_FIELDS[recordName];
  return makeField(recordName, { kind, size: SCALAR_SIZES[kind] }, (cursor) =>
    recordPlace(recordName, cursor),
  );
}

/** A field of the layout, or of a struct in it. A field whose name contains the dot comes first. */
function pathOf(layout: SampleLayout, name: string): { field: SampleField; offset: number } | undefined {
  const own = layout.fields.find((field) => field.name === name);
  if (own !== undefined) return { field: own, offset: own.offset };
  for (const outer of layout.fields) {
    if (outer.kind !== 'struct' || outer.layout === undefined || !name.startsWith(`${outer.name}.`)) continue;
    const inner = pathOf(outer.layout, name.slice(outer.name.length + 1));
    if (inner !== undefined) return { field: inner.field, offset: outer.offset + inner.offset };
  }
  return undefined;
}

const PLACES: Readonly<
  Record<Exclude<RecordFieldName, 'record.cpu'>, [keyof RecordFormat['places'], number]>
> = {
  'record.time': ['time', 0],
  'record.pid': ['tid', 0],
  'record.tid': ['tid', 4],
  'record.ip': ['ip', 0],
  'record.addr': ['addr', 0],
  'record.period': ['period', 0],
};

function recordPlace(name: RecordFieldName, cursor: RecordCursor): FieldPlace {
  if (name === 'record.cpu') return { source: CONSTANT, offset: cursor.cpu >>> 0 };
  const { format, timeOffset } = cursor;
  if (name === 'record.time' && timeOffset !== ABSENT && timeOffset !== format.timeOffset) {
    return { source: PAYLOAD, offset: timeOffset - format.rawOffset - 4 };
  }
  const [field, offset] = PLACES[name];
  const place = format.places[field];
  if (place === undefined || place.variableBefore > 0) {
    throw invalid(
      `the samples of this ring have no ${name}: open it with PERF_SAMPLE_${field.toUpperCase()}`,
    );
  }
  return { source: RECORD, offset: place.offset + offset };
}

/** The native kinds for kinds that native code does not have. */
const NATIVE_KINDS: Readonly<Record<string, NativeKind>> = {
  ktime: 'i64',
  ptr: 'u64',
  ipv4: 'bytes',
  ipv6: 'bytes',
  ip: 'bytes',
  mac: 'bytes',
};

function makeField(
  name: string,
  { kind, size, values }: Pick<SampleField, 'kind' | 'size' | 'values'>,
  placeIn: NamedField['placeIn'],
): NamedField {
  const parsed = parsedKind(kind);
  const { element = 'bytes', elementBytes = 1, count, bitSize, lengthField } = parsed ?? {};
  if (parsed === undefined || bitSize !== undefined || lengthField !== undefined) {
    throw invalid(`field ${named(name)} is ${kind}: a query reads whole fields of a fixed length`);
  }
  const isScalar = count === undefined;
  if (!isScalar && element.endsWith('be')) {
    throw invalid(`field ${named(name)} is an array in the network's byte order: a query can't read it`);
  }
  const isText = element === 'char' && parsed.texts === undefined;
  const nativeKind: NativeKind = isScalar
    ? (NATIVE_KINDS[element] ?? (element as NativeKind))
    : isText
      ? 'char'
      : 'bytes';
  const isQuantity = isScalar && nativeKind !== 'bool' && nativeKind !== 'bytes' && values === undefined;
  const field = {
    name,
    kind,
    values,
    nativeKind,
    kindNumber: FIELD_KINDS.indexOf(nativeKind),
    size,
    elements: NATIVE_KINDS[element] === 'bytes' ? size : size / elementBytes,
    element: NATIVE_KINDS[element] ?? element,
    isNumber: isQuantity && element !== 'ptr',
    hasOrder: isQuantity,
    isComparable: isScalar || size <= MOST_TEXT_BYTES,
    placeIn,
  };
  const text = TEXTS[element];
  return {
    ...field,
    wordsOf: (value) => wordsOf(field, value),
    fromWords: (low, high) =>
      isScalar && text !== undefined ? text(low, high) : fromWords(field, low, high),
  };
}

/** Two 64-bit words, for conversions. */
const words = new DataView(new ArrayBuffer(MOST_TEXT_BYTES));

/** The bytes of {@link words} as a payload, for the functions that make text of one. */
const payload = {
  u8: (offset: number): number => words.getUint8(offset),
  u32: (offset: number): number => words.getUint32(offset, true),
} as RecordPayload;

const textOf =
  (text: (payload: RecordPayload, at: number) => string) =>
  (low: bigint, high: bigint): string => {
    words.setBigUint64(0, low, true);
    words.setBigUint64(8, high, true);
    return text(payload, 0);
  };

/** Functions that make the same text as a decoder, by kind. */
const TEXTS: Readonly<Record<string, (low: bigint, high: bigint) => string>> = {
  ipv4: textOf(ipv4Text),
  ipv6: textOf(ipv6Text),
  ip: textOf(ipText),
  mac: textOf(macText),
  ptr: textOf(pointerText),
};

type Comparable = Pick<NamedField, 'name' | 'kind' | 'nativeKind' | 'size' | 'isComparable'> & {
  readonly values: SampleField['values'] | undefined;
};

function wordsOf(field: Comparable, value: unknown): readonly [bigint, bigint] {
  const { name, kind, nativeKind, size, values } = field;
  if (!field.isComparable) {
    throw invalid(`field ${named(name)} is ${kind}: at most ${MOST_TEXT_BYTES} bytes can be compared`);
  }
  if (nativeKind === 'char' || nativeKind === 'bytes') return textWords(field, value);
  if (nativeKind === 'bool') {
    if (typeof value !== 'boolean') throw mismatch(field, 'true or false', value);
    return [value ? 1n : 0n, 0n];
  }
  if (nativeKind === 'f32' || nativeKind === 'f64') {
    if (typeof value !== 'number') throw mismatch(field, 'a number', value);
    words.setFloat64(0, value, true);
    return [words.getBigUint64(0, true), 0n];
  }
  if (values !== undefined && typeof value === 'string') {
    const number = Object.hasOwn(values, value) ? values[value] : undefined;
    if (number === undefined)
      throw mismatch(field, `one of ${Object.keys(values).slice(0, 40).join(', ')}`, value);
    return [integerWord(BigInt(number), field), 0n];
  }
  const isInteger = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  const isSigned = nativeKind.startsWith('i');
  const bits = size * 8;
  const integer = isInteger ? BigInt(value) : 0n;
  if (!isInteger || (isSigned ? BigInt.asIntN(bits, integer) : BigInt.asUintN(bits, integer)) !== integer) {
    throw mismatch(field, `a whole number of kind ${kind}`, value);
  }
  return [integerWord(integer, field), 0n];
}

/** An integer of this kind as native code stores it: extended to 64 bits. */
function integerWord(value: bigint, { nativeKind, size }: Comparable): bigint {
  const bits = size * 8;
  return BigInt.asUintN(
    64,
    nativeKind.startsWith('i') ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value),
  );
}

function textWords(field: Comparable, value: unknown): readonly [bigint, bigint] {
  const isText = field.nativeKind === 'char';
  const wanted = isText
    ? `a string of at most ${field.size} bytes, without NUL`
    : `a Uint8Array of ${field.size} bytes`;
  if (isText ? typeof value !== 'string' : !isUint8Array(value)) throw mismatch(field, wanted, value);
  const bytes = isText ? Buffer.from(value as string) : Uint8Array.from(value as Uint8Array);
  if (isText ? bytes.length > field.size || bytes.includes(0) : bytes.length !== field.size) {
    throw mismatch(field, wanted, value);
  }
  const padded = new Uint8Array(MOST_TEXT_BYTES);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  return [view.getBigUint64(0, true), view.getBigUint64(8, true)];
}

function fromWords(field: Comparable, low: bigint, high: bigint): ReturnType<NamedField['fromWords']> {
  const { nativeKind, size, values } = field;
  words.setBigUint64(0, low, true);
  words.setBigUint64(8, high, true);
  if (nativeKind === 'char' || nativeKind === 'bytes') {
    const bytes = Buffer.from(words.buffer.slice(0, size));
    if (nativeKind === 'bytes') return new Uint8Array(bytes);
    const end = bytes.indexOf(0);
    return bytes.toString('utf8', 0, end < 0 ? size : end);
  }
  if (nativeKind === 'bool') return low !== 0n;
  if (nativeKind === 'f32' || nativeKind === 'f64') return words.getFloat64(0, true);
  const name = Object.entries(values ?? {}).find(
    ([, number]) => integerWord(BigInt(number), field) === low,
  )?.[0];
  if (name !== undefined) return name;
  const integer = nativeKind.startsWith('i') ? BigInt.asIntN(64, low) : low;
  return size === 8 ? integer : Number(integer);
}

function mismatch({ name, kind }: Comparable, wanted: string, value: unknown): PerfRingError {
  return invalid(`field ${named(name)} is ${kind}: compare it with ${wanted}, not with ${shown(value)}`);
}

function unknownField(layout: SampleLayout, name: unknown): PerfRingError {
  const names = [...layout.fields.map((field) => field.name), ...Object.keys(RECORD_FIELDS)];
  return invalid(`there is no field ${named(name)}; there are ${names.slice(0, 40).map(named).join(', ')}`);
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
