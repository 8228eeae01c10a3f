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

/** The type of a field in a definition: a kind, an enum, a layout (a nested struct), or an array of structs. */
export type FieldType =
  | FieldKind
  | EnumKind
  | SampleLayout<unknown>
  | readonly [SampleLayout<unknown>, number];

/** The decoded value of a field with the type `Kind`. */
export type ValueOf<Kind> = Kind extends string
  ? KindValue<Kind>
  : Kind extends EnumKind
    ? EnumValue<Kind>
    : Kind extends SampleLayout<infer Values>
      ? Values
      : Kind extends readonly [SampleLayout<infer Values>, number]
        ? readonly Values[]
        : never;

/** The decoded value of an enum: its name, or the number when the value has no name. */
export type EnumValue<Kind extends EnumKind> = Kind extends { readonly as: `${string}[${string}]` }
  ? readonly (keyof Kind['enum'] | number)[]
  : Kind extends { readonly as: `${'u64' | 'i64'}${string}` }
    ? keyof Kind['enum'] | bigint
    : keyof Kind['enum'] | number;

/** Any decoded value of a field. */
export type FieldValue =
  | number
  | bigint
  | string
  | boolean
  | ArrayValues[ScalarKind]
  | { readonly [name: string]: FieldValue }
  | readonly FieldValue[];

/** A field of a layout. */
export interface SampleField {
  readonly name: string;
  /** `struct` for a nested struct, `struct[N]` for an array of N structs; for an enum, the kind that stores it. */
  readonly kind: FieldKind | 'struct' | `struct[${number}]`;
  /** Offset from the start of the payload, or of the struct that contains the field, bytes. */
  readonly offset: number;
  /** Bytes of all elements together; 0 if the length varies. */
  readonly size: number;
  /** For a nested struct: its layout. */
  readonly layout?: SampleLayout;
  /** For an enum: its names and their numbers. */
  readonly values?: Readonly<Record<string, number | bigint>>;
  /** For a bitfield: index of its lowest bit in its first byte, 0 to 7. */
  readonly bitOffset?: number;
}

declare const decoded: unique symbol;

/**
 * Layout of a sample's payload: plain, frozen data.
 * @typeParam Values type of the objects that {@link decoderFor} returns
 */
export interface SampleLayout<Values = { readonly [name: string]: FieldValue }> {
  readonly fields: readonly SampleField[];
  /**
   * Bytes of a sample, without a last field of variable length. Payloads may be longer, because the kernel pads them.
   */
  readonly size: number;
  /** Alignment of a nested struct of this layout, bytes: it begins at a multiple of it. */
  readonly alignment: number;
  /** Exists for the compiler only; no object has this property. */
  readonly [decoded]?: Values;
}

/** Definition of a field. Without an `offset` it is placed after the field before it, aligned as in C. */
export interface FieldDefinition {
  readonly name: string;
  /** A layout defines a nested struct, `[layout, N]` an array of N structs. */
  readonly kind: FieldType;
  /** Offset from the start of the struct, bytes. */
  readonly offset?: number;
  /** For a bitfield with an offset: index of its lowest bit in the byte at that offset, 0 to 7; 0 by default. */
  readonly bitOffset?: number;
}

/** The decoded values of these definitions: `{ pid: number; comm: string }`. */
export type ValuesOf<Definitions> = Definitions extends readonly FieldDefinition[]
  ? { readonly [Field in Definitions[number] as Field['name']]: ValueOf<Field['kind']> }
  : { readonly [Name in keyof Definitions]: ValueOf<Definitions[Name]> };

/** The type of the objects that a layout decodes to: `type Event = LayoutValues<typeof layout>`. */
export type LayoutValues<Layout> = Layout extends SampleLayout<infer Values> ? Values : never;

/**
 * Lays fields out like the members of a C struct: each at its natural alignment; the size of the struct is a multiple
 * of the greatest alignment. Pass the fields in order, as an object of names and kinds or as a list. In a list, a field
 * may have an `offset`, and may then overlap other fields, like a member of a union.
 *
 * ```ts
 * const address = defineLayout({ ip: 'ipv4', port: 'u16be' });
 * const layout = defineLayout({ time: 'u64', kind: { enum: { EXEC: 1, EXIT: 2 } }, comm: 'char[16]', peer: address });
 * decoderFor(layout)(record).peer.port; // a number
 * ```
 * @param size bytes of the whole sample; by default the size of the struct
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for definitions without fields, a name that is empty or occurs twice,
 *   an unknown kind, an offset that is not an integer of 0 or more, or a size that is too small for the fields
 */
export function defineLayout<
  const Definitions extends readonly FieldDefinition[] | { readonly [name: string]: FieldType },
>(definitions: Definitions, size?: number): SampleLayout<ValuesOf<Definitions>> {
  const given = definitionsOf(definitions);
  if (given.length === 0) throw invalidLayout('a layout needs at least one field');
  const fields: SampleField[] = [];
  const names = new Set<string>();
  /** End of the fields so far, in bits. */
  let end = 0;
  let greatestAlignment = 1;
  for (const definition of given) {
    const field = plainField(definition, ['name', 'kind', 'offset', 'bitOffset']);
    const { name } = field;
    if (names.has(name)) throw invalidLayout(`there are two fields ${named(name)}`);
    names.add(name);
    const shape = shapeOf(name, field.kind);
    const bit = beginningOf(field, shape, end);
    fields.push(Object.freeze(fieldAt(name, shape, bit)));
    end = Math.max(end, bit + (shape.bitSize ?? shape.size * 8));
    greatestAlignment = Math.max(greatestAlignment, shape.alignment);
  }
  checkVariableField(fields);
  const endBytes = Math.ceil(end / 8);
  // A struct ends with padding, unless its last field has variable length.
  const structSize = isVariable(fields) ? endBytes : roundUp(endBytes, greatestAlignment);
  if (size !== undefined && (!isByteCount(size) || size < endBytes)) {
    throw invalidLayout(`a layout whose fields end at byte ${endBytes} cannot have size ${shown(size)}`);
  }
  return frozenLayout(fields, size ?? structSize, greatestAlignment) as SampleLayout<ValuesOf<Definitions>>;
}

/** The definitions as a list: of a list a copy, of an object its members. */
function definitionsOf(definitions: object): FieldDefinition[] {
  if (typeof definitions !== 'object' || definitions === null || isList(definitions, 'definitions')) {
    return plainList(definitions as FieldDefinition[], 'definitions', MOST_FIELDS);
  }
  const members = plainCopy(definitions, 'definitions', 'ERR_PERF_INVALID_ARGUMENT');
  return Object.entries(members).map(([name, kind]) => {
    // JavaScript would move it before the other members.
    if (/^\d+$/.test(name))
      throw invalidLayout(`field ${named(name)} is a number: give the fields as a list`);
    return { name, kind };
  });
}

/** First bit of a field, from the start of the struct. @param end end of the fields before it, in bits */
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
  // System V ABI: a bitfield never spans two storage units of its type.
  const isWhole = (end % (alignment * 8)) + bitSize <= alignment * 8;
  return isWhole ? end : roundUp(end, alignment * 8);
}

/** The field with this name, or `undefined`. */
export function fieldNamed(layout: SampleLayout<unknown>, name: string): SampleField | undefined {
  return layout.fields.find((field) => field.name === name);
}
