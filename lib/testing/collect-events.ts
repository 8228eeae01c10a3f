import { setTimeout } from 'node:timers/promises';
import {
  decoderFor,
  type PerfEventArray,
  PerfMapReader,
  RingBufferMap,
  RingBufferReader,
  type SampleLayout,
  type UnionLayout,
} from '../index';

/** Options of {@link collectEvents}. */
export interface CollectOptions<Values> {
  /** The map that the program writes to. It stays open. */
  readonly from: PerfEventArray | RingBufferMap;
  readonly layout: SampleLayout<Values> | UnionLayout<Values>;
  /** Number of events that `run` causes. One more, or one less, is an error. */
  readonly count: number;
  /** Causes the events: `() => program.testRun({ contextIn })`, or whatever the program observes. */
  run(): unknown;
  /** How long to wait for the events after `run`, milliseconds; 5,000 by default. */
  readonly timeoutMilliseconds?: number;
}

/**
 * Not the events that were expected: too few before the deadline, too many, or some were lost.
 *
 * ```ts
 * if (error instanceof CollectionError) console.log(error.message, error.events);
 * ```
 */
export class CollectionError extends Error {
  override readonly name = 'CollectionError';
  constructor(
    message: string,
    /** The events that came. */
    readonly events: readonly unknown[],
  ) {
    super(message);
  }
}

const DEFAULT_TIMEOUT_MILLISECONDS = 5000;

/**
 * Runs something, and collects exactly the events that it causes: opens a reader of the map, calls `run`, waits for the
 * events, and closes the reader, also after an error. It checks that nothing was lost; a ring buffer map does not tell.
 *
 * ```ts
 * const events = await collectEvents({
 *   from: array,
 *   layout,
 *   count: 1,
 *   run: () => program.testRun({ contextIn: new Uint8Array(16) }),
 * });
 * ```
 * @throws CollectionError for fewer or more events, and for lost ones; what `run` throws; the errors of opening a reader
 *   and of the decoder
 */
export async function collectEvents<Values>(options: CollectOptions<Values>): Promise<Values[]> {
  const { from, layout, count, run, timeoutMilliseconds = DEFAULT_TIMEOUT_MILLISECONDS } = options;
  const decode = decoderFor(layout);
  const events: Values[] = [];
  const reader =
    from instanceof RingBufferMap ? RingBufferReader.open(from) : PerfMapReader.open(from, { order: 'time' });
  const enough = new AbortController();
  try {
    const consumed = consume();
    // Awaited below; an error of `run` comes first.
    consumed.catch(() => undefined);
    await run();
    if (events.length >= count) enough.abort();
    await Promise.race([consumed, deadline(timeoutMilliseconds, enough.signal)]);
    // Delivers all that was published until now: more events than expected as well.
    await Promise.all([consumed, reader.close({ drain: true })]);
  } finally {
    enough.abort();
    await reader.close();
  }
  const stats = reader.stats();
  const lost = 'total' in stats ? stats.total.lost : 0;
  if (lost > 0) {
    throw new CollectionError(`${lost} events were lost: the ring of their CPU was full`, events);
  }
  if (events.length !== count) {
    const when = events.length < count ? ` within ${timeoutMilliseconds} ms` : '';
    throw new CollectionError(`expected ${count} events, got ${events.length}${when}`, events);
  }
  return events;

  async function consume(): Promise<void> {
    for await (const batch of reader.batches()) {
      batch.forEach((record) => {
        events.push(decode(record));
      });
      if (events.length >= count) enough.abort();
    }
  }
}

/** Resolves after the time, or when the signal aborts. */
async function deadline(milliseconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
