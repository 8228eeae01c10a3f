import type { NativeAddon } from '../addon/contract';
import { PerfRingError } from '../errors';
import { attemptAll } from '../input/attempt-all';
import { plainOptions } from '../input/plain-data';
import { timeLimit } from '../input/check-number';
import type { OwnedRecord } from '../records/owned-record';
import type { RecordSource } from '../records/record-source';
import { Delivery } from './delivery';
import { channels } from './diagnostics';
import { DrainingClose } from './draining-close';
import type { TurnLimits } from './limits';
import { type CountedRing, type Labels, type Metric, metricsOf } from './metrics';
import { Notices } from './notices';
import type { OwnedRecordStream } from './readable';
import type { RecordBatch } from './record-batch';
import type { Visitors } from './visitors';
import { Waker } from './waker';

/** How long a draining close waits for one batch by default. */
const BATCH_TIMEOUT_MILLISECONDS = 30_000;

/** What a {@link RecordReader} gives its source. */
export interface ReaderContext {
  readonly native: NativeAddon;
  /** The `reader` in the messages of the diagnostics channels. */
  readonly reader: object;
  readonly notices: Notices;
  /** Undefined with wakeup: 'manual'. */
  readonly waker: Waker | undefined;
  /** Whether a consumer reads asynchronously. */
  readonly hasConsumer: () => boolean;
  /** Whether the reader is closed, or delivers the rest before it closes. */
  readonly isClosing: () => boolean;
}

/**
 * What a {@link RecordReader} reads, and the work that it needs after wakes and batches. It calls no listener: it adds
 * calls to {@link Notices}.
 */
export interface ReaderSource<Stats> {
  readonly records: RecordSource;
  /** The counts so far, exact at the moment of the call. */
  stats(): Stats;
  /** What metrics say of these counts. */
  counted(stats: Stats): readonly CountedRing[];
  /** Stops programs from writing. Without it, pause() stops asynchronous delivery instead. */
  pause?(): void;
  /** Lets programs write again. */
  resume?(): void;
  /**
   * @param reasons WAKE_EVENTS | WAKE_TIMER
   * @param hungUp CPUs whose event hung up
   * @param began whether the consumer began a batch at this wake: then the source does its work when it ends
   * @returns whether there is something to read
   */
  afterWake(reasons: number, hungUp: readonly number[], began: boolean): boolean;
  /** @param byDrain whether no wake preceded the batch @returns whether there is something to read without a wake */
  afterBatch(byDrain: boolean): boolean;
  /** Tries every step, then throws the first error. Idempotent. */
  close(): void;
}

/**
 * What {@link PerfMapReader} and {@link RingBufferReader} have in common: one stream of records, read by
 * `for await (const batch of reader)`, by {@link readable}, by {@link read}, or synchronously by {@link drain}; one at
 * a time.
 * @typeParam Stats what {@link stats} returns
 */
export abstract class RecordReader<Stats> implements AsyncIterable<RecordBatch> {
  readonly #source: ReaderSource<Stats>;
  readonly #delivery: Delivery;
  readonly #waker: Waker | undefined;
  readonly #notices = new Notices();
  #paused = false;
  #draining: DrainingClose | undefined;

