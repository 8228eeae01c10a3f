/** Reads the values of a feature section, one after the other. A read past its end throws a RangeError. */
export class FeatureBytes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isLittle: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, isLittle: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#isLittle = isLittle;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), this.#isLittle);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), this.#isLittle);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), this.#isLittle);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), this.#isLittle);
  }

  /** A copy. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  /** UTF-8 up to the first NUL, in a field of `length` bytes. */
  text(length: number): string {
    const field = Buffer.from(this.bytes(length));
    const end = field.indexOf(0);
    return field.toString('utf8', 0, end === -1 ? field.length : end);
  }

  /** struct perf_header_string: u32 len, char string[len]. */
  string(): string {
    return this.text(this.u32());
  }

  /** A u32 that counts what follows. */
  count(leastBytes: number): number {
    const count = this.u32();
    if (count * leastBytes > this.left) throw new RangeError(`${count} entries do not fit into it`);
    return count;
  }

  #take(length: number): number {
    if (length > this.left) throw new RangeError(`it has no ${length} bytes at ${this.#at}`);
    const at = this.#at;
    this.#at += length;
    return at;
  }
}

/** perf pads its strings to a multiple of this. */
const STRING_ALIGNMENT = 64;

/** Writes the values of a feature section, little-endian. */
export class FeatureWriter {
  readonly #parts: Uint8Array[] = [];

  u16(value: number): this {
    const part = Buffer.alloc(2);
    part.writeUInt16LE(value);
    return this.bytes(part);
  }

  u32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value >>> 0);
    return this.bytes(part);
  }

  u64(value: bigint): this {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt.asUintN(64, value));
    return this.bytes(part);
  }

  bytes(part: Uint8Array): this {
    this.#parts.push(part);
    return this;
  }

  string(text: string): this {
    const length = Buffer.byteLength(text) + 1;
    const padded = Buffer.alloc(Math.ceil(length / STRING_ALIGNMENT) * STRING_ALIGNMENT);
    padded.write(text);
    return this.u32(padded.length).bytes(padded);
  }

  done(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}
