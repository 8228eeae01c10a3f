import type { RingRecord, SampleLayout } from '../../index';
import type { RecordFormat } from './record-format';

const LENGTH_BYTES = 4;
const LONGEST_PADDING = 8;
const FIRST_CAPACITY = 64 * 1024;

/** Only the payloads of the samples, each preceded by its length in bytes as a little-endian u32. See docs/cli.md. */
export class RawFormat implements RecordFormat {
  /** Bytes of a sample, if all have the same number; otherwise undefined. */
  readonly #payloadBytes: number | undefined;
  readonly unfit = 0;
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #used = 0;

  /** @param layout the layout of the samples, so that the kernel's padding can be cut off; undefined when unknown */
  constructor(layout: SampleLayout | undefined) {
    const isOfFixedSize = layout?.fields.at(-1)?.size !== 0;
    this.#payloadBytes = isOfFixedSize ? layout?.size : undefined;
  }

  begin(): void {}

  sample(record: RingRecord): void {
    const length = this.#lengthOf(record);
    this.#reserve(LENGTH_BYTES + length);
    this.#bytes.writeUInt32LE(length, this.#used);
    const from = this.#used + LENGTH_BYTES;
    record.copyTo(this.#bytes.subarray(from, from + length));
    this.#used = from + length;
  }

  lost(): void {}

  other(): void {}

  snapshot(): void {}

  /** The returned bytes belong to the caller; the next samples go to a new buffer. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#used);
    if (this.#used > 0) this.#bytes = Buffer.allocUnsafe(Math.max(FIRST_CAPACITY, this.#used));
    this.#used = 0;
    return taken;
  }

  /** The payload's length without the kernel's padding, which has less than 8 bytes. A ring buffer map has none. */
  #lengthOf({ size, recordSize }: RingRecord): number {
    const padding = size - (this.#payloadBytes ?? size);
    return padding > 0 && padding < LONGEST_PADDING && recordSize > 0 ? size - padding : size;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#used + bytes));
    this.#bytes.copy(grown, 0, 0, this.#used);
    this.#bytes = grown;
  }
}
