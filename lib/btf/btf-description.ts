import * as abi from '../abi/btf';
import { countOf, damaged, kindOf } from './btf-table';
import { BTF_KINDS, type BtfEnumValue, type BtfKind, type BtfLinkage, type BtfType } from './btf-type';

const VARIABLE_LINKAGES: readonly BtfLinkage[] = ['static', 'global', 'extern'];
const FUNCTION_LINKAGES: readonly BtfLinkage[] = ['static', 'global', 'extern'];

/**
 * Describes the type that begins at the word `start`. {@link btfTable} has checked that the type is complete.
 * @param nameAt returns the name at an offset of the names
 * @throws PerfRingError ERR_PERF_BTF_DAMAGED
 */
export function describedType(
  words: Uint32Array,
  start: number,
  nameAt: (offset: number) => string,
): BtfType {
  const word = (index: number): number => words[start + index] as number;
  const info = word(1);
  const kind = BTF_KINDS[kindOf(info)] as BtfKind;
  const isFlagged = info >>> 31 === 1;
  /** The size for INT, ENUM, ENUM64, STRUCT, UNION, DATASEC and FLOAT; for others, the id of the type they refer to. */
  const last = word(2);
  const name = nameAt(word(0));
  /** Describes the parts after struct btf_type. `part` gets the index of a part's first word. */
  const parts = <Part>(partWords: number, part: (at: number) => Part): Part[] =>
    Array.from({ length: countOf(info) }, (_, index) => part(abi.BTF_TYPE_WORDS + index * partWords));
  switch (kind) {
    case 'int':
      return { kind, name, size: last, ...intOf(word(3)) };
    case 'float':
      return { kind, name, size: last };
    case 'struct':
    case 'union':
      return {
        kind,
        name,
        size: last,
        members: parts(abi.BTF_MEMBER_WORDS, (at) => ({
          name: nameAt(word(at)),
          type: word(at + 1),
          // With the flag, the upper 8 bits are the size of a bitfield.
          bitOffset: isFlagged ? word(at + 2) & 0xff_ffff : word(at + 2),
          bitSize: isFlagged ? word(at + 2) >>> 24 : 0,
        })),
      };
    case 'enum':
      return {
        kind,
        name,
        size: last,
        isSigned: isFlagged,
        values: parts(abi.BTF_ENUM_WORDS, (at) => ({
          name: nameAt(word(at)),
          value: isFlagged ? word(at + 1) | 0 : word(at + 1),
        })),
      };
    case 'enum64':
      return {
        kind,
        name,
        size: last,
        isSigned: isFlagged,
        values: parts(abi.BTF_ENUM64_WORDS, (at): BtfEnumValue => {
          const value = (BigInt(word(at + 2)) << 32n) | BigInt(word(at + 1));
          return { name: nameAt(word(at)), value: isFlagged ? BigInt.asIntN(64, value) : value };
        }),
      };
    case 'array':
      return { kind, type: word(3), indexType: word(4), count: word(5) };
    case 'ptr':
    case 'const':
    case 'volatile':
    case 'restrict':
      return { kind, type: last };
    case 'typedef':
    case 'type_tag':
      return { kind, name, type: last };
    case 'fwd':
      return { kind, name, isUnion: isFlagged };
    case 'func':
      // A function has its linkage in the bits that are the count of parts in other types.
      return { kind, name, type: last, linkage: linkageOf(FUNCTION_LINKAGES, countOf(info)) };
    case 'var':
      return { kind, name, type: last, linkage: linkageOf(VARIABLE_LINKAGES, word(3)) };
    case 'func_proto':
      return {
        kind,
        returnType: last,
        parameters: parts(abi.BTF_PARAM_WORDS, (at) => ({ name: nameAt(word(at)), type: word(at + 1) })),
      };
    case 'datasec':
      return {
        kind,
        name,
        size: last,
        variables: parts(abi.BTF_VAR_SECINFO_WORDS, (at) => ({
          type: word(at),
          offset: word(at + 1),
          size: word(at + 2),
        })),
      };
    case 'decl_tag':
      return { kind, name, type: last, component: word(3) | 0 };
    case 'void':
      throw damaged('a type is of kind 0');
  }
}

/** @see BTF_INT_ENCODING, BTF_INT_OFFSET, BTF_INT_BITS */
function intOf(word: number) {
  const encoding = (word >>> 24) & 0xf;
  return {
    bits: word & 0xff,
    bitOffset: (word >>> 16) & 0xff,
    isSigned: (encoding & abi.BTF_INT_SIGNED) !== 0,
    isChar: (encoding & abi.BTF_INT_CHAR) !== 0,
    isBool: (encoding & abi.BTF_INT_BOOL) !== 0,
  };
}

function linkageOf(linkages: readonly BtfLinkage[], index: number): BtfLinkage {
  const linkage = linkages[index];
  if (linkage === undefined) throw damaged(`a linkage is ${index}`);
  return linkage;
}
