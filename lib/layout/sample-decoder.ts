import { PerfRingError } from '../errors';
import type { RecordPayload } from '../records/record';
import { checkRecord, recordError } from '../records/record-check';
import {
  checkedLayout,
  type FieldValue,
  type SampleField,
  type SampleLayout,
  SCALAR_SIZES,
  type ScalarKind,
} from './sample-layout';

/** Reads one value at an offset of a payload. */
type Read<Value = FieldValue> = (payload: RecordPayload, offset: number) => Value;

/**
 * A decoder for a layout: a record in, a fresh object out, its fields in the layout's order. 64-bit integers become
 * bigints, `char[N]` strings, `bytes[N]` and arrays of scalars typed arrays of copies, structs objects.
 *
 * ```ts
 * const decode = decoderFor(program.builtin.layout);
 * reader.drain((record) => console.log(decode(record).comm));
 * ```
 * @returns a function that takes what {@link PerfMapReader} lends, or a copy of it, and throws PerfRingError
 *   ERR_PERF_OUT_OF_RANGE for a payload in which a field would not be whole, ERR_PERF_INVALID_ARGUMENT for what is no record
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for what is no layout
 */
export function decoderFor<Values>(layout: SampleLayout<Values>): (record: RecordPayload) => Values {
  const checked = checkedLayout(layout);
  const read = structReader(checked);
  const end = endOf(checked);
  return (record) => {
    try {
      const { size } = record;
      if (size >= end) return read(record, 0) as Values;
      checkRecord(record, 'a decoder');
      throw tooShort(size, end);
    } catch (error) {
      throw recordError(error, 'a decoder');
    }
  };
}

function endOf(layout: SampleLayout<unknown>): number {
  return Math.max(0, ...layout.fields.map((field) => field.offset + field.size));
}

function tooShort(size: number, end: number): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_OUT_OF_RANGE',
    `the payload has ${size} bytes, and the fields of the layout end at byte ${end}`,
  );
}

function structReader({ fields }: SampleLayout<unknown>): Read<{ readonly [name: string]: FieldValue }> {
  const readers = fields.map((field) => ({
    name: field.name,
    offset: field.offset,
    read: fieldReader(field),
  }));
  return (payload, at) => {
    const object: Record<string, FieldValue> = {};
    for (const { name, offset, read } of readers) object[name] = read(payload, at + offset);
    return object;
  };
}

function fieldReader({ kind, size, layout }: SampleField): Read {
  if (layout !== undefined) {
    const read = structReader(layout);
    if (kind === 'struct') return read;
    return arrayReader(read, size / layout.size, layout.size);
  }
  if (Object.hasOwn(SCALAR_READERS, kind)) return SCALAR_READERS[kind as ScalarKind];
  if (kind.startsWith('char[')) return (payload, at) => payload.string(at, size);
  if (kind.startsWith('bytes[')) return (payload, at) => copyAt(payload, at, size);
  return scalarArrayReader(kind.slice(0, kind.indexOf('[')) as ScalarKind, size);
}

const SCALAR_READERS: Readonly<Record<ScalarKind, Read<number | bigint | boolean>>> = {
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
  bool: (payload, at) => payload.u8(at) !== 0,
  u16be: (payload, at) => swapped16(payload.u16(at)),
  i16be: (payload, at) => (swapped16(payload.u16(at)) << 16) >> 16,
  u32be: (payload, at) => swapped32(payload.u32(at)) >>> 0,
  i32be: (payload, at) => swapped32(payload.u32(at)),
  u64be: (payload, at) => bigEndian64(payload, at),
  i64be: (payload, at) => BigInt.asIntN(64, bigEndian64(payload, at)),
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

function copyAt(payload: RecordPayload, at: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  payload.copyTo(bytes, at);
  return bytes;
}

/** Typed arrays are in the byte order of the machine, which is little-endian wherever perfring runs. */
const TYPED_ARRAYS: Readonly<
  Partial<Record<ScalarKind, new (buffer: ArrayBufferLike) => FieldValue & object>>
> = {
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
};

function scalarArrayReader(element: ScalarKind, size: number): Read {
  if (element === 'bool') {
    return (payload, at) =>
      Array.from(copyAt(payload, at, size), (byte) => byte !== 0) as unknown as FieldValue;
  }
  const isBigEndian = element.endsWith('be');
  const Values = TYPED_ARRAYS[(isBigEndian ? element.slice(0, -2) : element) as ScalarKind] as new (
    buffer: ArrayBufferLike,
  ) => FieldValue & object;
  const elementBytes = SCALAR_SIZES[element];
  return (payload, at) => {
    const bytes = copyAt(payload, at, size);
    if (isBigEndian) swapEach(bytes, elementBytes);
    return new Values(bytes.buffer);
  };
}

function swapEach(bytes: Uint8Array, elementBytes: number): void {
  for (let at = 0; at < bytes.length; at += elementBytes) bytes.subarray(at, at + elementBytes).reverse();
}

function arrayReader(
  read: Read<{ readonly [name: string]: FieldValue }>,
  count: number,
  stride: number,
): Read {
  return (payload, at) => Array.from({ length: count }, (_, index) => read(payload, at + index * stride));
}
