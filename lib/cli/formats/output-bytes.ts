const FIRST_CAPACITY = 64 * 1024;

const ZERO = 0x30;
const MINUS = 0x2d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Digits of the greatest u32. */
const MOST_DIGITS = 10;
/** Whole numbers below this many times 2^32 are exact as a number. */
const EXACT_HIGH_WORDS = 0x20_0000;
const HALF = 1e8;
const HALF_DIGITS = 8;

/** '00', '01', … '99', as they lie in memory. */
const PAIRS = Uint16Array.from(
  { length: 100 },
  (_, pair) => ZERO + Math.floor(pair / 10) + ((ZERO + (pair % 10)) << 8),
);

/** '00', '01', … 'ff', as they lie in memory. */
const HEX = Uint16Array.from({ length: 256 }, (_, byte) =>
  Buffer.from(byte.toString(16).padStart(2, '0')).readUInt16LE(),
);
/** Longer bytes are written by native code. */
const MOST_HEX_BYTES = 256;

/** Bytes that can be read in place. */
interface Source {
  readonly size: number;
  u8(offset: number): number;
  u32(offset: number): number;
  bytes(): Uint8Array;
}

/** Bytes that are written often: as words, because fewer stores take less time. */
export interface Constant {
  readonly words: Int32Array;
  readonly length: number;
}

export function constantOf(text: string): Constant {
  const bytes = Buffer.from(text);
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return { words, length: bytes.length };
}

/**
 * Output as it is collected: bytes in one growing buffer. Numbers and text are written as bytes at once, without strings
 * in between: of a line with six fields the strings take 1 µs, the bytes a fifth of that.
 */
export class OutputBytes {
  #bytes = Buffer.alloc(0);
  #view = viewOf(this.#bytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Drops what was written after a length. */
  cutTo(length: number): void {
    this.#length = length;
  }

