import { PerfRingError } from '../errors';
import { plainList, plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import type { RingRecord } from '../ring/record';
import {
  isByteCount,
  MOST_FIELDS,
  plainField,
  type SampleField,
  type SampleLayout,
  shapeOf,
} from './sample-layout';

export type FieldValue = number | bigint | string | Uint8Array;

/**
 * A decoder for a layout: a record in, a fresh object out, its fields in the layout's order. 64-bit integers become
 * bigints, `char[N]` strings, `bytes[N]` copies; a field past the end of a short sample is left out.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for what is no layout, or, of the decoder, no record
 */
export function decoderFor(layout: SampleLayout): (record: RingRecord) => Record<string, FieldValue> {
  const fields = fieldsOf(layout).map((field) => ({
    name: field.name,
    end: field.offset + field.size,
    read: readerOf(field),
  }));
  return (record) => {
    const object: Record<string, FieldValue> = {};
    try {
      checkRecord(record);
      for (const { name, end, read } of fields) if (end <= record.size) object[name] = read(record);
    } catch (error) {
      throw explained(error);
    }
    return object;
  };
}

/** A layout may come from a file or another thread: its fields are what counts. */
function fieldsOf(layout: SampleLayout): SampleField[] {
  const { fields } = plainOptions(layout, ['fields'], 'ERR_PERF_INVALID_ARGUMENT', 'layout');
  return plainList(fields, 'layout.fields', MOST_FIELDS).map((field) => {
    const plain = plainField(field);
    const { size } = shapeOf(plain.name, plain.kind);
    if (!isByteCount(plain.offset) || plain.size !== size) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `field ${plain.name} needs an offset, and size ${size}`,
      );
    }
    return plain;
  });
}

/** Without it, anything whose `size` is no number would look like a sample too short for every field. */
function checkRecord(record: RingRecord): void {
  if (typeof record === 'object' && typeof record.size === 'number' && typeof record.u8 === 'function')
    return;
  throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `a decoder takes a record, got ${shown(record)}`);
}

/** An error without a code comes from something that is no record. */
function explained(error: unknown): unknown {
  if (typeof error === 'object' && error !== null && 'code' in error) return error;
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'a decoder takes a record', { cause: error });
}

/** How one field is read from a record. */
function readerOf({ kind, offset, size }: SampleField): (record: RingRecord) => FieldValue {
  switch (kind) {
    case 'u8':
      return (record) => record.u8(offset);
    case 'i8':
      return (record) => record.i8(offset);
    case 'u16':
      return (record) => record.u16(offset);
    case 'i16':
      return (record) => record.i16(offset);
    case 'u32':
      return (record) => record.u32(offset);
    case 'i32':
      return (record) => record.i32(offset);
    case 'f32':
      return (record) => record.f32(offset);
    case 'f64':
      return (record) => record.f64(offset);
    case 'u64':
      return (record) => record.u64(offset);
    case 'i64':
      return (record) => record.i64(offset);
    default:
      if (kind.startsWith('char[')) return (record) => record.string(offset, size);
      return (record) => {
        const bytes = new Uint8Array(size);
        record.copyTo(bytes, offset);
        return bytes;
      };
  }
}
