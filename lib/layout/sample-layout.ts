import { PerfRingError } from '../errors';
import { plainList, plainProperties } from '../input/plain-data';
import { named, shown } from '../input/shown';

/** Scalars that decode to a number; little-endian. */
export type NumberKind = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64';
/** Scalars in the network's byte order that decode to a number. */
export type BigEndianNumberKind = 'u16be' | 'i16be' | 'u32be' | 'i32be';
/** Scalars of 8 bytes, which decode to a bigint. */
export type BigIntKind = 'u64' | 'i64' | 'u64be' | 'i64be';

/**
 * One value. Little-endian; `…be` is big-endian, the network's byte order. `bool` is one byte: false where it is 0, as C's
 * `_Bool`.
 */
export type ScalarKind = NumberKind | BigEndianNumberKind | BigIntKind | 'bool';

/**
 * What a field holds: a scalar, `char[N]` (text in N bytes that ends at its first NUL, or at N), `bytes[N]` (N bytes as they
 * are), or an array of N scalars such as `u32[4]`.
 */
export type FieldKind = ScalarKind | `char[${number}]` | `bytes[${number}]` | `${ScalarKind}[${number}]`;

/** What an array of scalars decodes to, by the kind of its elements. */
export interface ArrayValues {
  u8: Uint8Array;
  i8: Int8Array;
  u16: Uint16Array;
  i16: Int16Array;
  u32: Uint32Array;
  i32: Int32Array;
  f32: Float32Array;
  f64: Float64Array;
  u16be: Uint16Array;
  i16be: Int16Array;
  u32be: Uint32Array;
  i32be: Int32Array;
  u64: BigUint64Array;
  i64: BigInt64Array;
  u64be: BigUint64Array;
  i64be: BigInt64Array;
  bool: readonly boolean[];
}

/** The value of a field of that kind, once decoded. */
export type ValueOf<Kind> = Kind extends BigIntKind
  ? bigint
  : Kind extends 'bool'
    ? boolean
    : Kind extends ScalarKind
      ? number
      : Kind extends `char[${number}]`
        ? string
        : Kind extends `bytes[${number}]`
          ? Uint8Array
          : Kind extends `${infer Element extends ScalarKind}[${number}]`
            ? ArrayValues[Element]
            : Kind extends SampleLayout<infer Values>
              ? Values
              : Kind extends readonly [SampleLayout<infer Values>, number]
                ? readonly Values[]
                : never;

/** Whatever a field can hold, once decoded. */
export type FieldValue =
  | number
  | bigint
  | string
  | boolean
  | ArrayValues[ScalarKind]
  | { readonly [name: string]: FieldValue }
  | readonly { readonly [name: string]: FieldValue }[];

/** Where a field of a layout lies. */
export interface SampleField {
  readonly name: string;
  /** Of a nested struct `struct`, of an array of N of them `struct[N]`. */
  readonly kind: FieldKind | 'struct' | `struct[${number}]`;
  /** Bytes from the beginning of the payload, or of the struct that the field is in. */
  readonly offset: number;
  /** Bytes, of all elements together. */
  readonly size: number;
  /** Of a nested struct: its layout. */
  readonly layout?: SampleLayout;
}

declare const decoded: unique symbol;

/**
 * How the payload of a sample is made up: plain, frozen data.
 * @typeParam Values what {@link decoderFor} makes of a sample
 */
export interface SampleLayout<Values = { readonly [name: string]: FieldValue }> {
  readonly fields: readonly SampleField[];
  /** Bytes of a whole sample. The kernel pads what it delivers: more may come. */
  readonly size: number;
  /** Bytes: a struct of this layout inside another begins at a multiple of it. */
  readonly alignment: number;
  /** For the compiler alone: it is never there. */
  readonly [decoded]?: Values;
}

/** A field to lay out: after the one before, as C aligns it, unless it has an `offset`. */
export interface FieldDefinition {
  readonly name: string;
  /** A layout nests a struct; `[layout, N]` is an array of N of them. */
  readonly kind: FieldKind | SampleLayout<unknown> | readonly [SampleLayout<unknown>, number];
  /** Bytes from the beginning. */
  readonly offset?: number;
}

/** The values of fields so defined: `{ pid: number; comm: string }`. */
export type ValuesOf<Definitions extends readonly FieldDefinition[]> = {
  readonly [Field in Definitions[number] as Field['name']]: ValueOf<Field['kind']>;
};

