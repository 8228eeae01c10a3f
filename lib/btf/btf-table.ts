import * as abi from '../abi/btf';
import { PerfRingError } from '../errors';

/** Number of words after struct btf_type, by BTF_KIND_*: a fixed number, and a number for each of its `vlen` parts. */
const FOLLOWING = new Map<number, readonly [fixed: number, each: number]>([
  [abi.BTF_KIND_INT, [1, 0]],
  [abi.BTF_KIND_PTR, [0, 0]],
  [abi.BTF_KIND_ARRAY, [abi.BTF_ARRAY_WORDS, 0]],
  [abi.BTF_KIND_STRUCT, [0, abi.BTF_MEMBER_WORDS]],
  [abi.BTF_KIND_UNION, [0, abi.BTF_MEMBER_WORDS]],
  [abi.BTF_KIND_ENUM, [0, abi.BTF_ENUM_WORDS]],
  [abi.BTF_KIND_FWD, [0, 0]],
  [abi.BTF_KIND_TYPEDEF, [0, 0]],
  [abi.BTF_KIND_VOLATILE, [0, 0]],
  [abi.BTF_KIND_CONST, [0, 0]],
  [abi.BTF_KIND_RESTRICT, [0, 0]],
  [abi.BTF_KIND_FUNC, [0, 0]],
  [abi.BTF_KIND_FUNC_PROTO, [0, abi.BTF_PARAM_WORDS]],
  [abi.BTF_KIND_VAR, [1, 0]],
  [abi.BTF_KIND_DATASEC, [0, abi.BTF_VAR_SECINFO_WORDS]],
  [abi.BTF_KIND_FLOAT, [0, 0]],
  [abi.BTF_KIND_DECL_TAG, [1, 0]],
  [abi.BTF_KIND_TYPE_TAG, [0, 0]],
  [abi.BTF_KIND_ENUM64, [0, abi.BTF_ENUM64_WORDS]],
]);

/** The kind of a type, from its `info` word: BTF_KIND_*. */
export function kindOf(info: number): number {
  return (info >>> 24) & 0x1f;
}

/** Number of members, values or parameters of a type, from its `info` word. */
export function countOf(info: number): number {
  return info & 0xffff;
}

/** The two sections of BTF: types and names. */
export interface BtfTable {
  /** The type section, as words of 4 bytes. */
  readonly words: Uint32Array;
  /** Where each type begins in `words`. */
  readonly starts: TypeStarts;
  /** Names, each ended by a NUL. */
  readonly strings: Uint8Array;
}

/**
 * Checks the header. The types are gone through when they are asked for: see {@link TypeStarts}.
 * @param bytes are not copied: nothing may change them afterwards
 * @throws PerfRingError ERR_PERF_BTF_DAMAGED
 */
export function btfTable(bytes: Uint8Array): BtfTable {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = checkHeader(view);
  const typeBytes = view.getUint32(abi.BTF_HEADER_TYPE_LEN, true);
  const typesAt = headerBytes + view.getUint32(abi.BTF_HEADER_TYPE_OFF, true);
  const stringBytes = view.getUint32(abi.BTF_HEADER_STR_LEN, true);
  const stringsAt = headerBytes + view.getUint32(abi.BTF_HEADER_STR_OFF, true);
  if (typesAt + typeBytes > bytes.length || stringsAt + stringBytes > bytes.length) {
    throw damaged(`its sections end after its ${bytes.length} bytes`);
  }
  if (typeBytes % 4 !== 0)
    throw damaged(`its type section has ${typeBytes} bytes, which is not a multiple of 4`);
  const words = wordsOf(bytes, typesAt, typeBytes / 4);
  const strings = new Uint8Array(bytes.buffer, bytes.byteOffset + stringsAt, stringBytes);
  if (strings.length > 0 && strings[strings.length - 1] !== 0)
    throw damaged('its names do not end with a NUL');
  return { words, starts: new TypeStarts(words), strings };
}

