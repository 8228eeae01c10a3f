import type { RingRecord, SampleLayout } from '../../index';
import type { RecordFormat } from './record-format';

const LENGTH_BYTES = 4;
const FIRST_CAPACITY = 64 * 1024;

/** The payloads of the samples and nothing else, each after its length: a little-endian u32. See docs/cli.md. */
export class RawFormat implements RecordFormat {
  readonly #payloadBytes: number;
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  #used = 0;

  /** @param layout when the samples' is known: then what the kernel padded is cut off */
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

  /** The bytes are the taker's: the next ones are gathered elsewhere. */
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
