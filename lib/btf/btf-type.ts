/** A member of a struct or a union. */
export interface BtfMember {
  /** Empty for an anonymous struct or union. */
  readonly name: string;
  readonly type: number;
  /** Bits from the beginning of the struct. */
  readonly bitOffset: number;
  /** Bits, of a bitfield; 0 for other members. */
  readonly bitSize: number;
}

/** A name of an enum, and its number. */
export interface BtfEnumValue {
  readonly name: string;
  readonly value: number | bigint;
}

/** A parameter of a function; one of type 0 without a name at the end is `...`. */
export interface BtfParameter {
  readonly name: string;
  readonly type: number;
}

/** Where a variable lies in its section. */
export interface BtfVariable {
  readonly type: number;
  /** Bytes from the beginning of the section; 0 for all in an object file of clang's: see {@link Btf.parse}. */
  readonly offset: number;
  readonly size: number;
}

/** How a variable or a function is linked. */
export type BtfLinkage = 'static' | 'global' | 'extern';

/**
 * A type, as BTF has it; other types are named by their ids. Sizes are in bytes, offsets and sizes of bits in bits. Names are
 * empty where a type has none.
 * @see https://docs.kernel.org/bpf/btf.html
 */
export type BtfType =
  | { readonly kind: 'void' }
  | {
      readonly kind: 'int';
      readonly name: string;
      readonly size: number;
      /** Bits that count, of `size` bytes. */
      readonly bits: number;
      readonly bitOffset: number;
      readonly isSigned: boolean;
      readonly isChar: boolean;
      readonly isBool: boolean;
    }
  | { readonly kind: 'float'; readonly name: string; readonly size: number }
  | {
      readonly kind: 'enum' | 'enum64';
      readonly name: string;
      readonly size: number;
      readonly isSigned: boolean;
      readonly values: readonly BtfEnumValue[];
    }
  | {
      readonly kind: 'struct' | 'union';
      readonly name: string;
      readonly size: number;
      readonly members: readonly BtfMember[];
    }
  | {
      readonly kind: 'array';
      readonly type: number;
      readonly indexType: number;
      readonly count: number;
    }
  | { readonly kind: 'ptr' | 'const' | 'volatile' | 'restrict'; readonly type: number }
  | { readonly kind: 'typedef' | 'type_tag'; readonly name: string; readonly type: number }
  | { readonly kind: 'fwd'; readonly name: string; readonly isUnion: boolean }
  | {
      readonly kind: 'var' | 'func';
      readonly name: string;
      readonly type: number;
      readonly linkage: BtfLinkage;
    }
  | { readonly kind: 'func_proto'; readonly returnType: number; readonly parameters: readonly BtfParameter[] }
  | {
      readonly kind: 'datasec';
      readonly name: string;
      readonly size: number;
      readonly variables: readonly BtfVariable[];
    }
  | {
      readonly kind: 'decl_tag';
      readonly name: string;
      readonly type: number;
      /** Index of the member or parameter that is tagged; -1 for the type itself. */
      readonly component: number;
    };

/** What kind of type it is. */
export type BtfKind = BtfType['kind'];

/** By BTF_KIND_*. */
export const BTF_KINDS: readonly BtfKind[] = [
  'void',
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
];
