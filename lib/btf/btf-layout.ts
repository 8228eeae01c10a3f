import { PerfRingError } from '../errors';
import { plainCopy } from '../input/plain-data';
import { named, shown } from '../input/shown';
import { checkedKindBytes } from '../layout/checked-layout';
import {
  defineLayout,
  type FieldDefinition,
  type FieldType,
  type SampleLayout,
} from '../layout/sample-layout';
import type { Btf } from './btf';
import { damaged } from './btf-table';
import type { BtfMember, BtfType } from './btf-type';
import { fieldTypeOf, flexible } from './btf-field';

/**
 * Types of fields, by name, that replace those from the BTF: `{ daddr: 'ipv4', args: 'char[args_size]' }`.
 */
export interface LayoutHints {
  readonly [field: string]: FieldType;
}

/** Prefix of the tags that set a member's kind in a program's source: `btf_decl_tag("perfring:ipv4")`. */
const TAG_PREFIX = 'perfring:';

/** Most levels of nested structs, as in layouts. */
const DEEPEST_NESTING = 32;
/** Most members of all structs of a type together: no record has more bytes. */
const MOST_FIELDS = 65_536;
/** Most values of all enums of a type together: each field has a copy of the names. */
const MOST_ENUM_VALUES = 1_000_000;

/** Most field names in an error text. */
const MOST_SHOWN = 30;

type Struct = BtfType & { readonly kind: 'struct' | 'union' };

/** Makes the layout of one type and of the structs in it. */
export class LayoutMaker {
  readonly #btf: Btf;
  readonly #hints: LayoutHints;
  /** Layouts of nested structs, by id; `undefined` for a struct without fields. */
  readonly #layouts = new Map<number, SampleLayout | undefined>();
  readonly #usedHints = new Set<string>();
  #fields = 0;
  #enumValues = 0;

  constructor(btf: Btf, hints: LayoutHints) {
    this.#btf = btf;
    this.#hints = plainCopy(hints, 'hints', 'ERR_PERF_INVALID_ARGUMENT');
  }

  /**
   * @throws PerfRingError ERR_PERF_TYPE_UNKNOWN for a type that is not a struct or has no fields; ERR_PERF_BTF_DAMAGED;
   *   ERR_PERF_INVALID_ARGUMENT for hints that don't fit, and for a struct that is too large for a record
   */
  layout(type: number): SampleLayout {
    const id = this.#btf.resolve(type);
    const struct = this.#btf.type(id);
    if (!isStruct(struct)) {
      throw new PerfRingError(
        'ERR_PERF_TYPE_UNKNOWN',
        `type ${type} is no struct, but of kind ${struct.kind}`,
      );
    }
    const definitions = this.#definitions(id, struct, 0, 0, true);
    const unused = Object.keys(this.#hints).find((name) => !this.#usedHints.has(name));
    if (unused !== undefined) {
      const names = definitions.slice(0, MOST_SHOWN).map(({ name }) => named(name));
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `there is a hint for ${named(unused)}, and no such field; fields are ${names.join(', ')}`,
      );
    }
    return layoutOf(definitions, struct.size, true) ?? this.#refuseEmpty(struct);
  }

  /** The type of a field that holds one value of `type`. @throws PerfRingError like {@link layout} */
  fieldType(type: number): FieldType {
    const member = { name: 'value', type, bitOffset: 0, bitSize: 0 };
    const kind = this.#kind(member, undefined, 0, false);
    if (kind !== undefined && !flexible(kind)) return kind;
    throw new PerfRingError('ERR_PERF_TYPE_UNKNOWN', `type ${type} has no values`);
  }

