import * as abi from '../../lib/abi/btf';

/** A type to write. */
export interface WrittenType {
  readonly kind: number;
  readonly name?: string;
  /** vlen: the number of members, values or parameters that follow. */
  readonly count?: number;
  /** kind_flag. */
  readonly flag?: boolean;
  /** The size, or the type that it refers to. */
  readonly last?: number;
  /** The words after struct btf_type. A string stands for its offset among the names. */
  readonly words?: readonly (number | string)[];
}

/** Writes BTF, well-formed or not. */
export class BtfBytes {
  readonly #words: number[] = [];
  readonly #names = new Map<string, number>();
  #strings = '';
  #nextId: number;
  readonly #firstName: number;

  /** @param base for split BTF: how many types and bytes of names its base has */
  constructor(base: { readonly types: number; readonly nameBytes: number } = { types: 0, nameBytes: 0 }) {
    this.#nextId = base.types + 1;
    this.#firstName = base.nameBytes;
    this.#name('');
  }

  /** @returns the id of the type */
  add({ kind, name = '', count = 0, flag = false, last = 0, words = [] }: WrittenType): number {
    const info = ((kind << 24) | count | (flag ? 0x8000_0000 : 0)) >>> 0;
    this.#words.push(this.#name(name), info, last >>> 0);
    // Not push(...words): there may be more words than a call can have arguments.
    for (const word of words) this.#words.push(typeof word === 'string' ? this.#name(word) : word >>> 0);
    return this.#nextId++;
  }

  int(name: string, size: number, encoding = 0): number {
    return this.add({
      kind: abi.BTF_KIND_INT,
      name,
      last: size,
      words: [(encoding << 24) | (size * 8)],
    });
  }

  /** @param members name, type id and offset in bits of each */
  struct(name: string, size: number, members: readonly (readonly [string, number, number])[]): number {
    return this.add({
      kind: abi.BTF_KIND_STRUCT,
      name,
      count: members.length,
      last: size,
      words: members.flat(),
    });
  }

  array(type: number, count: number): number {
    return this.add({ kind: abi.BTF_KIND_ARRAY, words: [type, type, count] });
  }

  get nameBytes(): number {
    return this.#strings.length;
  }

  bytes(): Uint8Array {
    const typeBytes = this.#words.length * 4;
    const bytes = Buffer.alloc(abi.BTF_HEADER_BYTES + typeBytes + this.#strings.length);
    bytes.writeUInt16LE(abi.BTF_MAGIC, 0);
    bytes.writeUInt8(abi.BTF_VERSION, 2);
    bytes.writeUInt32LE(abi.BTF_HEADER_BYTES, abi.BTF_HEADER_HDR_LEN);
    bytes.writeUInt32LE(typeBytes, abi.BTF_HEADER_TYPE_LEN);
    bytes.writeUInt32LE(typeBytes, abi.BTF_HEADER_STR_OFF);
    bytes.writeUInt32LE(this.#strings.length, abi.BTF_HEADER_STR_LEN);
    this.#words.forEach((word, index) => bytes.writeUInt32LE(word, abi.BTF_HEADER_BYTES + index * 4));
    bytes.write(this.#strings, abi.BTF_HEADER_BYTES + typeBytes, 'latin1');
    return bytes;
  }

  #name(name: string): number {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    // Split BTF takes the empty name from its base.
    const offset = name === '' ? 0 : this.#firstName + this.#strings.length;
    if (name !== '' || this.#firstName === 0) this.#strings += `${name}\0`;
    this.#names.set(name, offset);
    return offset;
  }
}
