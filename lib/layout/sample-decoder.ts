import type { RecordPayload } from '../records/record';
import { checkRecord, recordError } from '../records/record-check';
import { checkedLayout } from './checked-layout';
import { SCALAR_SIZES } from './field-kind';
import type { SampleLayout } from './sample-layout';
import { extentOf, type StructValues, structReader, tooShort } from './struct-reader';
import { checkedUnion, isUnion, tagReader, type UnionLayout } from './union-layout';

/**
 * A decoder for a layout: a record in, a fresh object out, its fields in the layout's order. 64-bit integers become
 * bigints, `char[N]` strings, `bytes[N]` and arrays of scalars typed arrays of copies, enums their names, structs objects.
 *
 * ```ts
 * const decode = decoderFor(program.builtin.layout);
 * reader.drain((record) => console.log(decode(record).comm));
 * ```
 * @returns a function that takes what {@link PerfMapReader} lends, or a copy of it, and throws PerfRingError
 *   ERR_PERF_OUT_OF_RANGE for a payload in which a field would not be whole, ERR_PERF_INVALID_ARGUMENT for what is no record
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for what is no layout
 */
export function decoderFor<Values>(
  layout: SampleLayout<Values> | UnionLayout<Values>,
): (record: RecordPayload) => Values {
  const decode = isUnion(layout) ? unionDecoder(checkedUnion(layout)) : structDecoder(checkedLayout(layout));
  return (record) => {
    try {
      return decode(record) as Values;
    } catch (error) {
      throw recordError(error, 'a decoder');
    }
  };
}

function structDecoder(layout: SampleLayout): (record: RecordPayload) => StructValues {
  const read = structReader(layout);
  const extent = extentOf(layout);
  return (record) => {
    const { size } = record;
    if (size >= extent(record)) return read(record, 0);
    checkRecord(record, 'a decoder');
    throw tooShort(size, extent(record));
  };
}

function unionDecoder(union: UnionLayout<unknown>): (record: RecordPayload) => unknown {
  const readTag = tagReader(union);
  const cases = new Map(
    union.cases.map(({ name, value, layout }) => [value, { name, decode: structDecoder(layout) }]),
  );
  return (record) => {
    checkRecord(record, 'a decoder');
    const tag = readTag(record);
    if (tag === undefined) throw tooShort(record.size, union.tag.offset + SCALAR_SIZES[union.tag.kind]);
    const found = cases.get(tag);
    if (found === undefined) return { type: undefined, tag, bytes: record.bytes() };
    return { ...found.decode(record), type: found.name };
  };
}
