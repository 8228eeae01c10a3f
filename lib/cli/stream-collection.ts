import {
  type PerfEventArray,
  PerfMapReader,
  type PerfMapReaderOptions,
  RingBufferReader,
  type RingBufferMap,
  type RingBufferReaderOptions,
  type RingRecord,
  STOP,
} from '../index';
import type { Collection, CollectionRun } from './collection';
import { type CollectionStats, ringBufferStats } from './collection-stats';
import { LossRows } from './loss-rows';
import { StatusLine } from './status-line';
import { type Style, takesEscapes } from './style';
import { summaryText } from './summary';

/** The part of a reader that is used here. */
export type StreamingReader = Pick<PerfMapReader, 'batches' | 'close'> & { stats(): CollectionStats };

/** @throws the errors of {@link PerfMapReader.open} */
export function readerOfArray(array: PerfEventArray, options: PerfMapReaderOptions): StreamingReader {
  return PerfMapReader.open(array, options);
}

/** @throws the errors of {@link RingBufferReader.open} */
export function readerOfRingBuffer(map: RingBufferMap, options: RingBufferReaderOptions): StreamingReader {
  const reader = RingBufferReader.open(map, options);
  return {
    batches: (given) => reader.batches(given),
    close: (given) => reader.close(given),
    stats: () => ringBufferStats(reader.stats()),
  };
}

/**
 * Writes samples as they arrive. The next batch is visited only after the output has accepted the last one. When the
 * output is slow, the rings fill up, and the kernel counts the samples that it can't write.
 */
export class StreamCollection implements Collection {
  readonly #reader: StreamingReader;

  constructor(reader: StreamingReader) {
    this.#reader = reader;
  }

  async run(run: CollectionRun): Promise<void> {
    const status = new StatusLine(process.stderr, () => this.#reader.stats());
    // The status line needs escape sequences.
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

  /** @param status the status line, if samples go to the same terminal */
  async #deliver(run: CollectionRun, status: StatusLine | undefined): Promise<void> {
    const { format, output, stop, accepts, count = Number.POSITIVE_INFINITY } = run;
    const losses = new LossRows(format);
    let samples = 0;
    const visitors = {
      sample: (record: RingRecord) => {
        if (accepts?.(record) === false) return undefined;
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
    // The first batch is requested before a stop can come, so that close({ drain: true }) has a consumer.
    let next = batches.next();
    const ended = this.#endOnRequest(run);
    // It is awaited after the loop has ended normally. After an error of the loop, that error is reported.
    ended.catch(() => undefined);
    try {
      for (let step = await next; step.done !== true; step = await next) {
        step.value.forEach(visitors);
        if (samples >= count) {
          await write();
          stop.request('count');
          return;
        }
        // Requesting the next batch releases the visited records to the kernel, before the slow output is awaited.
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

  /** Waits for a stop request, then detaches the program, and drains and frees the rings. */
  async #endOnRequest({ stop, stopProducer }: CollectionRun): Promise<void> {
    const reason = await stop.requested;
    if (reason === 'count') return;
    try {
      stopProducer();
    } finally {
      // No timeout: a pager accepts the next page only after the user has scrolled.
      await this.#reader.close({ drain: true, batchTimeoutMilliseconds: Number.POSITIVE_INFINITY });
    }
  }
}
