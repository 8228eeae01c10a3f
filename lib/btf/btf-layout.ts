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

/** What fields are, by name, where the types of the program don't say it: `{ daddr: 'ipv4', args: 'char[args_size]' }`. */
export interface LayoutHints {
  readonly [field: string]: FieldType;
}

/** How a tag in the source of a program begins that says what a member is: `btf_decl_tag("perfring:ipv4")`. */
const TAG_PREFIX = 'perfring:';

/** Structs in structs: as deep as layouts go. */
const DEEPEST_NESTING = 32;
/** All structs of a type together: no record has more bytes. */
const MOST_FIELDS = 65_536;
/** Of all enums of a type together: each field has the names of its own. */
const MOST_ENUM_VALUES = 1_000_000;

/** Of the fields that an error names. */
const MOST_SHOWN = 30;

type Struct = BtfType & { readonly kind: 'struct' | 'union' };

/** Makes the layouts of one type and of those in it. */
export class LayoutMaker {
  readonly #btf: Btf;
  readonly #hints: LayoutHints;
  /** Of nested structs, by id. */
  readonly #layouts = new Map<number, SampleLayout | undefined>();
  readonly #usedHints = new Set<string>();
  #fields = 0;
  #enumValues = 0;

  constructor(btf: Btf, hints: LayoutHints) {
    this.#btf = btf;
    this.#hints = plainCopy(hints, 'hints', 'ERR_PERF_INVALID_ARGUMENT');
  }

  /**
   * @throws PerfRingError ERR_PERF_TYPE_UNKNOWN for what is no struct; ERR_PERF_BTF_DAMAGED; ERR_PERF_INVALID_ARGUMENT for hints
   *   that don't fit, and for a struct that no record holds
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

  /** @throws PerfRingError as {@link layout} */
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
   * The fields of a struct, those of anonymous structs in it among them, as C has them.
   * @param from bits before the struct, of an anonymous one
   * @param isTop the fields are those of the sample: the last may be of any length
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

  /** @returns `undefined` for a member that holds nothing */
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

  /** A hint must take the bytes that the member has; one of variable length, no more. */
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
  // C has arrays without a length also where others follow: they name a place and hold nothing.
  const kept = definitions.filter(({ kind }, index) => !flexible(kind) || (isTop && index === last));
  const [first] = kept;
  if (first === undefined) return undefined;
  const isVariable = flexible((kept.at(-1) as FieldDefinition).kind);
  return (isVariable ? defineLayout(kept) : defineLayout(kept, size)) as SampleLayout;
}
