import type { NativeAddon } from '../addon/contract';
import { addon } from '../addon/load';
import { checkArray, type PerfEventArray } from '../bpf/perf-event-array';
import type { ReaderStats } from '../delivery/accounts';
import { Delivery } from '../delivery/delivery';
import { DrainingClose } from '../delivery/draining-close';
import type { TurnLimits } from '../delivery/limits';
import { type Labels, type Metric, metricsOf } from '../export/metrics';
import { Notices } from '../delivery/notices';
import type { OwnedRecordStream } from '../delivery/readable';
import type { RecordBatch } from '../delivery/record-batch';
import type { Visitors } from '../delivery/visitors';
import { PerfRingError } from '../errors';
import { attemptAll } from '../input/attempt-all';
import { plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import type { OwnedRecord } from '../records/owned-record';
import type { RecordSource } from '../records/record-source';
import { channels, warn } from '../delivery/diagnostics';
import { LAST_WRITERS_MILLISECONDS } from '../delivery/last-writers';
import { type PerfMapReaderOptions, type ResolvedOptions, resolveOptions } from './options';
import { PerfArraySource } from './perf-array-source';
import { Waker } from '../delivery/waker';

/** How long a draining close waits for one batch by default. */
const BATCH_TIMEOUT_MILLISECONDS = 30_000;

/**
 * One ring per CPU on one perf event array, read as one stream.
 *
 * Read it by `for await (const batch of reader)`, by {@link readable}, by {@link read}, or synchronously by
 * {@link drain}; one at a time. When the reader is too slow, the kernel counts losses; the memory of this process does
 * not grow.
 */
export class PerfMapReader implements AsyncIterable<RecordBatch> {
  readonly #options: ResolvedOptions;
  readonly #source: PerfArraySource;
  readonly #records: RecordSource;
  readonly #delivery: Delivery;
  readonly #waker: Waker | undefined;
  readonly #notices = new Notices();
  #closed = false;
  #paused = false;
  #draining: DrainingClose | undefined;

  private constructor(array: PerfEventArray, options: ResolvedOptions, native: NativeAddon) {
    this.#options = options;
    const waker = options.wakeup === 'manual' ? undefined : new Waker(native, this.#onWake);
    this.#waker = waker;
    this.#source = new PerfArraySource({
      reader: this,
      native,
      array,
      options,
      waker,
      notices: this.#notices,
      refresh: () => {
        if (!this.#closed) this.refresh();
      },
      hasConsumer: () => this.#delivery.hasConsumer,
    });
    this.#records = this.#source.records;
    this.#delivery = new Delivery({
      source: this.#records,
      limits: options.limits,
      notices: this.#notices,
      afterBatch: (byDrain) => this.#afterBatch(byDrain),
      keepAlive: waker && ((alive) => waker.keepAlive(alive)),
      left: () => this.#draining?.end(),
    });
    try {
      this.#source.open();
    } catch (error) {
      this.#closed = true;
      try {
        attemptAll([() => this.#source.close(), () => this.#waker?.close()]);
      } catch {
        // The first error is thrown: it says why the reader could not be opened.
      }
      throw error;
    }
    channels.open.publish({ reader: this, cpus: this.cpus });
  }

  /**
   * Opens a ring for each CPU and puts its event into the CPU's slot. On failure nothing stays open. Without `cpus`,
   * CPUs that are offline are left out, and added when they come online.
   * @param array it stays the caller's; keep it open as long as the reader
   * @throws PerfRingError ERR_PERF_INVALID_OPTION and other errors of the options, before anything is opened;
   *   ERR_PERF_CPU_OFFLINE for an offline CPU in `cpus`
   * @throws PerfSystemError EACCES, EPERM, EMFILE, ENOMEM, …
   */
  static open(array: PerfEventArray, options: PerfMapReaderOptions = {}): PerfMapReader {
    const native = addon();
    checkArray(array);
    const resolved = resolveOptions(options, native.pageSize());
    if (array.closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the perf event array was closed');
    return new PerfMapReader(array, resolved, native);
  }

  /** CPUs that have a ring now, ascending. */
  get cpus(): readonly number[] {
    return this.#closed ? [] : this.#source.rings.map((ring) => ring.cpu);
  }

  /** Whether the reader is closed; false while `close({ drain: true })` delivers the rest. */
  get closed(): boolean {
    return this.#closed;
  }

  // ------------------------------------------------------------------ delivery

  /**
   * Visits in place what is in the rings when it is called, and returns. With `order: 'time'` it leaves samples younger
   * than the slack. To reach the end of a stream, call pause(), wait until the slack has passed, and call drain().
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
   * A stream of copied records, in object mode. It stops reading while its buffer is full: the rings fill, and the
   * kernel counts what it cannot write.
   * @param options.highWaterMark records buffered; 256 by default
   * @throws as {@link batches}
   */
  readable(options: { signal?: AbortSignal; highWaterMark?: number } = {}): OwnedRecordStream {
    const plain = plainOptions(options, ['signal', 'highWaterMark'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.readable(plain);
  }

  /**
   * The next sample, as a copy.
   * @param options.timeoutMilliseconds how long to wait for one; no limit by default
   * @returns null when the time is over
   * @throws as {@link batches}; ERR_PERF_CLOSED also when the reader is closed while it waits; the signal's reason
   */
  read(options: { timeoutMilliseconds?: number; signal?: AbortSignal } = {}): Promise<OwnedRecord | null> {
    const plain = plainOptions(options, ['timeoutMilliseconds', 'signal'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.read(plain);
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

  /** Empties the slots. Programs then write no samples, and the missing ones are not counted as lost. */
  pause(): void {
    this.#delivery.checkOpen();
    this.#paused = true;
    this.#run(() => this.#source.emptySlots());
  }

  /**
   * Fills the slots again, also those that another reader has taken.
   * @throws PerfRingError ERR_PERF_CLOSED, also during close({ drain: true })
   */
  resume(): void {
    this.#delivery.checkOpen();
    if (this.#draining !== undefined)
      throw new PerfRingError('ERR_PERF_CLOSED', 'the reader is being closed');
    this.#paused = false;
    this.#run(() => this.#source.fillSlots());
  }

  /** True between {@link pause} and {@link resume}. */
  get paused(): boolean {
    return this.#paused;
  }

  /**
   * Opens rings for CPUs that came online. Reads the rings of CPUs that went offline to their end, then closes them.
   * Unless wakeup is 'manual', the reader does this once a second. Within a batch, or during close({ drain: true }), it
   * does nothing.
   * @throws PerfSystemError when a ring cannot be opened (the reader itself warns, and tries again a second later)
   */
  refresh(): void {
    this.#delivery.checkOpen();
    // onlineCpus() may be the user's function, and may call close() or begin a batch. So it is called before anything
    // changes.
    const online = this.#options.onlineCpus();
    if (this.#closed || this.#records.inBatch || this.#draining !== undefined) return;
    this.#run(() => this.#source.refresh(online));
  }

  /** Counts per CPU and in total, exact at the moment of the call; after close, the final counts. */
  stats(): ReaderStats {
    if (!this.#closed) this.#run(() => this.#source.checkLosses());
    return this.#source.stats();
  }

  /**
   * The counts of {@link stats} as metric families, for {@link formatOpenMetrics}.
   * @param labels labels of every sample, besides `cpu`: they distinguish readers whose metrics are served together
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for labels that OpenMetrics does not allow, or one named `cpu`
   */
  metrics(labels: Labels = {}): Metric[] {
    return metricsOf(this.stats(), labels);
  }

  /**
   * Empties the slots, stops waking, frees the rings. Idempotent, and allowed anywhere: in a visitor, in a listener, in
   * a loop over batches, twice.
   * @param options.drain first empties the slots and delivers to the consumer everything published before the call, and
   *   what programs that were already writing still commit; the promise resolves when everything is freed. Without a
   *   consumer (with wakeup: 'manual' there is never one) everything is freed at once, and records in the rings count
   *   neither as received nor as lost: call pause() and {@link drain} first. Do not await it in the loop that takes the
   *   rest: the loop ends by itself.
   * @param options.batchTimeoutMilliseconds how long a close with `drain` waits for one batch that the consumer holds:
   *   30,000 by default, with a warning after a second. Infinity: no limit and no warning, for example for a consumer
   *   that writes to a pager
   * @throws the first error, after every step has been tried; PerfRingError ERR_PERF_NOT_DRAINED when the consumer
   *   holds one batch for longer than `batchTimeoutMilliseconds`, or the program has nothing left to do but to wait for
   *   this promise: everything is freed then, and what was not delivered is lost
   */
  close(options: { drain?: boolean; batchTimeoutMilliseconds?: number } = {}): Promise<void> {
    try {
      const { drain, batchTimeoutMilliseconds = BATCH_TIMEOUT_MILLISECONDS } = plainOptions(
        options,
        ['drain', 'batchTimeoutMilliseconds'],
        'ERR_PERF_INVALID_ARGUMENT',
      );
      if (!(typeof batchTimeoutMilliseconds === 'number' && batchTimeoutMilliseconds >= 0)) {
        throw new PerfRingError(
          'ERR_PERF_INVALID_ARGUMENT',
          `batchTimeoutMilliseconds must be 0 or more, got ${shown(batchTimeoutMilliseconds)}`,
        );
      }
      if (!this.#closed && drain === true && this.#delivery.hasConsumer) {
        return this.#drainAndClose(batchTimeoutMilliseconds);
      }
      this.#closeNow();
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

  #drainAndClose(batchTimeoutMilliseconds: number): Promise<void> {
    if (this.#draining !== undefined) return this.#draining.promise;
    const draining = new DrainingClose({
      source: this.#records,
      wake: () => this.#delivery.wake(),
      closeNow: () => this.#closeNow(),
      run: (method) => this.#run(method),
      warn: (code, message) => this.#notices.add(() => warn(code, message)),
      lastWritersMilliseconds: LAST_WRITERS_MILLISECONDS,
      batchTimeoutMilliseconds,
    });
    this.#draining = draining;
    try {
      this.#run(() => this.#source.emptySlots());
    } catch (error) {
      // What was published is still delivered.
      draining.fail(error);
    }
    return draining.promise;
  }

  #closeNow(): void {
    if (this.#closed) return;
    this.#closed = true;
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

  // ------------------------------------------------------------------ waking

  readonly #onWake = (reasons: number, hungUp: readonly number[]): void => {
    if (this.#closed) return;
    this.#run(() => {
      if (hungUp.length > 0) this.#source.expectCpuChange();
      if (this.#delivery.waits) {
        // The consumer comes first; the rings are checked when its batch ends.
        this.#delivery.wake();
        if (this.#closed) return;
        if (this.#records.inBatch) {
          this.#source.lookAfterBatch(reasons);
          return;
        }
      } else {
        this.#waker?.keepAlive(false);
      }
      if (this.#source.lookAfter(reasons)) this.#delivery.wake();
      this.#draining?.watch();
    });
  };

  #afterBatch(byDrain: boolean): void {
    // A visitor may have closed the reader.
    if (this.#closed) return;
    this.#source.afterBatch(byDrain);
    this.#draining?.afterBatch();
  }

  /** Runs a method; the notices that it causes are delivered after it. */
  #run(method: () => void): void {
    this.#notices.begin();
    try {
      method();
    } finally {
      this.#notices.end();
    }
  }
}
