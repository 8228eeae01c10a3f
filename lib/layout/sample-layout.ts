import { PerfRingError } from '../errors';
import { plainList, plainOptions } from '../input/plain-data';
import { named, shown } from '../input/shown';

type Scalar = 'u8' | 'u16' | 'u32' | 'u64' | 'i8' | 'i16' | 'i32' | 'i64' | 'f32' | 'f64';

/**
 * What a field holds, little-endian. `char[N]` is text in N bytes that ends at its first NUL, or at N; `bytes[N]`
 * is N bytes as they are.
 */
export type FieldKind = Scalar | `char[${number}]` | `bytes[${number}]`;

export interface SampleField {
  readonly name: string;
  readonly kind: FieldKind;
  /** Bytes from the beginning of the payload. */
  readonly offset: number;
  /** bytes */
  readonly size: number;
}

/** How the payload of a sample is made up: plain, frozen data. */
export interface SampleLayout {
  readonly fields: readonly SampleField[];
  /** Bytes of a whole sample; the ring pads what it delivers, so more may come. */
  readonly size: number;
}

/** A field to lay out: after the one before, as C aligns it, unless it names its offset. */
export interface FieldDefinition {
  readonly name: string;
  readonly kind: FieldKind;
  readonly offset?: number;
}

/** A record is no longer than this many bytes. */
export const MOST_FIELDS = 65_536;

const SCALAR_SIZES: Readonly<Record<Scalar, number>> = {
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
};

/**
 * Lays fields out as a C compiler lays out a struct: each at its natural alignment, the whole a multiple of the
 * greatest. A field with an `offset` is put there and may overlap others, like a member of a union.
 * @param size bytes of the whole sample, when it is another than that of the struct
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for no field, a name that is empty or there twice, an unknown
 *   kind, an offset that is no whole number, or a size that cuts a field off
 */
export function defineLayout(definitions: readonly FieldDefinition[], size?: number): SampleLayout {
  const given = plainList(definitions, 'definitions', MOST_FIELDS);
  if (given.length === 0) throw invalid('a layout needs at least one field');
  const fields: SampleField[] = [];
  const names = new Set<string>();
  let end = 0;
  let greatestAlignment = 1;
  for (const definition of given) {
    const { name, kind, offset } = plainField(definition);
    if (names.has(name)) throw invalid(`field ${named(name)} is there twice`);
    names.add(name);
    const { size: fieldSize, alignment } = shapeOf(name, kind);
    if (offset !== undefined && !isByteCount(offset)) {
      throw invalid(
        `the offset of field ${named(name)} must be a whole number of bytes, got ${shown(offset)}`,
      );
    }
    const at = offset ?? roundUp(end, alignment);
    fields.push(Object.freeze({ name, kind, offset: at, size: fieldSize }));
    end = Math.max(end, at + fieldSize);
    greatestAlignment = Math.max(greatestAlignment, alignment);
  }
  const structSize = roundUp(end, greatestAlignment);
  if (size !== undefined && (!isByteCount(size) || size < end)) {
    throw invalid(`a layout whose fields end at byte ${end} cannot have size ${shown(size)}`);
  }
  return Object.freeze({ fields: Object.freeze(fields), size: size ?? structSize });
}

/** The field of that name, or `undefined`. */
export function fieldNamed(layout: SampleLayout, name: string): SampleField | undefined {
  return layout.fields.find((field) => field.name === name);
}

/** A field as it was given, its name checked. */
export function plainField<Field extends FieldDefinition>(field: Field): Field {
  const names = ['name', 'kind', 'offset', 'size'] as (keyof Field & string)[];
  const plain = plainOptions(field, names, 'ERR_PERF_INVALID_ARGUMENT', 'a field');
  if (typeof plain.name !== 'string' || plain.name === '') throw invalid('a field needs a name');
  // An object with this field would have it as its prototype.
  if (plain.name === '__proto__') throw invalid('no field can be named __proto__');
  return plain;
}

/** What a field's kind takes. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function shapeOf(name: string, kind: string): { size: number; alignment: number } {
  if (typeof kind === 'string' && Object.hasOwn(SCALAR_SIZES, kind)) {
    const size = SCALAR_SIZES[kind as Scalar];
    return { size, alignment: size };
  }
  const length = typeof kind === 'string' ? /^(?:char|bytes)\[([1-9]\d{0,5})\]$/.exec(kind)?.[1] : undefined;
  // A record's size field has 16 bits: nothing longer could arrive.
  if (length === undefined || Number(length) > 0xffff) {
    throw invalid(
      `field ${named(name)} has the unknown kind "${named(kind)}"; kinds are ${Object.keys(SCALAR_SIZES).join(', ')}, char[N] and bytes[N]`,
    );
  }
  return { size: Number(length), alignment: 1 };
}

export function isByteCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
