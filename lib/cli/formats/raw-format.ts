import type { RingRecord, SampleLayout } from '../../index';
import { type KnownLayout, layoutChooser, layoutsOf } from './fitting-decoder';
import { OutputBytes } from './output-bytes';
import type { RecordFormat } from './record-format';

const LONGEST_PADDING = 8;
/** Up to this many bytes, copying word by word costs less than making the view that a longer copy needs. */
const SHORT_BYTES = 128;

/** Only the payloads of the samples, each preceded by its length in bytes as a little-endian u32. See docs/cli.md. */
export class RawFormat implements RecordFormat {
  readonly #layoutOf: (record: RingRecord) => SampleLayout | undefined;
  readonly #lengths: ReadonlyMap<SampleLayout, Length>;
  readonly unfit = 0;
  readonly #output = new OutputBytes();

  /** @param layout the layout of the samples, so that the kernel's padding can be cut off; undefined when unknown */
  constructor(layout: KnownLayout) {
    this.#layoutOf = layoutChooser(layout);
    this.#lengths = new Map(layoutsOf(layout).map((one) => [one, lengthOf(one)]));
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
  #lengthOf(record: RingRecord): number {
    const { size, recordSize } = record;
    const layout = this.#layoutOf(record);
    const payloadBytes = layout === undefined ? size : (this.#lengths.get(layout)?.(record) ?? size);
    const padding = size - payloadBytes;
    return padding > 0 && padding < LONGEST_PADDING && recordSize > 0 ? size - padding : size;
  }
}

/** The number of bytes of a sample; undefined when unknown. */
type Length = (record: RingRecord) => number | undefined;

function lengthOf({ fields, size }: SampleLayout): Length {
  const last = fields.at(-1);
  if (last?.size !== 0) return () => size;
  // Text or bytes, whose length is in a field before them.
  const [, lengthField] = /^(?:char|bytes)\[(\w+)\]$/.exec(last.kind) ?? [];
  const length = fields.find(({ name, kind }) => name === lengthField && kind === 'u32');
  if (length === undefined) return () => undefined;
  return (record) => (record.size < size ? undefined : size + record.u32(length.offset));
}
