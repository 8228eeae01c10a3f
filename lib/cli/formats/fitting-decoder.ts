import { decoderFor, type FieldValue, type RingRecord, type SampleLayout } from '../../index';
import { codeOf } from '../failure';

/** Decodes samples, and counts those that are too short for the layout. */
export class FittingDecoder {
  /** Samples that were too short. */
  unfit = 0;
  readonly #decode: ((record: RingRecord) => Readonly<Record<string, FieldValue>>) | undefined;

  /** @param layout undefined when unknown: then nothing is decoded */
  constructor(layout: SampleLayout | undefined) {
    this.#decode = layout === undefined ? undefined : decoderFor(layout);
  }

  /** The fields of a sample; undefined when the layout is unknown or the sample is too short for it. */
  decode(record: RingRecord): Readonly<Record<string, FieldValue>> | undefined {
    try {
      return this.#decode?.(record);
    } catch (error) {
      if (codeOf(error) !== 'ERR_PERF_OUT_OF_RANGE') throw error;
      this.unfit++;
      return undefined;
    }
  }
}
