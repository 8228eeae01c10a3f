import type { RingRecord, SampleLayout } from '../../index';
import type { RecordFormat } from './record-format';

const LENGTH_BYTES = 4;
const FIRST_CAPACITY = 64 * 1024;

/** Only the payloads of the samples, each preceded by its length in bytes as a little-endian u32. See docs/cli.md. */
export class RawFormat implements RecordFormat {
  readonly #payloadBytes: number;
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #used = 0;

  /** @param layout the layout of the samples, so that the kernel's padding can be cut off; undefined when unknown */
  constructor(layout: SampleLayout | undefined) {
    this.#payloadBytes = layout?.size ?? Number.POSITIVE_INFINITY;
  }

  begin(): void {}

  sample(record: RingRecord): void {
    const length = Math.min(record.size, this.#payloadBytes);
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

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#used + bytes));
    this.#bytes.copy(grown, 0, 0, this.#used);
    this.#bytes = grown;
  }
}
