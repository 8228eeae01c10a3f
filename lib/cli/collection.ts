import type { RingRecord } from '../index';
import type { RecordFormat } from './formats/formats';
import type { SampleOutput } from './sample-output';
import type { StopRequest } from './stop-request';
import type { Style } from './style';

/** The parameters of {@link Collection.run}. */
export interface CollectionRun {
  /** Whether a sample is written; undefined when all are. */
  readonly accepts?: (record: RingRecord) => boolean;
  readonly format: RecordFormat;
  readonly output: Pick<SampleOutput, 'write'>;
  readonly stop: StopRequest;
  /** Stop after exactly this number of samples; undefined for no limit. */
  readonly count: number | undefined;
  /** Detaches the built-in program that writes the samples; does nothing when the samples come from another program. */
  readonly stopProducer: () => void;
  /** Write no messages and no status line to stderr. */
  readonly quiet: boolean;
  /** Whether samples and the status line go to the same terminal. */
  readonly sharesTerminal: boolean;
}

/** Rings of an array, and the loop that writes their samples to the output. */
export interface Collection {
  /** Resolves after a stop was requested and everything has been written to the output. */
  run(run: CollectionRun): Promise<void>;
  /** The text for the end: how many samples were received and lost. */
  summary(style: Style): Promise<string>;
  /** Removes the events from the array and frees the rings. Idempotent. */
  close(): Promise<void>;
}
