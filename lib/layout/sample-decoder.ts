import type { SampleField, SampleLayout } from './sample-layout';
import type { RingRecord } from '../ring/record';

export type FieldValue = number | bigint | string | Uint8Array;

/**
 * A decoder for a layout: a record in, a fresh object out, its fields in the layout's order. 64-bit integers become
 * bigints, `char[N]` strings, `bytes[N]` copies; a field past the end of a short sample is left out.
 */
export function decoderFor(layout: SampleLayout): (record: RingRecord) => Record<string, FieldValue> {
  const fields = layout.fields.map((field) => ({
    name: field.name,
    end: field.offset + field.size,
    read: readerOf(field),
  }));
  return (record) => {
    const object: Record<string, FieldValue> = {};
    for (const { name, end, read } of fields) if (end <= record.size) object[name] = read(record);
    return object;
  };
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
