import {
  type PerfEventArray,
  PerfMapReader,
  type PerfMapReaderOptions,
  type RingRecord,
  STOP,
} from '../index';
import type { Collection, CollectionRun } from './collection';
import { LossRows } from './loss-rows';
import { StatusLine } from './status-line';
import { type Style, takesEscapes } from './style';
import { summaryText } from './summary';

/** The part of a reader that is used here. */
export type StreamingReader = Pick<PerfMapReader, 'batches' | 'close' | 'stats'>;

/**
 * Samples as they come. The next batch is not visited before the output has taken the last one: behind a slow output
 * the rings fill, and the kernel counts what it cannot write.
 */
export class StreamCollection implements Collection {
  readonly #reader: StreamingReader;

  constructor(reader: StreamingReader) {
    this.#reader = reader;
  }

  /** @throws what {@link PerfMapReader.open} throws */
  static open(array: PerfEventArray, options: PerfMapReaderOptions): StreamCollection {
    return new StreamCollection(PerfMapReader.open(array, options));
  }

  async run(run: CollectionRun): Promise<void> {
    const status = new StatusLine(process.stderr, () => this.#reader.stats());
    // The line redraws itself by escape sequences.
    if (!run.quiet && takesEscapes(process.stderr)) status.start();
    try {
      await this.#deliver(run, run.sharesTerminal ? status : undefined);
    } finally {
      status.stop();
    }
  }

  summary(style: Style): Promise<string> {
    return summaryText(this.#reader.stats(), style);
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  /** @param status the status line, where samples share its terminal */
  async #deliver(run: CollectionRun, status: StatusLine | undefined): Promise<void> {
    const { format, output, stop, count = Number.POSITIVE_INFINITY } = run;
    const losses = new LossRows(format);
    let samples = 0;
    const visitors = {
      sample: (record: RingRecord) => {
        format.sample(record);
        samples++;
        return samples < count ? undefined : STOP;
      },
      lost: (record: RingRecord) => losses.record(record.cpu, record.lost),
      other: (record: RingRecord) => format.other(record),
    };
    const write = async (): Promise<void> => {
      const chunk = format.take();
      if (chunk.length === 0) return;
      status?.erase();
      await output.write(chunk);
      status?.restore();
    };

    format.begin();
    await write();
    const leaving = new AbortController();
    const batches = this.#reader.batches({ signal: leaving.signal });
    // Requested before a stop can come, so that a close that drains has a consumer.
    let next = batches.next();
    const ended = this.#endOnRequest(run);
    // It is awaited when the loop has ended well. Otherwise the loop's own error is reported.
    ended.catch(() => undefined);
    try {
      for (let step = await next; step.done !== true; step = await next) {
        step.value.forEach(visitors);
        if (samples >= count) {
          await write();
          stop.request('count');
          return;
        }
        // Gives the visited records back to the kernel now, not when the output has taken them.
        next = batches.next();
        next.catch(() => undefined);
        await write();
      }
    } finally {
      leaving.abort();
      await batches.return();
    }
    await ended;
    losses.end(this.#reader.stats());
    await write();
  }

  /** Resolves when a stop was asked for, the program ended, and the rings drained and freed. */
  async #endOnRequest({ stop, stopProducer }: CollectionRun): Promise<void> {
    const reason = await stop.requested;
    if (reason === 'count') return;
    try {
      stopProducer();
    } finally {
      // A pager takes its next page when somebody has read the last.
      await this.#reader.close({ drain: true, batchTimeoutMilliseconds: Number.POSITIVE_INFINITY });
    }
  }
}
