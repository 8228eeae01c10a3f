import type { RecordPayload } from '../records/record';
import { checkRecord, recordError } from '../records/record-check';
import { checkedLayout } from './checked-layout';
import { SCALAR_SIZES } from './field-kind';
import type { SampleLayout } from './sample-layout';
import { extentOf, type StructValues, structReader, tooShort } from './struct-reader';
import { checkedUnion, isUnion, tagReader, type UnionLayout } from './union-layout';

/**
 * Makes a decoder for a layout: a function that takes a record and returns a new object, with the fields in the
 * layout's order. 64-bit integers become bigints, `char[N]` strings, `bytes[N]` and arrays of numbers typed arrays
 * (copies), enums their names, structs objects.
 *
 * ```ts
 * const decode = decoderFor(program.builtin.layout);
 * reader.drain((record) => console.log(decode(record).comm));
 * ```
 * @returns a function that takes a record of a {@link PerfMapReader}, lent or copied, and throws PerfRingError
 *   ERR_PERF_OUT_OF_RANGE for a payload that is too short for the fields, ERR_PERF_INVALID_ARGUMENT for a value that is
 *   not a record
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for a value that is not a layout
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
