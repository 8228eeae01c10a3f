/** Number of slots in the cache: a power of two. A machine has up to a few hundred thread names. */
const SLOTS = 256;

/** Length of the fields whose strings are cached, bytes: TASK_COMM_LEN. */
export const CACHED_STRING_BYTES = 16;

/** Decodes a UTF-8 field of fixed length, up to its first NUL. */
export function decodeFixedString(bytes: Buffer, start: number, length: number): string {
  const nul = bytes.subarray(start, start + length).indexOf(0);
  return bytes.toString('utf8', start, nul === -1 ? start + length : start + nul);
}

/**
 * A direct-mapped cache of the strings of 16-byte fields, keyed by the field's four words. A hit takes 3 ns, decoding
 * 40 to 90 ns. It holds at most 256 strings; a new string overwrites the one in its slot.
 */
export class StringCache {
  readonly #keys = new Int32Array(SLOTS * 4);
  readonly #values: string[] = new Array<string>(SLOTS).fill('');
  /** Copy of the words that were read, for decoding: a hostile writer may have changed them in the ring since. */
  readonly #missed = Buffer.alloc(CACHED_STRING_BYTES);

  /** @param start offset of the 16-byte field in `view` */
  read(view: DataView<ArrayBufferLike>, start: number): string {
    const a = view.getInt32(start, true);
    const b = view.getInt32(start + 4, true);
    const c = view.getInt32(start + 8, true);
    const d = view.getInt32(start + 12, true);
    const mixed = Math.imul(a ^ (b >>> 7) ^ (c << 5) ^ (d >>> 3), 0x9e3779b1);
    const slot = (mixed >>> 24) & (SLOTS - 1);
    const keys = this.#keys;
    const at = slot * 4;
    if (keys[at] === a && keys[at + 1] === b && keys[at + 2] === c && keys[at + 3] === d) {
      return this.#values[slot] as string;
    }
    const missed = this.#missed;
    missed.writeInt32LE(a, 0);
    missed.writeInt32LE(b, 4);
    missed.writeInt32LE(c, 8);
    missed.writeInt32LE(d, 12);
    const value = decodeFixedString(missed, 0, CACHED_STRING_BYTES);
    keys[at] = a;
    keys[at + 1] = b;
    keys[at + 2] = c;
    keys[at + 3] = d;
    this.#values[slot] = value;
    return value;
  }
}
