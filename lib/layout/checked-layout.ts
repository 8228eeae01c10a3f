import { isList, plainCopy, plainList, plainProperties } from '../input/plain-data';
import { named, shown } from '../input/shown';
import {
  bytesOf,
  type EnumKind,
  type FieldKind,
  holdsEnum,
  invalidLayout,
  MOST_BYTES,
  parsedKind,
  unknownKind,
} from './field-kind';
import type { SampleField, SampleLayout } from './sample-layout';

/** Most fields of a layout, nested structs included: no record has more bytes. */
export const MOST_FIELDS = 65_536;

/** Most levels of nested structs: more than C code uses, and few enough to walk a layout recursively. */
const DEEPEST_NESTING = 32;

/**
 * Checks a layout that may come from a file or another thread: each field must have the size and shape of its kind.
 * Returns a frozen copy; a layout that was checked before is returned as it is.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function checkedLayout(layout: SampleLayout<unknown>): SampleLayout {
  return checkedStruct(layout, DEEPEST_NESTING, { fields: MOST_FIELDS });
}

/** Number of fields and levels of a layout, nested structs included. */
interface Extent {
  readonly fields: number;
  readonly levels: number;
}

/** Layouts that were checked and are deeply frozen: they need not be checked again. */
const checkedBefore = new WeakMap<object, Extent>();

/**
 * Makes a frozen layout of fields that are checked, with their nested layouts.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT when it is too large
 */
export function frozenLayout(fields: SampleField[], size: number, alignment: number): SampleLayout {
  const nested = fields.map((field) => field.layout && checkedBefore.get(field.layout));
  const extent = {
    fields: nested.reduce((sum, inner) => sum + (inner?.fields ?? 0), fields.length),
    levels: 1 + Math.max(0, ...nested.map((inner) => inner?.levels ?? 0)),
  };
  if (extent.levels > DEEPEST_NESTING) throw tooDeep();
  if (extent.fields > MOST_FIELDS) throw tooManyFields();
  const layout = Object.freeze({ fields: Object.freeze(fields), size, alignment });
  checkedBefore.set(layout, extent);
  return layout;
}

function tooDeep(): Error {
  return invalidLayout(`structs nest at most ${DEEPEST_NESTING} deep`);
}

function tooManyFields(): Error {
  return invalidLayout(`a layout has at most ${MOST_FIELDS} fields, nested ones included`);
}

/**
 * @param levels levels still allowed, this one included: a layout made by hand may contain itself
 * @param left number of fields still allowed, in all structs together
 */
function checkedStruct(
  layout: SampleLayout<unknown>,
  levels: number,
  left: { fields: number },
): SampleLayout {
  if (checkedBefore.has(layout)) return layout as SampleLayout;
  if (levels === 0) throw tooDeep();
  const plain = plainProperties(
    layout,
    ['fields', 'size', 'alignment'],
    'ERR_PERF_INVALID_ARGUMENT',
    'layout',
  ) as SampleLayout;
  const given = plainList(plain.fields, 'layout.fields', MOST_FIELDS);
  left.fields -= given.length;
  if (left.fields < 0) throw tooManyFields();
  const fields = given.map((definition): SampleField => {
    const field = plainField(definition, FIELD_NAMES);
    const nested = field.layout === undefined ? undefined : checkedStruct(field.layout, levels - 1, left);
    const shape = nested === undefined ? valueShape(field) : nestedShape(field, nested);
    const { bitSize } = shape;
    if (!isByteCount(field.offset) || (bitSize !== undefined && !isBitOffset(field.bitOffset))) {
      throw invalidLayout(`field ${named(field.name)} needs an offset`);
    }
    const checked = fieldAt(
      field.name,
      shape,
      field.offset * 8 + (bitSize === undefined ? 0 : (field.bitOffset ?? 0)),
    );
    if (field.size !== checked.size) {
      throw invalidLayout(`field ${named(field.name)} needs an offset, and size ${checked.size}`);
    }
    return Object.freeze(checked);
  });
  checkVariableField(fields);
  const end = Math.max(0, ...fields.map((field) => field.offset + field.size));
  const { size = end, alignment = 1 } = plain;
  if (!isByteCount(size) || size < end || !isByteCount(alignment) || alignment === 0) {
    throw invalidLayout(`a layout whose fields end at byte ${end} cannot have size ${shown(size)}`);
  }
  return frozenLayout(fields, size, alignment);
}

const FIELD_NAMES = ['name', 'kind', 'offset', 'size', 'layout', 'values', 'bitOffset'] as const;

/** A plain copy of a field, with its name checked. */
export function plainField<Field extends { readonly name: string }>(
  field: Field,
  names: readonly (keyof Field & string)[],
): Field {
  const plain = plainProperties(field, names, 'ERR_PERF_INVALID_ARGUMENT', 'a field');
  if (typeof plain.name !== 'string' || plain.name === '') throw invalidLayout('a field needs a name');
  // In an object, this field would set the prototype.
  if (plain.name === '__proto__') throw invalidLayout('no field can be named __proto__');
  return plain;
}

/** What a field needs, independent of its offset. Sizes are in bytes, `bitSize` in bits. */
export interface Shape {
  readonly kind: SampleField['kind'];
  readonly size: number;
  readonly alignment: number;
  readonly bitSize?: number;
  readonly layout?: SampleLayout;
  readonly values?: Readonly<Record<string, number | bigint>>;
}

