/** A member of a struct or a union. */
export interface BtfMember {
  /** Empty for an anonymous struct or union. */
  readonly name: string;
  /** Id of its type. */
  readonly type: number;
  /** Offset from the start of the struct, bits. */
  readonly bitOffset: number;
  /** Number of bits of a bitfield; 0 for other members. */
  readonly bitSize: number;
}

/** A name of an enum, and its value. */
export interface BtfEnumValue {
  readonly name: string;
  readonly value: number | bigint;
}

/** A parameter of a function. A last parameter of type 0 without a name is `...`. */
export interface BtfParameter {
  readonly name: string;
  readonly type: number;
}

/** Place of a variable in its section. */
export interface BtfVariable {
  /** Id of the variable's `var` type. */
  readonly type: number;
  /** Offset from the start of the section, bytes; 0 for all variables in an object file as compiled by clang. */
  readonly offset: number;
  readonly size: number;
}

/** Linkage of a variable or a function. */
export type BtfLinkage = 'static' | 'global' | 'extern';

/**
 * A type in BTF. References to other types are ids. `size` is in bytes; `bits` and `bitOffset` are in bits. The name of
 * an anonymous type is empty.
 * @see https://docs.kernel.org/bpf/btf.html
 */
export type BtfType =
  | { readonly kind: 'void' }
  | {
      readonly kind: 'int';
      readonly name: string;
      readonly size: number;
      /** Number of bits used, of `size` bytes. */
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

/** The kind of a type. */
export type BtfKind = BtfType['kind'];

/** The kinds, indexed by BTF_KIND_*. */
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
