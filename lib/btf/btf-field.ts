import type { EnumKind, FieldKind, ScalarKind } from '../layout/field-kind';
import type { FieldType } from '../layout/sample-layout';
import type { Btf } from './btf';
import { damaged } from './btf-table';
import type { BtfMember, BtfType } from './btf-type';

/** Kinds for typedefs of the kernel, whose underlying types do not tell their meaning. */
const MEANINGS: Readonly<Record<string, ScalarKind>> = {
  __be16: 'u16be',
  __be32: 'u32be',
  __be64: 'u64be',
  ktime_t: 'ktime',
};

/** Kinds for structs that hold one value. */
const VALUE_STRUCTS: Readonly<Record<string, ScalarKind>> = { in6_addr: 'ipv6' };

const LONGEST_CHAIN = 32;

/** A type without its typedefs and qualifiers. */
interface Meant {
  readonly id: number;
  readonly type: BtfType;
  /** Kind from {@link MEANINGS}, if one of the typedefs has one. */
  readonly meaning: ScalarKind | undefined;
}

function meant(btf: Btf, id: number): Meant {
  let meaning: ScalarKind | undefined;
  let current = id;
  for (let depth = 0; depth < LONGEST_CHAIN; depth++) {
    const type = btf.type(current);
    if (type.kind === 'typedef' && Object.hasOwn(MEANINGS, type.name)) meaning ??= MEANINGS[type.name];
    switch (type.kind) {
      case 'typedef':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        current = type.type;
        break;
      default:
        return { id: current, type, meaning };
    }
  }
  throw damaged(`type ${id} refers to itself, or through more than ${LONGEST_CHAIN} others`);
}

/** Makes the kind of a struct, or, with a count, of an array of structs. */
type StructKind = (id: number, count: number | undefined) => FieldType | undefined;

/**
 * Converts a member of a struct to the type of a layout's field.
 * @returns `undefined` for a member without values, such as an empty struct
 */
export function fieldTypeOf(btf: Btf, member: BtfMember, structKind: StructKind): FieldType | undefined {
  const { id, type, meaning } = meant(btf, member.type);
  // In BTF from before Linux 4.20, a bitfield is an int with fewer bits than its size.
  const bitSize = member.bitSize || (type.kind === 'int' && type.bits < type.size * 8 ? type.bits : 0);
  if (bitSize > 0) return bitfieldOf(type, bitSize);
  if (type.kind === 'array') return arrayOf(btf, id, structKind);
  return meaning ?? singleOf(id, type, structKind);
}

function bitfieldOf(type: BtfType, bitSize: number): FieldType {
  const isSigned = 'isSigned' in type && type.isSigned;
  const kind = `${isSigned ? 'i' : 'u'}${bitSize <= 32 ? 32 : 64}:${bitSize}` as const;
  return type.kind === 'enum' || type.kind === 'enum64' ? enumOf(type, kind) : kind;
}

function singleOf(id: number, type: BtfType, structKind: StructKind): FieldType | undefined {
  switch (type.kind) {
    case 'struct':
    case 'union':
      if (Object.hasOwn(VALUE_STRUCTS, type.name) && type.size === 16) return VALUE_STRUCTS[type.name];
      return structKind(id, undefined);
    case 'int':
      return isText(type) ? 'char[1]' : scalarOf(type);
    default:
      return scalarOf(type);
  }
}

/** clang does not set BTF_INT_CHAR for `char`, so its name is compared. */
function isText(type: BtfType): boolean {
  return type.kind === 'int' && type.size === 1 && (type.isChar || type.name === 'char');
}

/**
 * The kind of a type that is not a struct or an array.
 * @throws PerfRingError ERR_PERF_BTF_DAMAGED if no member can have it
 */
function scalarOf(type: BtfType): FieldKind | EnumKind | undefined {
  switch (type.kind) {
    case 'ptr':
      return 'ptr';
    case 'int':
      if (type.isBool && type.size === 1) return 'bool';
      return integerOf(type.size, type.isSigned) ?? `bytes[${type.size}]`;
    case 'float':
      return type.size === 4 ? 'f32' : type.size === 8 ? 'f64' : `bytes[${type.size}]`;
    case 'enum':
    case 'enum64': {
      const kind = integerOf(type.size, type.isSigned);
      if (kind === undefined) throw damaged(`an enum has ${type.size} bytes`);
      return enumOf(type, kind);
    }
    default:
      throw damaged(`a member of a struct is of kind ${type.kind}`);
  }
}

const SIZES: readonly number[] = [1, 2, 4, 8];

function integerOf(size: number, isSigned: boolean): (EnumKind['as'] & ScalarKind) | undefined {
  return SIZES.includes(size) ? (`${isSigned ? 'i' : 'u'}${size * 8}` as 'u32') : undefined;
}

/**
 * The kind of an enum; a plain integer if it has no names, or is an ENUM of 8 bytes, whose values compilers truncate.
 */
function enumOf(
  type: BtfType & { kind: 'enum' | 'enum64' },
  as: NonNullable<EnumKind['as']>,
): EnumKind | FieldKind {
  const isCut = type.kind === 'enum' && type.size > 4;
  if (isCut || type.values.length === 0) return as as FieldKind;
  return { enum: Object.fromEntries(type.values.map(({ name, value }) => [name, value])), as };
}

/** The kind of an array. Arrays of arrays become one array, except `char[M][N]`. */
function arrayOf(btf: Btf, id: number, structKind: StructKind): FieldType | undefined {
  const counts: number[] = [];
  let element = meant(btf, id);
  while (element.type.kind === 'array') {
    counts.push(element.type.count);
    if (counts.length > LONGEST_CHAIN) throw damaged(`type ${id} is an array of itself`);
    element = meant(btf, element.type.type);
  }
  const { type } = element;
  const count = counts.reduce((product, one) => product * one, 1);
  const length = count === 0 ? '' : String(count);
  if (isText(type)) {
    if (counts.length === 2 && count > 0) return `char[${counts[0]}][${counts[1]}]` as FieldKind;
    return counts.length === 1 ? `char[${length}]` : `bytes[${length}]`;
  }
  const single =
    element.meaning ?? singleOf(element.id, type, (struct) => structKind(struct, count || undefined));
  if (type.kind === 'struct' || type.kind === 'union') {
    if (typeof single === 'string') return `${single as ScalarKind}[${length}]`;
    // A variable number of structs becomes raw bytes.
    return count === 0 ? 'bytes[]' : single;
  }
  if (single === 'u8') return `bytes[${length}]`;
  if (typeof single !== 'string') {
    const { enum: names, as = 'u32' } = single as EnumKind;
    return { enum: names, as: `${as as 'u32'}[${length}]` };
  }
  const bytes = /^bytes\[(\d+)\]$/.exec(single);
  if (bytes !== null) return `bytes[${count === 0 ? '' : count * Number(bytes[1])}]`;
  return `${single as ScalarKind}[${length}]`;
}

/** Whether a kind has variable length. */
export function flexible(kind: FieldType): boolean {
  const text = typeof kind === 'string' ? kind : 'as' in kind ? (kind.as ?? '') : '';
  return /\[(?:[A-Za-z_]\w*)?\]$/.test(text);
}