/** The shape of a field with this kind. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function shapeOf(name: string, kind: unknown): Shape {
  if (typeof kind === 'string') return valueShape({ name, kind });
  if (typeof kind !== 'object' || kind === null) throw unknownKind(name, kind);
  if (isList(kind, `field ${named(name)}`)) {
    const [layout, count] = plainList<unknown>(kind as unknown[], `field ${named(name)}`, 2);
    return repeated(name, nestable(name, layout), count, `struct[${Number(count)}]`);
  }
  const given = plainProperties(
    kind as Partial<EnumKind>,
    ['enum', 'as'],
    'ERR_PERF_INVALID_ARGUMENT',
    'kind',
  );
  if (given.enum === undefined) return repeated(name, nestable(name, kind), 1, 'struct');
  return valueShape({ name, kind: given.as ?? 'u32', values: given.enum });
}

/** The shape of a kind that is a string, and of an enum stored in such a kind. */
function valueShape({
  name,
  kind,
  values,
}: {
  name: string;
  kind: unknown;
  values?: SampleField['values'];
}): Shape {
  const parsed = typeof kind === 'string' ? parsedKind(kind) : undefined;
  if (parsed === undefined) throw unknownKind(name, kind);
  const { alignment, bitSize } = parsed;
  return {
    kind: kind as FieldKind,
    size: bytesOf(parsed),
    alignment,
    ...(bitSize === undefined ? {} : { bitSize }),
    ...(values === undefined ? {} : { values: checkedValues(name, values, holdsEnum(parsed)) }),
  };
}

function checkedValues(name: string, values: Readonly<Record<string, unknown>>, holds: boolean) {
  if (!holds) throw invalidLayout(`field ${named(name)} is an enum: its kind must be an integer such as u32`);
  const plain = plainCopy(values, `the enum of field ${named(name)}`, 'ERR_PERF_INVALID_ARGUMENT');
  for (const [key, value] of Object.entries(plain)) {
    if (typeof value === 'bigint' || Number.isSafeInteger(value)) continue;
    throw invalidLayout(
      `${named(key)} of the enum of field ${named(name)} must be a whole number, got ${shown(value)}`,
    );
  }
  return Object.freeze(plain) as Readonly<Record<string, number | bigint>>;
}

/** Checks a layout to be nested in another one: it must have a fixed length. */
function nestable(name: string, layout: unknown): SampleLayout {
  const checked = checkedLayout(layout as SampleLayout);
  if (!isVariable(checked.fields)) return checked;
  throw invalidLayout(`field ${named(name)} has no fixed length, as its last field has none`);
}

/** The shape of a field of kind `struct` or `struct[N]`, whose nested layout is checked. */
function nestedShape({ name, kind }: SampleField, layout: SampleLayout): Shape {
  const match = typeof kind === 'string' ? /^struct(?:\[(\d{1,6})\])?$/.exec(kind) : null;
  if (match === null) {
    throw invalidLayout(
      `field ${named(name)} has a layout: its kind must be struct or struct[N], not ${shown(kind)}`,
    );
  }
  if (isVariable(layout.fields)) throw invalidLayout(`field ${named(name)} has no fixed length`);
  return repeated(name, layout, match[1] === undefined ? 1 : Number(match[1]), kind);
}

function repeated(name: string, layout: SampleLayout, count: unknown, kind: SampleField['kind']): Shape {
  const { size, alignment } = layout;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || size * count > MOST_BYTES) {
    throw invalidLayout(
      `field ${named(name)} has ${shown(count)} structs of ${size} bytes: that is more than a record can hold`,
    );
  }
  return { kind, size: size * count, alignment, layout };
}

export function isByteCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

export function isBitOffset(value: unknown): boolean {
  return isByteCount(value) && value < 8;
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

export function fieldAt(name: string, shape: Shape, bit: number): SampleField {
  const { kind, layout, values, bitSize } = shape;
  const bitOffset = bit % 8;
  return {
    name,
    kind,
    offset: Math.floor(bit / 8),
    size: bitSize === undefined ? shape.size : Math.ceil((bitOffset + bitSize) / 8),
    ...(layout === undefined ? {} : { layout }),
    ...(values === undefined ? {} : { values }),
    ...(bitSize === undefined ? {} : { bitOffset }),
  };
}

export function isVariable(fields: readonly SampleField[]): boolean {
  const last = fields.at(-1);
  return last !== undefined && lengthFieldOf(last) !== undefined;
}

/**
 * For a field of variable length: the name of the field that contains the length, or '' if the field takes the rest of
 * the sample. `undefined` for other fields.
 */
function lengthFieldOf({ kind }: SampleField): string | undefined {
  return parsedKind(kind)?.lengthField;
}

const LENGTH_KINDS: readonly string[] = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'u16be',
  'u32be',
  'u64',
  'i64',
];

export function checkVariableField(fields: readonly SampleField[]): void {
  fields.forEach((field, index) => {
    const length = lengthFieldOf(field);
    if (length === undefined) return;
    if (index !== fields.length - 1) {
      throw invalidLayout(`field ${named(field.name)} has no fixed length, so it must be the last`);
    }
    if (length === '') return;
    const other = fields.find(({ name }) => name === length);
    if (other === undefined || !LENGTH_KINDS.includes(other.kind) || other.values !== undefined) {
      throw invalidLayout(
        `field ${named(field.name)} has the length ${named(length)}, which must be a number or an integer field before it`,
      );
    }
  });
}

/**
 * Bytes of a field with this kind; 0 if its length varies.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for an unknown kind
 */
export function checkedKindBytes(name: string, kind: unknown): number {
  return shapeOf(name, kind).size;
}