/** The values that a layout decodes to: `type Event = LayoutValues<typeof layout>`. */
export type LayoutValues<Layout> = Layout extends SampleLayout<infer Values> ? Values : never;

/** A record is no longer than this many bytes. */
const MOST_FIELDS = 65_536;

/** Structs in structs: C code stays far below this, and so does the stack of whoever walks a layout. */
const DEEPEST_NESTING = 32;

export const SCALAR_SIZES: Readonly<Record<ScalarKind, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  i8: 1,
  i16: 2,
  i32: 4,
  i64: 8,
  f32: 4,
  f64: 8,
  bool: 1,
  u16be: 2,
  u32be: 4,
  u64be: 8,
  i16be: 2,
  i32be: 4,
  i64be: 8,
};

/**
 * Lays fields out as a C compiler lays out a struct: each at its natural alignment, the whole a multiple of the
 * greatest. A field with an `offset` is put there and may overlap others, like a member of a union.
 *
 * ```ts
 * const layout = defineLayout([
 *   { name: 'pid', kind: 'u32' },
 *   { name: 'comm', kind: 'char[16]' },
 * ]);
 * decoderFor(layout)(record).pid; // a number
 * ```
 * @param size bytes of the whole sample, when it is another than that of the struct
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for no field, a name that is empty or there twice, an unknown
 *   kind, an offset that is no whole number, or a size that cuts a field off
 */
export function defineLayout<const Definitions extends readonly FieldDefinition[]>(
  definitions: Definitions,
  size?: number,
): SampleLayout<ValuesOf<Definitions>> {
  const given = plainList<FieldDefinition>(definitions, 'definitions', MOST_FIELDS);
  if (given.length === 0) throw invalid('a layout needs at least one field');
  const fields: SampleField[] = [];
  const names = new Set<string>();
  let end = 0;
  let greatestAlignment = 1;
  for (const definition of given) {
    const { name, kind, offset } = plainField(definition, ['name', 'kind', 'offset', 'size']);
    if (names.has(name)) throw invalid(`field ${named(name)} is there twice`);
    names.add(name);
    const shape = shapeOf(name, kind);
    if (offset !== undefined && !isByteCount(offset)) {
      throw invalid(
        `the offset of field ${named(name)} must be a whole number of bytes, got ${shown(offset)}`,
      );
    }
    const at = offset ?? roundUp(end, shape.alignment);
    const { layout } = shape;
    fields.push(
      Object.freeze({
        name,
        kind: shape.kind,
        offset: at,
        size: shape.size,
        ...(layout === undefined ? {} : { layout }),
      }),
    );
    end = Math.max(end, at + shape.size);
    greatestAlignment = Math.max(greatestAlignment, shape.alignment);
  }
  const structSize = roundUp(end, greatestAlignment);
  if (size !== undefined && (!isByteCount(size) || size < end)) {
    throw invalid(`a layout whose fields end at byte ${end} cannot have size ${shown(size)}`);
  }
  return Object.freeze({
    fields: Object.freeze(fields),
    size: size ?? structSize,
    alignment: greatestAlignment,
  });
}

/** The field of that name, or `undefined`. */
export function fieldNamed(layout: SampleLayout<unknown>, name: string): SampleField | undefined {
  return layout.fields.find((field) => field.name === name);
}

/**
 * A layout's fields, checked as if they came from a file or another thread: their shapes must be those of their kinds.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT
 */
export function checkedLayout(layout: SampleLayout<unknown>): SampleLayout {
  return checkedStruct(layout, DEEPEST_NESTING, { fields: MOST_FIELDS });
}