  /** The bytes so far. They belong to the caller; what comes next goes to a new buffer. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    if (this.#length > 0) this.#use(Buffer.allocUnsafe(Math.max(FIRST_CAPACITY, this.#length)));
    this.#length = 0;
    return taken;
  }

  constant({ words, length }: Constant): void {
    const count = words.length;
    // The last word may reach beyond the constant. What comes next overwrites those bytes.
    this.#reserve(count * 4);
    const view = this.#view;
    const start = this.#length;
    for (let index = 0; index < count; index++) {
      view.setInt32(start + index * 4, words[index] as number, true);
    }
    this.#length = start + length;
  }

  /** Text, as UTF-8. */
  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += this.#bytes.write(text, this.#length);
  }

  /** Bytes to be filled by the caller at once. */
  room(length: number): Uint8Array {
    this.#reserve(length);
    const from = this.#length;
    this.#length = from + length;
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + from, length);
  }

  /** A u32 as four bytes, the lowest first. */
  word(value: number): void {
    this.#reserve(4);
    this.#view.setInt32(this.#length, value, true);
    this.#length += 4;
  }

  /** A byte. */
  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** The decimal digits of an i32. */
  signed(value: number): void {
    if (value < 0) {
      this.byte(MINUS);
      this.unsigned(-value);
    } else {
      this.unsigned(value);
    }
  }

  /** The decimal digits of a u32. */
  unsigned(value: number): void {
    this.#reserve(MOST_DIGITS);
    if (value > 0x7fff_ffff) {
      // V8 divides integers above this as doubles.
      const tenth = Math.floor(value / 10);
      this.unsigned(tenth);
      this.byte(ZERO + (value - tenth * 10));
      return;
    }
    const view = this.#view;
    let rest = value | 0;
    let at = this.#length + digitsOf(rest);
    this.#length = at;
    while (rest >= 10) {
      const hundredth = (rest / 100) | 0;
      at -= 2;
      view.setUint16(at, PAIRS[rest - hundredth * 100] as number, true);
      rest = hundredth;
      if (rest === 0) return;
    }
    view.setUint8(at - 1, ZERO + rest);
  }

  /** The decimal digits of a u64, from its two halves. */
  unsigned64(high: number, low: number): void {
    if (high === 0) {
      this.unsigned(low);
    } else if (high < EXACT_HIGH_WORDS) {
      const value = high * 4_294_967_296 + low;
      let upper = Math.floor(value / HALF);
      let lower = value - upper * HALF;
      // The quotient may have been rounded up.
      if (lower < 0) {
        upper--;
        lower += HALF;
      }
      if (upper > 0) {
        this.unsigned(upper);
        this.#padded(lower);
      } else {
        this.unsigned(lower);
      }
    } else {
      this.text(String((BigInt(high) << 32n) | BigInt(low)));
    }
  }

  /** The decimal digits of a u64. */
  unsignedBigint(value: bigint): void {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) {
      this.text(String(value));
      return;
    }
    const high = Math.floor(number / 4_294_967_296);
    this.unsigned64(high, number - high * 4_294_967_296);
  }

  /** All bytes of a source, in hexadecimal. */
  hex(source: Source): void {
    const { size } = source;
    this.#reserve(size * 2);
    if (size > MOST_HEX_BYTES) {
      const { buffer, byteOffset, byteLength } = source.bytes();
      const text = Buffer.from(buffer, byteOffset, byteLength).toString('hex');
      this.#length += this.#bytes.write(text, this.#length, 'latin1');
      return;
    }
    const view = this.#view;
    const words = size & ~3;
    let at = this.#length;
    for (let offset = 0; offset < words; offset += 4, at += 8) {
      const word = source.u32(offset);
      view.setUint16(at, HEX[word & 0xff] as number, true);
      view.setUint16(at + 2, HEX[(word >>> 8) & 0xff] as number, true);
      view.setUint16(at + 4, HEX[(word >>> 16) & 0xff] as number, true);
      view.setUint16(at + 6, HEX[word >>> 24] as number, true);
    }
    for (let offset = words; offset < size; offset++, at += 2) {
      view.setUint16(at, HEX[source.u8(offset)] as number, true);
    }
    this.#length = at;
  }

  /**
   * Text that `length` bytes of a source hold up to the first NUL, as a JSON string; only if all are printable ASCII
   * that needs no escape.
   * @param byteAt reads a byte of the source
   * @returns whether it was written
   */
  plainText(source: { u8(offset: number): number }, offset: number, length: number): boolean {
    this.#reserve(length + 2);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = QUOTE;
    for (let index = 0; index < length; index++) {
      const byte = source.u8(offset + index);
      if (byte === 0) break;
      if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return false;
      bytes[at++] = byte;
    }
    bytes[at++] = QUOTE;
    this.#length = at;
    return true;
  }

  /** Eight digits, with zeros in front. */
  #padded(value: number): void {
    this.#reserve(HALF_DIGITS);
    const view = this.#view;
    const start = this.#length;
    let rest = value | 0;
    for (let at = start + HALF_DIGITS - 2; at >= start; at -= 2) {
      const hundredth = (rest / 100) | 0;
      view.setUint16(at, PAIRS[rest - hundredth * 100] as number, true);
      rest = hundredth;
    }
    this.#length = start + HALF_DIGITS;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes > this.#bytes.length) this.#grow(bytes);
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafe(Math.max(FIRST_CAPACITY, this.#bytes.length * 2, this.#length + bytes));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#use(grown);
  }

  #use(bytes: Buffer<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer<ArrayBuffer>): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Number of decimal digits of a whole number below 2^31. */
function digitsOf(value: number): number {
  if (value < 10_000) {
    if (value < 100) return value < 10 ? 1 : 2;
    return value < 1000 ? 3 : 4;
  }
  if (value < 100_000_000) {
    if (value < 1_000_000) return value < 100_000 ? 5 : 6;
    return value < 10_000_000 ? 7 : 8;
  }
  return value < 1_000_000_000 ? 9 : 10;
}
