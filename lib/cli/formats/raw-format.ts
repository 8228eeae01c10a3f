import type { RingRecord, SampleLayout } from '../../index';
import { OutputBytes } from './output-bytes';
import type { RecordFormat } from './record-format';

const LONGEST_PADDING = 8;
/** Up to this many bytes, copying word by word costs less than making the view that a longer copy needs. */
const SHORT_BYTES = 128;

/** Only the payloads of the samples, each preceded by its length in bytes as a little-endian u32. See docs/cli.md. */
export class RawFormat implements RecordFormat {
  /** Bytes of a sample, if all have the same number; otherwise undefined. */
  readonly #payloadBytes: number | undefined;
  readonly unfit = 0;
  readonly #output = new OutputBytes();

  /** @param layout the layout of the samples, so that the kernel's padding can be cut off; undefined when unknown */
  constructor(layout: SampleLayout | undefined) {
    const isOfFixedSize = layout?.fields.at(-1)?.size !== 0;
    this.#payloadBytes = isOfFixedSize ? layout?.size : undefined;
  }

  begin(): void {}

  sample(record: RingRecord): void {
    const output = this.#output;
    const length = this.#lengthOf(record);
    output.word(length);
    if (length > SHORT_BYTES) {
      record.copyTo(output.room(length));
      return;
    }
    const words = length & ~3;
    let at = 0;
    for (; at < words; at += 4) output.word(record.u32(at));
    for (; at < length; at++) output.byte(record.u8(at));
  }

  lost(): void {}

  other(): void {}

  snapshot(): void {}

  take(): Uint8Array {
    return this.#output.take();
  }

  /** The payload's length without the kernel's padding, which has less than 8 bytes. A ring buffer map has none. */
  #lengthOf({ size, recordSize }: RingRecord): number {
    const padding = size - (this.#payloadBytes ?? size);
    return padding > 0 && padding < LONGEST_PADDING && recordSize > 0 ? size - padding : size;
  }
}
