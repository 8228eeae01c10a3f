import { PerfRingError } from '../errors';
import { named, shown } from '../input/shown';
import { isUint8Array } from '../input/view-span';
import { ABSENT, type RecordFormat } from '../records/record-format';
import type { RecordCursor } from '../ring/record-cursor';
import { type SampleField, type SampleLayout, SCALAR_SIZES, type ScalarKind } from '../layout/sample-layout';

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

/** As many bytes of text can be compared, and be a key: FieldValues::kTextBytes. */
const MOST_TEXT_BYTES = 16;

/** Where a field lies in the samples of a ring, for the native query. */
export interface FieldPlace {
  readonly source: number;
  /** Bytes from the start of the payload, or of the record; a constant's value. */
  readonly offset: number;
}

/** Fields that the kernel writes beside the payload, and the ring's CPU. */
const RECORD_FIELDS = {
  'record.time': 'u64',
  'record.pid': 'i32',
  'record.tid': 'i32',
  'record.cpu': 'i32',
  'record.ip': 'u64',
  'record.addr': 'u64',
  'record.period': 'u64',
} as const satisfies Readonly<Record<RecordFieldName, ScalarKind>>;

/** Name of a field that the kernel writes beside the payload (PERF_SAMPLE_TIME, …), or `record.cpu`, the ring's CPU. */
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
  /** As the layout has it. */
  readonly kind: string;
  /** What native reads: of an array of scalars `bytes`. */
  readonly nativeKind: NativeKind;
  /** Number of {@link nativeKind}. */
  readonly kindNumber: number;
  /** Bytes. */
  readonly size: number;
  /** Of an array of scalars: how many. */
  readonly elements: number;
  /** The scalar, or `char` or `bytes`. */
  readonly element: ScalarKind | 'char' | 'bytes';
  /** Whether it is one number: it can be summed, and be put into a histogram. */
  readonly isNumber: boolean;
  /** Whether its values can be less or greater. */
  readonly hasOrder: boolean;
  /** Whether values can be compared, and be keys. */
  readonly isComparable: boolean;
  /** A constant to compare with, as native has values. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
  wordsOf(value: unknown): readonly [bigint, bigint];
  /** The value of those words. */
  fromWords(low: bigint, high: bigint): number | bigint | boolean | string | Uint8Array;
  /** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT where the ring's samples do not have it */
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
    return makeField(name as string, field.kind, field.size, () => ({ source: PAYLOAD, offset }));
  }
  if (!Object.hasOwn(RECORD_FIELDS, name as string)) throw unknownField(layout, name);
  const recordName = name as RecordFieldName;
  const kind = RECORD_FIELDS[recordName];
  return makeField(recordName, kind, SCALAR_SIZES[kind], (cursor) => recordPlace(recordName, cursor));
}

/** A field of the layout, or of a struct in it. A name with a dot in it comes first. */
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

function makeField(
  name: string,
  kind: SampleField['kind'],
  size: number,
  placeIn: NamedField['placeIn'],
): NamedField {
  const element = kind.replace(/\[.*/, '') as ScalarKind | 'char' | 'bytes';
  const isScalar = kind === element;
  const nativeKind: NativeKind = isScalar || element === 'char' ? element : 'bytes';
  const isBig = element.endsWith('be');
  if (!isScalar && isBig) {
    throw invalid(`field ${named(name)} is an array in the network's byte order: a query can't read it`);
  }
  const elements = isScalar
    ? 1
    : size / (Object.hasOwn(SCALAR_SIZES, element) ? SCALAR_SIZES[element as ScalarKind] : 1);
  const field = {
    name,
    kind,
    nativeKind,
    kindNumber: FIELD_KINDS.indexOf(nativeKind),
    size,
    elements,
    element,
    isNumber: isScalar && kind !== 'bool',
    hasOrder: isScalar && kind !== 'bool',
    isComparable: isScalar || size <= MOST_TEXT_BYTES,
    placeIn,
  };
  return {
    ...field,
    wordsOf: (value) => wordsOf(field, value),
    fromWords: (low, high) => fromWords(field, low, high),
  };
}

type Comparable = Pick<NamedField, 'name' | 'kind' | 'nativeKind' | 'size' | 'isComparable'>;

const words = new DataView(new ArrayBuffer(MOST_TEXT_BYTES));

function wordsOf(field: Comparable, value: unknown): readonly [bigint, bigint] {
  const { name, kind, nativeKind, size } = field;
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
  const isInteger = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  const isSigned = nativeKind.startsWith('i');
  const bits = size * 8;
  const integer = isInteger ? BigInt(value) : 0n;
  if (!isInteger || (isSigned ? BigInt.asIntN(bits, integer) : BigInt.asUintN(bits, integer)) !== integer) {
    throw mismatch(field, `a whole number of kind ${kind}`, value);
  }
  return [BigInt.asUintN(64, integer), 0n];
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
  const { nativeKind, size } = field;
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
