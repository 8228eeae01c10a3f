import type { Readable } from 'node:stream';
import { checkSignal } from '../input/abort-signal';
import { DEFAULT_LIMITS, type TurnLimits } from './limits';
import { OwnedRecord } from '../records/owned-record';
import type { RecordBatch } from './record-batch';

/** Records copied before their space in the ring is released. */
const RECORDS_PER_BATCH = 256;

/** Returns an iteration over batches with these limits. */
type Batches = (
  signal: AbortSignal,
  limits: Required<TurnLimits>,
) => AsyncGenerator<RecordBatch, void, undefined>;

/** What {@link PerfMapReader.readable} returns: a stream in object mode whose chunks are records. */
export interface OwnedRecordStream extends Readable {
  /** The next record in the buffer; null while it is empty. @param size has no effect in object mode */
  read(size?: number): OwnedRecord | null;
  /** The records, until the stream ends: `for await (const record of stream)`. Leaving the loop destroys the stream. */
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<OwnedRecord>;
}

/** A stream of copied records. It reads nothing from the rings while its buffer is full. */
export function readableOf(
  batches: Batches,
  options: { signal?: AbortSignal; highWaterMark?: number },
): OwnedRecordStream {
  const { signal, highWaterMark = RECORDS_PER_BATCH } = options;
  checkSignal(signal);
  const copies = new RecordCopies(batches, highWaterMark, signal);
  // Loaded here: it takes a fifth of the time of the whole library, and most programs use no stream of this kind.
  const { Readable: NodeReadable } = require('node:stream') as typeof import('node:stream');
  const stream: OwnedRecordStream = new NodeReadable({
    objectMode: true,
    highWaterMark,
    read() {
      copies.pushTo(this);
    },
    destroy: (error, callback) => copies.stop(error, callback),
  });
  const iterate = stream[Symbol.asyncIterator];
  stream[Symbol.asyncIterator] = () => new BufferedRecords(stream, iterate.call(stream));
  return stream;
}

/**
 * Iterates over a stream. A record in the stream's buffer is returned at once; for all else, waiting, errors and the end,
 * it asks Node's iterator, which takes 200 ns more for each record.
 */
class BufferedRecords implements AsyncIterableIterator<OwnedRecord, undefined> {
  readonly #stream: OwnedRecordStream;
  readonly #iterator: NodeJS.AsyncIterator<OwnedRecord>;
  /** Calls of Node's iterator that have not resolved. */
  #pending = 0;
  #hasBegun = false;

  constructor(stream: OwnedRecordStream, iterator: NodeJS.AsyncIterator<OwnedRecord>) {
    this.#stream = stream;
    this.#iterator = iterator;
  }

  next(): Promise<IteratorResult<OwnedRecord, undefined>> {
    if (this.#pending === 0 && this.#hasBegun && !this.#stream.destroyed) {
      const value = this.#stream.read();
      if (value !== null) return Promise.resolve({ done: false, value });
    }
    return this.#wait();
  }

  async #wait(): Promise<IteratorResult<OwnedRecord, undefined>> {
    // Node's iterator listens for errors from its first call on.
    this.#hasBegun = true;
    this.#pending++;
    try {
      return await this.#iterator.next();
    } finally {
      this.#pending--;
    }
  }

  async return(): Promise<IteratorResult<OwnedRecord, undefined>> {
    await this.#iterator.return?.();
    this.#stream.destroy();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

/** Copies records for a stream when it asks for them. */
class RecordCopies {
  readonly #stop = new AbortController();
  readonly #chunks: AsyncGenerator<OwnedRecord[], void, undefined>;
  readonly #signal: AbortSignal | undefined;
  readonly #end = (): void => this.#stop.abort();
  /** The records copied last; the first `#pushed` of them are pushed. */
  #chunk: readonly OwnedRecord[] = [];
  #pushed = 0;
  #asking = false;

  constructor(batches: Batches, highWaterMark: number, signal: AbortSignal | undefined) {
    this.#chunks = chunks(
      batches,
      this.#stop.signal,
      Math.min(RECORDS_PER_BATCH, Math.max(1, highWaterMark)),
    );
    this.#signal = signal;
    signal?.addEventListener('abort', this.#end, { once: true });
    if (signal?.aborted === true) this.#end();
  }

  /** Pushes records until the stream has enough. */
  pushTo(stream: Readable): void {
    while (this.#pushed < this.#chunk.length) if (!stream.push(this.#chunk[this.#pushed++])) return;
    if (this.#asking) return;
    this.#asking = true;
    this.#chunks.next().then(
      ({ done, value }) => {
        this.#asking = false;
        if (done === true) {
          stream.push(null);
          return;
        }
        this.#chunk = value;
        this.#pushed = 0;
        this.pushTo(stream);
      },
      (error: unknown) => stream.destroy(error as Error),
    );
  }

  stop(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#signal?.removeEventListener('abort', this.#end);
    // return() of a generator that waits for samples would wait with it, so the wait is ended first.
    this.#stop.abort();
    this.#chunks.return().then(() => callback(error), callback);
  }
}

async function* chunks(
  batches: Batches,
  signal: AbortSignal,
  records: number,
): AsyncGenerator<OwnedRecord[], void, undefined> {
  for await (const batch of batches(signal, { ...DEFAULT_LIMITS, records })) {
    const copies: OwnedRecord[] = [];
    batch.forEach((record) => {
      copies.push(new OwnedRecord(record));
    });
    if (copies.length > 0) yield copies;
  }
}
