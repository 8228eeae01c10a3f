import { isList, plainCopy, plainList } from '../input/plain-data';
import { named, shown } from '../input/shown';
import {
  checkVariableField,
  fieldAt,
  frozenLayout,
  isBitOffset,
  isByteCount,
  isVariable,
  MOST_FIELDS,
  plainField,
  roundUp,
  type Shape,
  shapeOf,
} from './checked-layout';
import type { ArrayValues, EnumKind, FieldKind, KindValue, ScalarKind } from './field-kind';
import { invalidLayout } from './field-kind';

/** What a field can be defined as: a kind, an enum, a layout (a nested struct), or an array of structs. */
export type FieldType =
  | FieldKind
  | EnumKind
  | SampleLayout<unknown>
  | readonly [SampleLayout<unknown>, number];

/** The value of a field so defined, once decoded. */
export type ValueOf<Kind> = Kind extends string
  ? KindValue<Kind>
  : Kind extends EnumKind
    ? EnumValue<Kind>
    : Kind extends SampleLayout<infer Values>
      ? Values
      : Kind extends readonly [SampleLayout<infer Values>, number]
        ? readonly Values[]
        : never;

/** The value of an enum: a name, or the number where it has none. */
export type EnumValue<Kind extends EnumKind> = Kind extends { readonly as: `${string}[${string}]` }
  ? readonly (keyof Kind['enum'] | number)[]
  : Kind extends { readonly as: `${'u64' | 'i64'}${string}` }
    ? keyof Kind['enum'] | bigint
    : keyof Kind['enum'] | number;

/** Whatever a field can hold, once decoded. */
export type FieldValue =
  | number
  | bigint
  | string
  | boolean
  | ArrayValues[ScalarKind]
  | { readonly [name: string]: FieldValue }
  | readonly FieldValue[];

/** Where a field of a layout lies. */
export interface SampleField {
  readonly name: string;
  /** Of a nested struct `struct`, of an array of N of them `struct[N]`, of an enum the integer that holds it. */
  readonly kind: FieldKind | 'struct' | `struct[${number}]`;
  /** Bytes from the beginning of the payload, or of the struct that the field is in. */
  readonly offset: number;
  /** Bytes, of all elements together; 0 where the length varies. */
  readonly size: number;
  /** Of a nested struct: its layout. */
  readonly layout?: SampleLayout;
  /** Of an enum: its names and their numbers. */
  readonly values?: Readonly<Record<string, number | bigint>>;
  /** Of a bitfield: how many bits of its first byte, from the lowest on, belong to others. 0 to 7. */
  readonly bitOffset?: number;
}

declare const decoded: unique symbol;

/**
 * How the payload of a sample is made up: plain, frozen data.
 * @typeParam Values what {@link decoderFor} makes of a sample
 */
export interface SampleLayout<Values = { readonly [name: string]: FieldValue }> {
  readonly fields: readonly SampleField[];
  /** Bytes of a whole sample; without the last field where its length varies. The kernel pads what it delivers: more may come. */
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
  readonly kind: FieldType;
  /** Bytes from the beginning. */
  readonly offset?: number;
  /** Of a bitfield with an offset: how many bits of the byte there come before it. */
  readonly bitOffset?: number;
}

/** The values of fields so defined: `{ pid: number; comm: string }`. */
export type ValuesOf<Definitions> = Definitions extends readonly FieldDefinition[]
  ? { readonly [Field in Definitions[number] as Field['name']]: ValueOf<Field['kind']> }
  : { readonly [Name in keyof Definitions]: ValueOf<Definitions[Name]> };

/** The values that a layout decodes to: `type Event = LayoutValues<typeof layout>`. */
export type LayoutValues<Layout> = Layout extends SampleLayout<infer Values> ? Values : never;