/** @param left fields that may still come, of all structs together: a layout made by hand may contain itself */
function checkedStruct(
  layout: SampleLayout<unknown>,
  levels: number,
  left: { fields: number },
): SampleLayout {
  if (levels === 0) throw invalid(`structs nest at most ${DEEPEST_NESTING} deep`);
  const plain = plainProperties(
    layout,
    ['fields', 'size', 'alignment'],
    'ERR_PERF_INVALID_ARGUMENT',
    'layout',
  ) as SampleLayout;
  const given = plainList(plain.fields, 'layout.fields', MOST_FIELDS);
  left.fields -= given.length;
  if (left.fields < 0) throw invalid(`a layout has at most ${MOST_FIELDS} fields, nested ones included`);
  const fields = given.map((definition) => {
    const field = plainField(definition, ['name', 'kind', 'offset', 'size', 'layout']);
    const nested = field.layout === undefined ? undefined : checkedStruct(field.layout, levels - 1, left);
    const shape = nested === undefined ? shapeOf(field.name, field.kind) : nestedShape(field, nested);
    if (!isByteCount(field.offset) || field.size !== shape.size) {
      throw invalid(`field ${named(field.name)} needs an offset, and size ${shape.size}`);
    }
    return { ...field, ...(nested === undefined ? {} : { layout: nested }) };
  });
  const end = Math.max(0, ...fields.map((field) => field.offset + field.size));
  const { size = end, alignment = 1 } = plain;
  if (!isByteCount(size) || size < end || !isByteCount(alignment) || alignment === 0) {
    throw invalid(`a layout whose fields end at byte ${end} cannot have size ${shown(size)}`);
  }
  return { fields, size, alignment };
}

/** A field as it was given, its name checked. */
function plainField<Field extends { readonly name: string }>(
  field: Field,
  names: readonly (keyof Field & string)[] | readonly string[],
): Field {
  const plain = plainProperties(
    field,
    names as (keyof Field & string)[],
    'ERR_PERF_INVALID_ARGUMENT',
    'a field',
  );
  if (typeof plain.name !== 'string' || plain.name === '') throw invalid('a field needs a name');
  // An object with this field would have it as its prototype.
  if (plain.name === '__proto__') throw invalid('no field can be named __proto__');
  return plain;
}

interface Shape {
  readonly kind: SampleField['kind'];
  readonly size: number;
  readonly alignment: number;
  readonly layout?: SampleLayout;
}

/** What a field's kind takes. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
function shapeOf(name: string, kind: unknown): Shape {
  if (typeof kind === 'object' && kind !== null) return structShape(name, kind);
  if (typeof kind !== 'string') throw unknownKind(name, kind);
  const [, element = '', length] = /^([a-z\d]+)(?:\[([1-9]\d{0,5})\])?$/.exec(kind) ?? [];
  const count = length === undefined ? 1 : Number(length);
  const isScalar = Object.hasOwn(SCALAR_SIZES, element);
  const isText = (element === 'char' || element === 'bytes') && length !== undefined;
  const alignment = isScalar ? SCALAR_SIZES[element as ScalarKind] : 1;
  if ((!isScalar && !isText) || alignment * count > 0xffff) throw unknownKind(name, kind);
  return { kind: kind as FieldKind, size: alignment * count, alignment };
}

/** Of a definition: a layout, or `[layout, N]`. */
function structShape(name: string, kind: object): Shape {
  if (!Array.isArray(kind)) return repeated(name, checkedLayout(kind as SampleLayout), 1, 'struct');
  const [layout, count] = plainList<unknown>(kind, `field ${named(name)}`, 2);
  return repeated(name, checkedLayout(layout as SampleLayout), count, `struct[${Number(count)}]`);
}

/** Of a field of a layout: kind `struct` or `struct[N]`, and the layout beside it. */
function nestedShape({ name, kind }: SampleField, layout: SampleLayout): Shape {
  const match = typeof kind === 'string' ? /^struct(?:\[(\d{1,6})\])?$/.exec(kind) : null;
  if (match === null) {
    throw invalid(
      `field ${named(name)} has a layout, so its kind is struct or struct[N], not ${shown(kind)}`,
    );
  }
  return repeated(name, layout, match[1] === undefined ? 1 : Number(match[1]), kind);
}

function repeated(name: string, layout: SampleLayout, count: unknown, kind: SampleField['kind']): Shape {
  const { size, alignment } = layout;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || size * count > 0xffff) {
    throw invalid(`field ${named(name)} has ${shown(count)} structs of ${size} bytes: no record holds that`);
  }
  return { kind, size: size * count, alignment, layout };
}

/** A record's size field has 16 bits: nothing longer could arrive. */
function unknownKind(name: string, kind: unknown): PerfRingError {
  return invalid(
    `field ${named(name)} has the unknown kind ${shown(kind)}; kinds are ${Object.keys(SCALAR_SIZES).join(', ')}, arrays of them such as u32[4], char[N], bytes[N], and layouts`,
  );
}

function isByteCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