/** A view of the words, or a copy when they are not aligned. */
function wordsOf(bytes: Uint8Array, from: number, count: number): Uint32Array {
  const { buffer, byteOffset } = bytes;
  const start = byteOffset + from;
  if (start % 4 === 0) return new Uint32Array(buffer, start, count);
  return new Uint32Array(new Uint8Array(new Uint8Array(buffer, start, count * 4)).buffer);
}

/** Checks the header. @returns its size, bytes */
function checkHeader(view: DataView): number {
  if (view.byteLength < abi.BTF_HEADER_BYTES) {
    throw damaged(`it has ${view.byteLength} bytes, and its header alone ${abi.BTF_HEADER_BYTES}`);
  }
  const magic = view.getUint16(0, true);
  if (magic === swapped(abi.BTF_MAGIC)) {
    throw damaged('it is big-endian; perfring reads little-endian BTF only');
  }
  if (magic !== abi.BTF_MAGIC)
    throw damaged(`it begins with 0x${magic.toString(16)}, and is neither an ELF file nor BTF`);
  const version = view.getUint8(2);
  if (version !== abi.BTF_VERSION) throw damaged(`its version is ${version}, not ${abi.BTF_VERSION}`);
  const headerBytes = view.getUint32(abi.BTF_HEADER_HDR_LEN, true);
  if (headerBytes < abi.BTF_HEADER_BYTES) throw damaged(`its header has ${headerBytes} bytes`);
  return headerBytes;
}

function swapped(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

/**
 * Where each type begins, in one pass over the type section. The pass goes as far as a type is asked for: the kernel has
 * more than 100,000 types, and its best known ones are among the first.
 */
class TypeStarts {
  readonly #words: Uint32Array;
  readonly #starts: Uint32Array;
  /** Number of types that the pass has found. */
  #found = 0;
  /** Word where the pass continues. */
  #next = 0;

  constructor(words: Uint32Array) {
    this.#words = words;
    this.#starts = new Uint32Array(Math.ceil(words.length / abi.BTF_TYPE_WORDS));
  }

  /**
   * Index in the words of the first word of a type; `undefined` after the last type.
   * @throws PerfRingError ERR_PERF_BTF_DAMAGED for a type of an unknown kind, or one that reaches beyond the section
   */
  at(index: number): number | undefined {
    if (index >= this.#found) this.#continue(index);
    return index < this.#found ? this.#starts[index] : undefined;
  }

  /** Number of types. @throws like {@link at} */
  get count(): number {
    this.complete();
    return this.#found;
  }

  /** Goes on to the last type, so that damaged bytes are found. @throws like {@link at} */
  complete(): void {
    this.#continue(Number.POSITIVE_INFINITY);
  }

  #continue(index: number): void {
    const words = this.#words;
    const starts = this.#starts;
    let found = this.#found;
    let at = this.#next;
    // A little further than asked, so that a search calls this seldom.
    const enough = index + FURTHER;
    while (found < enough && at < words.length) {
      const info = words[at + 1] ?? 0;
      const kind = kindOf(info);
      const length = FIXED_WORDS[kind] as number;
      if (length === -1) throw damaged(`type ${found + 1} is of the unknown kind ${kind}`);
      starts[found++] = at;
      at += length + (WORDS_OF_EACH[kind] as number) * countOf(info);
    }
    if (at > words.length) throw damaged(`type ${found} reaches beyond the type section`);
    this.#found = found;
    this.#next = at;
  }
}

const FURTHER = 256;

/** Number of words of a type by its kind, without its parts; -1 for unknown kinds. */
const FIXED_WORDS = new Int32Array(32).fill(-1);
/** Number of words of each part of a type, by its kind. */
const WORDS_OF_EACH = new Int32Array(32);
for (const [kind, [fixedWords, eachWords]] of FOLLOWING) {
  FIXED_WORDS[kind] = abi.BTF_TYPE_WORDS + fixedWords;
  WORDS_OF_EACH[kind] = eachWords;
}

export function damaged(what: string): PerfRingError {
  return new PerfRingError('ERR_PERF_BTF_DAMAGED', `the BTF can't be read: ${what}`);
}