/**
 * Lays fields out as a C compiler lays out a struct: each at its natural alignment, the whole a multiple of the
 * greatest. Fields are given by name and kind, in order, or as a list; in a list a field may have an `offset`, where it may overlap
 * others, like a member of a union.
 *
 * ```ts
 * const address = defineLayout({ ip: 'ipv4', port: 'u16be' });
 * const layout = defineLayout({ time: 'u64', kind: { enum: { EXEC: 1, EXIT: 2 } }, comm: 'char[16]', peer: address });
 * decoderFor(layout)(record).peer.port; // a number
 * ```
 * @param size bytes of the whole sample, when it is another than that of the struct
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for no field, a name that is empty or there twice, an unknown
 *   kind, an offset that is no whole number, or a size that cuts a field off
 */
export function defineLayout<
  const Definitions extends readonly FieldDefinition[] | { readonly [name: string]: FieldType },
>(definitions: Definitions, size?: number): SampleLayout<ValuesOf<Definitions>> {
  const given = definitionsOf(definitions);
  if (given.length === 0) throw invalidLayout('a layout needs at least one field');
  const fields: SampleField[] = [];
  const names = new Set<string>();
  /** Where the next field may begin, in bits. */
  let end = 0;
  let greatestAlignment = 1;
  for (const definition of given) {
    const field = plainField(definition, ['name', 'kind', 'offset', 'bitOffset']);
    const { name } = field;
    if (names.has(name)) throw invalidLayout(`field ${named(name)} is there twice`);
    names.add(name);
    const shape = shapeOf(name, field.kind);
    const bit = beginningOf(field, shape, end);
    fields.push(Object.freeze(fieldAt(name, shape, bit)));
    end = Math.max(end, bit + (shape.bitSize ?? shape.size * 8));
    greatestAlignment = Math.max(greatestAlignment, shape.alignment);
  }
  checkVariableField(fields);
  const endBytes = Math.ceil(end / 8);
  // A struct ends with padding, but not before a last field whose length varies.
  const structSize = isVariable(fields) ? endBytes : roundUp(endBytes, greatestAlignment);
  if (size !== undefined && (!isByteCount(size) || size < endBytes)) {
    throw invalidLayout(`a layout whose fields end at byte ${endBytes} cannot have size ${shown(size)}`);
  }
  return frozenLayout(fields, size ?? structSize, greatestAlignment) as SampleLayout<ValuesOf<Definitions>>;
}

/** A list as it is, or the members of an object. */
function definitionsOf(definitions: object): FieldDefinition[] {
  if (typeof definitions !== 'object' || definitions === null || isList(definitions, 'definitions')) {
    return plainList(definitions as FieldDefinition[], 'definitions', MOST_FIELDS);
  }
  const members = plainCopy(definitions, 'definitions', 'ERR_PERF_INVALID_ARGUMENT');
  return Object.entries(members).map(([name, kind]) => {
    // JavaScript would move it before the others.
    if (/^\d+$/.test(name))
      throw invalidLayout(`field ${named(name)} is a number: give the fields as a list`);
    return { name, kind };
  });
}

/** The bit at which a field begins. @param end where those before end, in bits */
function beginningOf({ name, offset, bitOffset }: FieldDefinition, shape: Shape, end: number): number {
  if (offset !== undefined && !isByteCount(offset)) {
    throw invalidLayout(
      `the offset of field ${named(name)} must be a whole number of bytes, got ${shown(offset)}`,
    );
  }
  const { alignment, bitSize } = shape;
  if (bitOffset !== undefined && (bitSize === undefined || offset === undefined || !isBitOffset(bitOffset))) {
    throw invalidLayout(
      `bitOffset of field ${named(name)} must be 0 to 7, of a bitfield with an offset, got ${shown(bitOffset)}`,
    );
  }
  if (offset !== undefined) return offset * 8 + (bitOffset ?? 0);
  if (bitSize === undefined) return roundUp(Math.ceil(end / 8), alignment) * 8;
  // As the System V ABI has it: a bitfield never straddles two units of its type.
  const isWhole = (end % (alignment * 8)) + bitSize <= alignment * 8;
  return isWhole ? end : roundUp(end, alignment * 8);
}

/** The field of that name, or `undefined`. */
export function fieldNamed(layout: SampleLayout<unknown>, name: string): SampleField | undefined {
  return layout.fields.find((field) => field.name === name);
}
