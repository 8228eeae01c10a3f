import {
  FlightRecorder,
  type FlightRecorderOptions,
  type FlightSnapshot,
  type PerfEventArray,
} from '../index';
import type { Collection, CollectionRun } from './collection';
import { formatCount } from './quantities';

/** What is asked of a recorder. */
export type SnapshotRecorder = {
  snapshot(): Pick<FlightSnapshot, 'visit'>;
  close(): void;
};

const SNAPSHOT_SIGNAL = 'SIGUSR2';

/** Text gathered in one piece; a snapshot of large rings is longer than a string can be. */
const PIECE_LENGTH = 2 ** 20;

/** The longest interval of Node: something has to keep the process while it waits for a signal. */
const FOREVER_MILLISECONDS = 2 ** 31 - 1;

/** Samples on demand: rings that overwrite themselves, written out at SIGUSR2 and at the end. */
export class FlightCollection implements Collection {
  readonly #recorder: SnapshotRecorder;
  #snapshots = 0;
  #samples = 0;
  #asked = false;
  #answer: (() => void) | undefined;

  constructor(recorder: SnapshotRecorder) {
    this.#recorder = recorder;
    process.on(SNAPSHOT_SIGNAL, this.#ask);
  }

  /** @throws what {@link FlightRecorder.open} throws */
  static open(array: PerfEventArray, options: FlightRecorderOptions): FlightCollection {
    return new FlightCollection(FlightRecorder.open(array, options));
  }

  async run(run: CollectionRun): Promise<void> {
    if (!run.quiet) {
      process.stderr.write(
        `perfring: recording; for a snapshot: kill -${SNAPSHOT_SIGNAL.slice(3)} ${process.pid}\n`,
      );
    }
    const alive = setInterval(() => undefined, FOREVER_MILLISECONDS);
    let stopped = false;
    void run.stop.requested.then(() => {
      stopped = true;
      this.#ask();
    });
    try {
      run.format.begin();
      while (!stopped) {
        await this.#nextRequest();
        if (stopped) run.stopProducer();
        await this.#write(run);
      }
    } finally {
      clearInterval(alive);
    }
  }

  async summary(): Promise<string> {
    const snapshots = this.#snapshots === 1 ? 'snapshot' : 'snapshots';
    return `${formatCount(this.#samples)} samples in ${formatCount(this.#snapshots)} ${snapshots}\n`;
  }

  async close(): Promise<void> {
    process.off(SNAPSHOT_SIGNAL, this.#ask);
    this.#recorder.close();
  }

  readonly #ask = (): void => {
    this.#asked = true;
    this.#answer?.();
  };

  /** Several requests while one is answered are one. */
  async #nextRequest(): Promise<void> {
    if (!this.#asked) {
      await new Promise<void>((resolve) => {
        this.#answer = resolve;
      });
    }
    this.#asked = false;
  }

  async #write({ format, output }: CollectionRun): Promise<void> {
    const pieces: (string | Uint8Array)[] = [];
    let length = 0;
    this.#snapshots++;
    format.snapshot(this.#snapshots);
    this.#samples += this.#recorder.snapshot().visit((record) => {
      format.sample(record);
      length += record.size;
      if (length < PIECE_LENGTH) return;
      pieces.push(format.take());
      length = 0;
    });
    pieces.push(format.take());
    for (const piece of pieces) await output.write(piece);
  }
}
