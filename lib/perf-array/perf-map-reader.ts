import type { NativeAddon } from '../addon/contract';
import { addon } from '../addon/load';
import { checkArray, type PerfEventArray } from '../bpf/perf-event-array';
import type { ReaderStats } from '../delivery/accounts';
import { Delivery } from '../delivery/delivery';
import { DrainingClose } from '../delivery/draining-close';
import type { TurnLimits } from '../delivery/limits';
import { type Labels, type Metric, metricsOf } from '../delivery/metrics';
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
import { channels, warn } from './diagnostics';
import { LAST_WRITERS_MILLISECONDS } from './last-writers';
import { type PerfMapReaderOptions, type ResolvedOptions, resolveOptions } from './options';
import { PerfArraySource } from './perf-array-source';
import { Waker } from './waker';

/** A close gives up when it has waited so long for one batch, where the caller says nothing else. */
const BATCH_TIMEOUT_MILLISECONDS = 30_000;

/**
 * Layer 4: one ring per CPU on one perf event array, read as one stream.
 *
 * Read it by `for await (const batch of reader)`, by {@link readable}, by {@link read}, or synchronously by
 * {@link drain}; one at a time. Whoever is slow makes the kernel count losses, never this process grow.
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
        // Why it could not be opened says more.
      }
      throw error;
    }
    channels.open.publish({ reader: this, cpus: this.cpus });
  }

  /**
   * Opens a ring for each CPU and puts it into the CPU's slot: all, or nothing. CPUs that are offline are left out, and
   * taken in when they come online.
   * @param array stays the caller's; keep it open as long as the reader
   * @throws PerfRingError ERR_PERF_INVALID_OPTION and others of the options, before anything is opened;
   *   ERR_PERF_CPU_OFFLINE for a CPU asked for by number
   * @throws PerfSystemError EACCES, EPERM, EMFILE, ENOMEM, …
   */
  static open(array: PerfEventArray, options: PerfMapReaderOptions = {}): PerfMapReader {
    const native = addon();
    checkArray(array);
    const resolved = resolveOptions(options, native.pageSize());
    if (array.closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the perf event array was closed');
    return new PerfMapReader(array, resolved, native);
  }

  /** CPUs with a ring now, ascending. */
  get cpus(): readonly number[] {
    return this.#closed ? [] : this.#source.rings.map((ring) => ring.cpu);
  }

  /** Whether the reader is closed; false while `close({ drain: true })` delivers the rest. */
  get closed(): boolean {
    return this.#closed;
  }

  // ------------------------------------------------------------------ delivery

  /**
   * Visits, in place and at once, what lies in the rings when it is called. In the order of time it leaves what is younger
   * than the slack: the end of a stream is reached by pause(), and by drain() when the slack has passed.
   * @param visitors a function for the samples, or { sample, lost, other }; {@link STOP} ends the visit after that record
   * @param limits unbounded in time by default
   * @returns records visited
   * @throws what a visitor throws: its record is consumed, the rest stays; PerfRingError ERR_PERF_BUSY while another
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
   * Batches as they come, each readable in place until the next is asked for. Ends when the reader is closed.
   * @param options.signal ends it too; what it has not delivered stays in the rings
   * @throws PerfRingError ERR_PERF_BUSY while another consumer reads, ERR_PERF_CLOSED; ERR_PERF_INVALID_OPTION with
   *   wakeup: 'manual', where nothing would ever come
   */
  batches(options: { signal?: AbortSignal } = {}): AsyncGenerator<RecordBatch, void, undefined> {
    const { signal } = plainOptions(options, ['signal'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.batches(signal);
  }

  /**
   * A stream in object mode, of copies. It stops reading while its buffer is full: the rings fill, and the kernel
   * counts what it cannot write.
   * @param options.highWaterMark records buffered; 256 by default
   */
  readable(options: { signal?: AbortSignal; highWaterMark?: number } = {}): OwnedRecordStream {
    const plain = plainOptions(options, ['signal', 'highWaterMark'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.readable(plain);
  }

  /**
   * The next sample, as a copy.
   * @param options.timeoutMilliseconds how long to wait for one; without end by default
   * @returns null at the deadline
   * @throws PerfRingError ERR_PERF_BUSY, ERR_PERF_CLOSED (also when closed meanwhile); the signal's reason
   */
  read(options: { timeoutMilliseconds?: number; signal?: AbortSignal } = {}): Promise<OwnedRecord | null> {
    const plain = plainOptions(options, ['timeoutMilliseconds', 'signal'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.read(plain);
  }

  /**
   * Resolves when everything published before the call has been delivered. It hurries the consumer along; without one
   * it waits for the next. Do not await it in the body of the loop that takes the records.
   * @throws PerfRingError ERR_PERF_CLOSED when the reader is closed before that; ERR_PERF_NOT_DRAINED when the program
   *   has nothing left to do but to wait for this promise; the signal's reason
   */
  async flush(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = plainOptions(options, ['signal'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.flush(signal);
  }

  // ------------------------------------------------------------------ control

  /** Takes the rings out of the map: programs write nowhere, and nobody counts what they would have written. */
  pause(): void {
    this.#delivery.checkOpen();
    this.#paused = true;
    this.#run(() => this.#source.emptySlots());
  }

  /** Puts the rings back, also where another reader has taken the slot. @throws PerfRingError ERR_PERF_CLOSED, also while a close drains */
  resume(): void {
    this.#delivery.checkOpen();
    if (this.#draining !== undefined)
      throw new PerfRingError('ERR_PERF_CLOSED', 'the reader is being closed');
    this.#paused = false;
    this.#run(() => this.#source.fillSlots());
  }

  /** Between {@link pause} and {@link resume}. */
  get paused(): boolean {
    return this.#paused;
  }

  /**
   * Opens rings for CPUs that came online, and reads to their end, then closes, those of CPUs that went offline. Done
   * by itself once a second. Within a batch, or while a close drains, it does nothing.
   * @throws PerfSystemError when a ring cannot be opened (by itself it warns, and tries again a second later)
   */
  refresh(): void {
    this.#delivery.checkOpen();
    // The function is the caller's, and may call close() or begin a batch: it is asked before anything changes.
    const online = this.#options.onlineCpus();
    if (this.#closed || this.#records.inBatch || this.#draining !== undefined) return;
    this.#run(() => this.#source.refresh(online));
  }

  /** Counts per CPU and in total, exact at the moment of the call; after close, as they ended. */
  stats(): ReaderStats {
    if (!this.#closed) this.#run(() => this.#source.checkLosses());
    return this.#source.stats();
  }

  /**
   * The same counts as an exporter takes them, see {@link formatOpenMetrics}.
   * @param labels of every sample, beside `cpu`: they tell readers apart whose metrics are served together
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for labels that OpenMetrics does not allow, or one named `cpu`
   */
  metrics(labels: Labels = {}): Metric[] {
    return metricsOf(this.stats(), labels);
  }

  /**
   * Empties the slots, stops waking, frees the rings. Idempotent, and allowed anywhere: in a visitor, in a listener, in
   * a loop over batches, twice.
   * @param options.drain first empties the slots and delivers to the consumer that is reading everything published up to
   *   the call, and what programs that were writing then still commit; the promise resolves when all is freed. Without a
   *   consumer, which with wakeup: 'manual' there never is, all is freed at once, and what lies in the rings counts neither
   *   as received nor as lost: pause() and {@link drain} first. Do not await it in the loop that takes the rest: the loop
   *   ends by itself.
   * @param options.batchTimeoutMilliseconds how long a close that drains waits for one batch that the consumer holds: 30,000
   *   by default, with a warning after a second; Infinity waits, without one, for whoever writes to a pager
   * @throws the first failure, after every step has been tried; PerfRingError ERR_PERF_NOT_DRAINED when the consumer
   *   holds one batch for longer than `batchTimeoutMilliseconds`, or the program has nothing left to do but to wait
   *   for this promise: all is freed then, and what was not delivered is lost
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
      // What was published is delivered all the same.
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
        // The consumer comes first; the rings are looked after when its batch is over.
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

  /** A method that may cause notices, which are told after it. */
  #run(method: () => void): void {
    this.#notices.begin();
    try {
      method();
    } finally {
      this.#notices.end();
    }
  }
}
