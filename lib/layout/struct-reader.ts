import { PerfRingError } from '../errors';
import type { RecordPayload } from '../records/record';
import { parsedKind, type ParsedKind } from './field-kind';
import { type Read, valueReader } from './field-reader';
import { madeFromString, readCode } from './generated-code';
import { fieldNamed, type FieldValue, type SampleField, type SampleLayout } from './sample-layout';

/** Names and values of a struct. */
export type StructValues = { readonly [name: string]: FieldValue };

/** The reader of a field of the top-level struct `layout`, or of one nested in it. */
export function fieldReader(field: SampleField, layout: SampleLayout<unknown>): Read {
  const { size, kind, layout: nested } = field;
  if (nested === undefined) return valueReader(field, countReader(field, layout));
  const read = structReader(nested);
  return kind === 'struct' ? read : arrayReader(read, size / nested.size, nested.size);
}

/** Makes an object of a struct. */
export function structReader(layout: SampleLayout<unknown>): Read<StructValues> {
  return generatedReader(layout) ?? plainReader(layout);
}

/** Stores field by field: 95 ns for six fields. */
function plainReader(layout: SampleLayout<unknown>): Read<StructValues> {
  const readers = layout.fields.map((field) => ({
    name: field.name,
    offset: field.offset,
    read: fieldReader(field, layout),
  }));
  return (payload, at) => {
    const object: Record<string, FieldValue> = {};
    for (const { name, offset, read } of readers) object[name] = read(payload, at + offset);
    return object;
  };
}

/** Longer literals make slow objects. */
const MOST_GENERATED = 128;

/**
 * One object literal: 27 ns for six fields. It is made from a string.
 * @returns `undefined` where that is forbidden
 */
function generatedReader(layout: SampleLayout<unknown>): Read<StructValues> | undefined {
  if (layout.fields.length > MOST_GENERATED) return undefined;
  const readers: Read[] = [];
  const members = layout.fields.map((field) => {
    const at = `at + ${Number(field.offset)}`;
    const code = readCode(field, 'payload', at, readers, () => fieldReader(field, layout));
    return `${JSON.stringify(field.name)}: ${code}`;
  });
  const code = `return (payload, at) => ({ ${members.join(', ')} });`;
  return madeFromString<Read<StructValues>>(code, { read: readers });
}

function arrayReader(read: Read<StructValues>, count: number, stride: number): Read {
  return (payload, at) => Array.from({ length: count }, (_, index) => read(payload, at + index * stride));
}

/** How many elements a field has whose length varies; `undefined` for other fields. */
function countReader(
  field: SampleField,
  layout: SampleLayout<unknown>,
): ((payload: RecordPayload) => number) | undefined {
  const parsed = parsedKind(field.kind);
  if (parsed?.lengthField === undefined) return undefined;
  const { offset } = field;
  const { elementBytes } = parsed;
  // All that came, the padding of the kernel included.
  if (parsed.lengthField === '') {
    return (payload) => Math.max(0, Math.floor((payload.size - offset) / elementBytes));
  }
  const length = fieldNamed(layout, parsed.lengthField) as SampleField;
  const read = valueReader(length);
  return (payload) => Number(read(payload, length.offset));
}

/** How many bytes of a sample the fields of a layout take. */
export function extentOf(layout: SampleLayout<unknown>): (payload: RecordPayload) => number {
  const fixed = fixedBytes(layout);
  const last = layout.fields.at(-1);
  const count = last === undefined ? undefined : countReader(last, layout);
  if (last === undefined || count === undefined) return () => fixed;
  const { elementBytes } = parsedKind(last.kind) as ParsedKind;
  return (payload) => {
    if (payload.size < fixed) return fixed;
    const elements = count(payload);
    return elements < 0 ? Number.POSITIVE_INFINITY : Math.max(fixed, last.offset + elements * elementBytes);
  };
}

/** Bytes of the fields whose lengths don't vary. */
export function fixedBytes({ fields }: SampleLayout<unknown>): number {
  return Math.max(0, ...fields.map(({ offset, size }) => offset + size));
}

export function isOfFixedSize({ fields }: SampleLayout<unknown>): boolean {
  const last = fields.at(-1);
  return last === undefined || parsedKind(last.kind)?.lengthField === undefined;
}

export function tooShort(size: number, end: number): PerfRingError {
  const needed = Number.isFinite(end) ? `end at byte ${end}` : 'have a length below 0';
  return new PerfRingError(
    'ERR_PERF_OUT_OF_RANGE',
    `the payload has ${size} bytes, and the fields of the layout ${needed}`,
  );
}
