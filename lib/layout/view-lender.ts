import { type InspectOptions, inspect } from 'node:util';
import type { RecordPayload } from '../records/record';
import { notARecord } from '../records/record-check';
import type { Read } from './field-reader';
import { madeFromString, readCode } from './generated-code';
import { jsonValue } from './json-value';
import type { FieldValue, SampleField, SampleLayout } from './sample-layout';
import {
  extentOf,
  fieldReader,
  fixedBytes,
  isOfFixedSize,
  type StructValues,
  structReader,
} from './struct-reader';

/** Moves the single view of a layout from record to record. */
export interface Lender {
  /** The view of the record; `null` when the record is too short. */
  lend(record: RecordPayload): unknown;
  /** Number of records that were too short so far. */
  unfit(): number;
}

/** Functions that a lender and its view call. */
interface ViewParts {
  toObject(record: RecordPayload): StructValues;
  toJSON(record: RecordPayload): unknown;
  inspect(record: RecordPayload, options: InspectOptions): string;
  /** Least payload length that has all fields, bytes. */
  extent(record: RecordPayload): number;
  /** Throws the error for a value that is not a record. */
  refuse(record: unknown): never;
}

/** @param type for a case of a union: the value of the view's `type`, which replaces a field of this name */
export function lenderOf(layout: SampleLayout, type?: string): Lender {
  const read = structReader(layout);
  const toObject = (record: RecordPayload): StructValues =>
    type === undefined ? read(record, 0) : { ...read(record, 0), type };
  const parts: ViewParts = {
    toObject,
    toJSON: (record) => jsonValue(toObject(record)),
    inspect: (record, options) => inspect(toObject(record), options),
    extent: extentOf(layout),
    refuse: (record) => {
      throw notARecord(record, 'a view');
    },
  };
  return generatedLender(layout, parts, type) ?? plainLender(layout, parts, type);
}

/** Most fields in generated code: making longer code costs more time than it saves. */
const MOST_GENERATED = 256;

/**
 * Makes a class for this layout, in code made from a string. Offsets are constants in its getters: 1 ns for a u32.
 * @returns `undefined` where code from strings is forbidden, or for too many fields
 */
function generatedLender(
  layout: SampleLayout,
  parts: ViewParts,
  type: string | undefined,
): Lender | undefined {
  const readers: Read[] = [];
  const classes: string[] = [];
  let left = MOST_GENERATED;
  const classOf = ({ fields }: SampleLayout, from: number, methods: string): string => {
    left -= fields.length;
    const getters = fields.map((field) => {
      const at = Number(from + field.offset);
      const code =
        field.kind === 'struct'
          ? classOf(field.layout as SampleLayout, at, '')
          : readCode(field, 'record', String(at), readers, () => fieldReader(field, layout));
      return `get ${JSON.stringify(field.name)}() { return ${code}; }`;
    });
    const name = `view${classes.length}`;
    classes.push(`const ${name} = Object.freeze(new (class { ${getters.join(' ')} ${methods} })());`);
    return name;
  };
  const view = classOf(
    layout,
    0,
    `toObject() { return parts.toObject(record); }
     toJSON() { return parts.toJSON(record); }
     [inspected](depth, options) { return parts.inspect(record, options); }
     ${type === undefined ? '' : `get type() { return ${JSON.stringify(type)}; }`}`,
  );
  if (left < 0) return undefined;
  const end = isOfFixedSize(layout) ? String(Number(fixedBytes(layout))) : 'parts.extent(next)';
  // No call before `return`: V8 inlines this into the visitor, and after a call it would have to check `next` again.
  const code = `let record, unfit = 0; ${classes.join(' ')}
    const lend = (next) => {
      if (typeof next?.u8 !== 'function') parts.refuse(next);
      if (next.size >= ${end}) { record = next; return ${view}; }
      unfit++;
      return null;
    };
    return { lend, unfit: () => unfit };`;
  return madeFromString<Lender>(code, { parts, read: readers, inspected: inspect.custom });
}

/** The record that the getters of a view read. */
interface Box {
  record: RecordPayload;
}

/** The same with closures, where code can't be generated: 2 to 3 ns for a u32. */
function plainLender(layout: SampleLayout, parts: ViewParts, type: string | undefined): Lender {
  const box: Box = { record: {} as RecordPayload };
  const methods = {
    toObject: () => parts.toObject(box.record),
    toJSON: () => parts.toJSON(box.record),
    [inspect.custom]: (_depth: number, options: InspectOptions) => parts.inspect(box.record, options),
  };
  const prototype = addGetters(methods, layout, box, 0);
  if (type !== undefined) Object.defineProperty(prototype, 'type', { get: () => type });
  const view = Object.freeze(Object.create(prototype) as object);
  let unfit = 0;
  const lend = (record: RecordPayload): unknown => {
    if (typeof record?.u8 !== 'function') parts.refuse(record);
    if (record.size >= parts.extent(record)) {
      box.record = record;
      return view;
    }
    unfit++;
    return null;
  };
  return { lend, unfit: () => unfit };
}

function addGetters<View extends object>(view: View, layout: SampleLayout, box: Box, at: number): View {
  for (const field of layout.fields) {
    const get = getterOf(field, layout, box, at + field.offset);
    Object.defineProperty(view, field.name, { get, configurable: true });
  }
  return view;
}

/** @param at offset of the field in the payload, bytes */
function getterOf(field: SampleField, layout: SampleLayout, box: Box, at: number): () => FieldValue {
  const { kind, size, values } = field;
  if (kind === 'struct') {
    const nested = Object.freeze(addGetters({}, field.layout as SampleLayout, box, at));
    return () => nested as FieldValue;
  }
  if (kind === 'u32' && values === undefined) return () => box.record.u32(at);
  if (/^char\[\d+\]$/.test(kind)) return () => box.record.string(at, size);
  const read = fieldReader(field, layout);
  return () => read(box.record, at);
}