  /** @internal @param options `limits` of each batch of asynchronous delivery */
  protected constructor(
    native: NativeAddon,
    options: { readonly isManual: boolean; readonly limits: Required<TurnLimits> },
    open: (context: ReaderContext) => ReaderSource<Stats>,
  ) {
    const notices = this.#notices;
    const waker = options.isManual ? undefined : new Waker(native, this.#onWake);
    this.#waker = waker;
    notices.begin();
    try {
      this.#source = open({
        native,
        reader: this,
        notices,
        waker,
        hasConsumer: () => this.#delivery.hasConsumer,
        isClosing: () => this.#delivery.closed || this.#draining !== undefined,
      });
    } catch (error) {
      waker?.close();
      throw error;
    } finally {
      notices.end();
    }
    this.#delivery = new Delivery({
      records: this.#source.records,
      limits: options.limits,
      notices,
      waker,
      afterBatch: (byDrain) => this.#afterBatch(byDrain),
      left: () => this.#draining?.end(),
    });
  }

  /** Whether the reader is closed; false while `close({ drain: true })` delivers the rest. */
  get closed(): boolean {
    return this.#delivery.closed;
  }

  // ------------------------------------------------------------------ delivery

  /**
   * Visits in place what is published when it is called, and returns. It can be called between {@link pause} and
   * {@link resume}. With `order: 'time'` it leaves samples younger than the slack: to reach the end of a stream, call
   * pause(), wait until the slack has passed, and call drain().
   * @param visitors a function for the samples, or { sample, lost, other }; {@link STOP} ends the visit after that
   *   record
   * @param limits no limits by default
   * @returns records visited
   * @throws what a visitor throws: its record is consumed, the others stay; PerfRingError ERR_PERF_BUSY while another
   *   consumer reads, ERR_PERF_CLOSED
   */
  drain(visitors: Visitors, limits?: TurnLimits): number {
    return this.#delivery.drain(visitors, limits);
  }

  /** As {@link batches}. */
  [Symbol.asyncIterator](): AsyncGenerator<RecordBatch, void, undefined> {
    return this.batches();
  }

  /**
   * Batches as they come. Each can be read in place until the next is requested. Ends when the reader is closed.
   * @param options.signal ends it too; records that were not delivered stay in the rings
   * @throws PerfRingError ERR_PERF_BUSY while another consumer reads, ERR_PERF_CLOSED; ERR_PERF_INVALID_OPTION with
   *   wakeup: 'manual', where nothing wakes the reader
   */
  batches(options: { signal?: AbortSignal } = {}): AsyncGenerator<RecordBatch, void, undefined> {
    const { signal } = plainOptions(options, ['signal'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.batches(signal);
  }

  /**
   * A stream of copied records, in object mode. It stops reading while its buffer is full: then the rings fill.
   * @param options.highWaterMark records buffered; 256 by default
   * @throws as {@link batches}
   */
  readable(options: { signal?: AbortSignal; highWaterMark?: number } = {}): OwnedRecordStream {
    return this.#delivery.readable(
      plainOptions(options, ['signal', 'highWaterMark'], 'ERR_PERF_INVALID_ARGUMENT'),
    );
  }

  /**
   * The next sample, as a copy.
   * @param options.timeoutMilliseconds how long to wait for one; no limit by default
   * @returns null when the time is over
   * @throws as {@link batches}; ERR_PERF_CLOSED also when the reader is closed while it waits; the signal's reason
   */
  read(options: { timeoutMilliseconds?: number; signal?: AbortSignal } = {}): Promise<OwnedRecord | null> {
    return this.#delivery.read(
      plainOptions(options, ['timeoutMilliseconds', 'signal'], 'ERR_PERF_INVALID_ARGUMENT'),
    );
  }

  /**
   * Resolves when everything published before the call has been delivered. It wakes the consumer; without a consumer it
   * waits for the next one. Do not await it in the body of the loop that takes the records.
   * @throws PerfRingError ERR_PERF_CLOSED when the reader is closed before that; ERR_PERF_NOT_DRAINED when the program
   *   has nothing left to do but to wait for this promise; the signal's reason
   */
  async flush(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = plainOptions(options, ['signal'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.flush(signal);
  }

  // ------------------------------------------------------------------ control

  /**
   * Pauses the reader; without effect while `close({ drain: true })` delivers the rest. A {@link PerfMapReader} empties
   * its slots: programs then write no samples, and the missing ones are not counted as lost; what is in the rings is
   * still delivered. A {@link RingBufferReader} can't stop the programs: records stay in the map, and when it is full,
   * programs find no space; only {@link drain} reads.
   * @throws PerfRingError ERR_PERF_CLOSED
   */
  pause(): void {
    this.#delivery.checkOpen();
    if (this.#draining !== undefined) return;
    this.#paused = true;
    this.#notices.run(() => this.#pauseSource());
  }

  /**
   * Ends {@link pause}. A {@link PerfMapReader} fills its slots again, also those that another reader has taken.
   * @throws PerfRingError ERR_PERF_CLOSED, also during close({ drain: true })
   */
  resume(): void {
    this.#delivery.checkOpen();
    if (this.#draining !== undefined)
      throw new PerfRingError('ERR_PERF_CLOSED', 'the reader is being closed');
    this.#paused = false;
    this.#delivery.held = false;
    this.#notices.run(() => {
      this.#source.resume?.();
      this.#delivery.wake();
    });
  }

  /** True between {@link pause} and {@link resume}. */
  get paused(): boolean {
    return this.#paused;
  }

  /**
   * The counts so far, exact at the moment of the call; after close, the final counts. While a visitor runs, the records
   * of its visit are not counted yet.
   */
  stats(): Stats {
    return this.#notices.run(() => this.#source.stats());
  }

  /**
   * The counts of {@link stats} as metric families, for {@link formatOpenMetrics}.
   * @param labels labels of every sample: they distinguish readers whose metrics are served together. The samples of a
   *   {@link PerfMapReader} have the label `cpu` besides
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for labels that OpenMetrics does not allow, or one named `cpu`
   */
  metrics(labels: Labels = {}): Metric[] {
    return metricsOf(this.#source.counted(this.stats()), labels);
  }

  /**
   * Stops waking and frees everything. Idempotent, and allowed anywhere: in a visitor, in a listener, in a loop over
   * batches, twice. A {@link PerfMapReader} empties its slots, and what was not read is lost, but not counted as lost. A
   * {@link RingBufferReader} leaves what was not read in the map, for its next reader.
   * @param options.drain first delivers to the consumer everything published before the call, and what programs that were
   *   already writing commit within 10 ms; the promise resolves when everything is freed. Without a consumer (with
   *   wakeup: 'manual' there is never one) everything is freed at once: call pause() and drain() first. Do not
   *   await it in the loop that takes the rest: the loop ends by itself.
   * @param options.batchTimeoutMilliseconds how long a close with `drain` waits for one batch that the consumer holds:
   *   30,000 by default, with a warning after a second. Infinity: no limit and no warning, for example for a consumer
   *   that writes to a pager
   * @throws the first error, after every step has been tried; PerfRingError ERR_PERF_NOT_DRAINED when the consumer
   *   holds one batch for longer than `batchTimeoutMilliseconds`, or the program has nothing left to do but to wait for
   *   this promise: everything is freed then, without delivering the rest
   */
  close(options: { drain?: boolean; batchTimeoutMilliseconds?: number } = {}): Promise<void> {
    try {
      const { drain, batchTimeoutMilliseconds = BATCH_TIMEOUT_MILLISECONDS } = plainOptions(
        options,
        ['drain', 'batchTimeoutMilliseconds'],
        'ERR_PERF_INVALID_ARGUMENT',
      );
      timeLimit(batchTimeoutMilliseconds, 'batchTimeoutMilliseconds');
      if (drain === true && !this.closed && this.#delivery.hasConsumer) {
        this.#drainAndClose(batchTimeoutMilliseconds);
      } else {
        this.#closeNow();
      }
      return this.#draining?.promise ?? Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Frees everything at once, without delivering the rest: for `using`. */
  [Symbol.dispose](): void {
    this.#closeNow();
  }

  /** As {@link close}: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ------------------------------------------------------------------ inside

  #pauseSource(): void {
    if (this.#source.pause === undefined) this.#delivery.held = true;
    else this.#source.pause();
  }

  #drainAndClose(batchTimeoutMilliseconds: number): void {
    if (this.#draining !== undefined) return;
    this.#delivery.held = false;
    this.#draining = new DrainingClose({
      records: this.#source.records,
      notices: this.#notices,
      wake: () => this.#delivery.wake(),
      closeNow: () => this.#closeNow(),
      batchTimeoutMilliseconds,
    });
    try {
      this.#notices.run(() => this.#source.pause?.());
    } catch (error) {
      // What was published is still delivered.
      this.#draining.fail(error);
    }
  }

  #closeNow(): void {
    if (this.closed) return;
    this.#notices.begin();
    try {
      attemptAll([
        () => this.#delivery.close(),
        () => this.#source.close(),
        () => this.#waker?.close(),
        () => this.#delivery.wake(),
      ]);
    } catch (error) {
      this.#draining?.fail(error);
      throw error;
    } finally {
      this.#draining?.settle();
      this.#notices.add(() => channels.close.publish({ reader: this, stats: this.#source.stats() }));
      this.#notices.end();
    }
  }

  readonly #onWake = (reasons: number, hungUp: readonly number[]): void => {
    if (this.closed) return;
    this.#notices.run(() => {
      const waited = this.#delivery.waits;
      // The consumer comes first.
      if (waited) this.#delivery.wake();
      else this.#waker?.keepAlive(false);
      // It may have taken the last batch of a draining close.
      if (this.closed) return;
      const began = waited && this.#source.records.inBatch;
      if (this.#source.afterWake(reasons, hungUp, began)) this.#delivery.wake();
      this.#draining?.watch();
    });
  };

  #afterBatch(byDrain: boolean): void {
    // A visitor may have closed the reader.
    if (this.closed) return;
    if (this.#source.afterBatch(byDrain)) this.#delivery.wake();
    this.#draining?.afterBatch();
  }
}