  #refuseEmpty(struct: Struct): never {
    throw new PerfRingError('ERR_PERF_TYPE_UNKNOWN', `the struct ${shown(struct.name)} has no fields`);
  }

  /**
   * The fields of a struct, including those of anonymous structs in it, as in C.
   * @param from for an anonymous struct: its offset in the named struct, bits
   * @param isTop the fields belong to the sample itself: the last one may have variable length
   */
  #definitions(id: number, struct: Struct, from: number, depth: number, isTop: boolean): FieldDefinition[] {
    if (depth > DEEPEST_NESTING) throw damaged(`structs nest more than ${DEEPEST_NESTING} deep`);
    this.#fields += struct.members.length;
    if (this.#fields > MOST_FIELDS) throw damaged(`type ${id} has more than ${MOST_FIELDS} members`);
    const tags = new Map(
      this.#btf
        .tagsOf(id)
        .filter(({ name }) => name.startsWith(TAG_PREFIX))
        .map(({ name, component }) => [component, name.slice(TAG_PREFIX.length)] as const),
    );
    return struct.members.flatMap((member, index): FieldDefinition[] => {
      const bit = from + member.bitOffset;
      const inner = this.#btf.resolve(member.type);
      const innerType = this.#btf.type(inner);
      if (member.name === '') {
        return isStruct(innerType) ? this.#definitions(inner, innerType, bit, depth + 1, isTop) : [];
      }
      const kind = this.#kind(member, tags.get(index) as FieldType | undefined, depth, isTop);
      if (kind === undefined) return [];
      const offset = Math.floor(bit / 8);
      const isBitfield = member.bitSize > 0 || bit % 8 !== 0;
      return [{ name: member.name, kind, offset, ...(isBitfield ? { bitOffset: bit % 8 } : {}) }];
    });
  }

  /** The type of the field for a member. @returns `undefined` for a member without values */
  #kind(member: BtfMember, tag: FieldType | undefined, depth: number, isTop: boolean): FieldType | undefined {
    const hint = isTop && Object.hasOwn(this.#hints, member.name) ? this.#hints[member.name] : tag;
    if (hint !== undefined) {
      this.#usedHints.add(member.name);
      return this.#checkedHint(member, hint);
    }
    const kind = fieldTypeOf(this.#btf, member, (id, count) => {
      const layout = this.#nested(id, depth + 1);
      if (layout === undefined) return undefined;
      return count === undefined ? layout : ([layout, count] as const);
    });
    if (typeof kind === 'object' && 'enum' in kind) this.#enumValues += Object.keys(kind.enum).length;
    if (this.#enumValues > MOST_ENUM_VALUES) {
      throw damaged(`the enums of its members have more than ${MOST_ENUM_VALUES} values together`);
    }
    return kind;
  }

  #nested(id: number, depth: number): SampleLayout | undefined {
    if (this.#layouts.has(id)) return this.#layouts.get(id);
    const struct = this.#btf.type(id) as Struct;
    const layout = layoutOf(this.#definitions(id, struct, 0, depth, false), struct.size, false);
    this.#layouts.set(id, layout);
    return layout;
  }

  /** Checks that a hint has as many bytes as the member, or has variable length and the member is not a bitfield. */
  #checkedHint(member: BtfMember, hint: FieldType): FieldType {
    const bytes = checkedKindBytes(member.name, hint);
    const size = this.#btf.sizeOf(member.type);
    if (bytes === size || (bytes === 0 && member.bitSize === 0)) return hint;
    throw new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      `field ${named(member.name)} has ${size} bytes, and its hint ${shown(hint)} takes ${bytes}`,
    );
  }
}

function isStruct(type: BtfType): type is Struct {
  return type.kind === 'struct' || type.kind === 'union';
}

/** @returns `undefined` for a struct without fields */
function layoutOf(
  definitions: readonly FieldDefinition[],
  size: number,
  isTop: boolean,
): SampleLayout | undefined {
  const last = definitions.length - 1;
  // In C, an array without length may also come before other members: it names a place and has no values.
  const kept = definitions.filter(({ kind }, index) => !flexible(kind) || (isTop && index === last));
  const [first] = kept;
  if (first === undefined) return undefined;
  const isVariable = flexible((kept.at(-1) as FieldDefinition).kind);
  return (isVariable ? defineLayout(kept) : defineLayout(kept, size)) as SampleLayout;
}
