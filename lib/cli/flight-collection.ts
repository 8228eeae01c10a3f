import {
  FlightRecorder,
  type FlightRecorderOptions,
  type FlightSnapshot,
  type PerfEventArray,
} from '../index';
import type { Collection, CollectionRun } from './collection';
import { formatCount } from './quantities';

/** The part of a FlightRecorder that is used here. */
export type SnapshotRecorder = {
  snapshot(): Pick<FlightSnapshot, 'visit'>;
  close(): void;
};

const SNAPSHOT_SIGNAL = 'SIGUSR2';

/** The payload bytes in one piece of text. A snapshot of large rings would be longer than the longest string. */
const PIECE_LENGTH = 2 ** 20;

/** The longest interval of Node. A running interval keeps the process alive while it waits for a signal. */
const FOREVER_MILLISECONDS = 2 ** 31 - 1;

/** The flight recorder: writes a snapshot of the rings at SIGUSR2 and at the end. New samples overwrite old ones. */
export class FlightCollection implements Collection {
  readonly #recorder: SnapshotRecorder;
  #snapshots = 0;
  #samples = 0;
  #isRequested = false;
  #wake: (() => void) | undefined;

  constructor(recorder: SnapshotRecorder) {
    this.#recorder = recorder;
    process.on(SNAPSHOT_SIGNAL, this.#request);
  }

  /** @throws the errors of {@link FlightRecorder.open} */
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
      this.#request();
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
    process.off(SNAPSHOT_SIGNAL, this.#request);
    this.#recorder.close();
  }

  readonly #request = (): void => {
    this.#isRequested = true;
    this.#wake?.();
  };

  /** Waits for a request. Requests that come while a snapshot is written count as one. */
  async #nextRequest(): Promise<void> {
    if (!this.#isRequested) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#isRequested = false;
  }

  async #write({ format, output, accepts }: CollectionRun): Promise<void> {
    const pieces: (string | Uint8Array)[] = [];
    let length = 0;
    this.#snapshots++;
    format.snapshot(this.#snapshots);
    this.#recorder.snapshot().visit((record) => {
      if (accepts?.(record) === false) return;
      this.#samples++;
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
