import {
  decoderFor,
  type FieldValue,
  type RingRecord,
  type SampleLayout,
  type UnionLayout,
} from '../../index';
import { codeOf } from '../failure';

/** The layout of the samples: of all alike, of several programs, or undefined when unknown. */
export type KnownLayout = SampleLayout | UnionLayout<unknown> | undefined;

type Fields = Readonly<Record<string, FieldValue>>;

/** All layouts of the samples, in order. */
export function layoutsOf(layout: KnownLayout): readonly SampleLayout[] {
  if (layout === undefined) return [];
  return 'cases' in layout ? layout.cases.map((one) => one.layout) : [layout];
}

/** Makes a function that returns the layout of a sample; undefined when unknown. */
export function layoutChooser(layout: KnownLayout): (record: RingRecord) => SampleLayout | undefined {
  if (layout === undefined || !('cases' in layout)) return () => layout;
  const { tag, cases } = layout;
  const layouts = new Map(cases.map((one) => [Number(one.value), one.layout]));
  // The programs of a union are built-in ones, whose tag is a u32.
  return (record) => (record.size < tag.offset + 4 ? undefined : layouts.get(record.u32(tag.offset)));
}

/** Decodes samples, and counts those that are too short for the layout. */
export class FittingDecoder {
  /** Samples that were too short. */
  unfit = 0;
  /** The layout of a sample; undefined when unknown. */
  readonly layoutOf: (record: RingRecord) => SampleLayout | undefined;
  readonly #decoders: ReadonlyMap<SampleLayout, (record: RingRecord) => Fields>;

  /** @param layout undefined when unknown: then nothing is decoded */
  constructor(layout: KnownLayout) {
    this.layoutOf = layoutChooser(layout);
    this.#decoders = new Map(layoutsOf(layout).map((one) => [one, decoderFor(one)]));
  }

  /** The fields of a sample; undefined when the layout is unknown or the sample is too short for it. */
  decode(record: RingRecord): Fields | undefined {
    const layout = this.layoutOf(record);
    if (layout === undefined) return undefined;
    try {
      return this.#decoders.get(layout)?.(record);
    } catch (error) {
      if (codeOf(error) !== 'ERR_PERF_OUT_OF_RANGE') throw error;
      this.unfit++;
      return undefined;
    }
  }
}
