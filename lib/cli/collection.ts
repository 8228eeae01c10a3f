import type { RecordFormat } from './formats/formats';
import type { SampleOutput } from './sample-output';
import type { StopRequest } from './stop-request';
import type { Style } from './style';

/** What a collection runs with. */
export interface CollectionRun {
  readonly format: RecordFormat;
  readonly output: Pick<SampleOutput, 'write'>;
  readonly stop: StopRequest;
  /** Exactly so many samples; without end when left out. */
  readonly count: number | undefined;
  /** Ends the program that writes the samples, where it is ours. */
  readonly stopProducer: () => void;
  /** Whether stderr may show more than the summary. */
  readonly quiet: boolean;
  /** Samples and status go to one terminal. */
  readonly sharesTerminal: boolean;
}

/** Rings on an array, and how what comes into them gets out. */
export interface Collection {
  /** Resolves when it was asked to stop, and everything has been handed to the output. */
  run(run: CollectionRun): Promise<void>;
  /** For the end: what came and what was lost. */
  summary(style: Style): Promise<string>;
  /** Takes the rings out of the array and frees them; idempotent. */
  close(): Promise<void>;
}
