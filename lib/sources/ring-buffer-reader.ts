import type { NativeAddon } from '../addon/contract';
import { addon } from '../addon/load';
import { RingBufferMap } from '../bpf/ring-buffer-map';
import { Delivery } from '../delivery/delivery';
import { DrainingClose } from '../delivery/draining-close';
import type { TurnLimits } from '../delivery/limits';
import { Notices } from '../delivery/notices';
import type { OwnedRecordStream } from '../delivery/readable';
import type { RecordBatch } from '../delivery/record-batch';
import type { Visitors } from '../delivery/visitors';
import { PerfRingError } from '../errors';
import { attemptAll } from '../input/attempt-all';
import { plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import { channels, warn } from '../perf-array/diagnostics';
import { LAST_WRITERS_MILLISECONDS } from '../perf-array/last-writers';
import { Waker } from '../perf-array/waker';
import type { OwnedRecord } from '../records/owned-record';
import type { LoopCounts } from '../records/record-ring';
import {
  resolveRingBufferOptions,
  type ResolvedRingBufferOptions,
  type RingBufferReaderOptions,
} from './ring-buffer-options';
import { RingBufferSource } from './ring-buffer-source';

/** What a {@link RingBufferReader} counted since it was opened. */
export interface RingBufferStats {
  /** Records delivered. Discarded ones are none. */
  readonly received: number;
  /** Bytes that records took in the ring, headers, padding and discarded ones included. */
  readonly bytes: number;
  /**
   * Unknown: a program that finds no room gets an error, and the map keeps no count. A program can count for itself what
   * bpf_ringbuf_reserve and bpf_ringbuf_output refused.
   */
  readonly lost: undefined;
  /** Times the map was skipped to its producer's position for a header, or positions, that could not be. */
  readonly corrupt: number;
  /** Times another reader of the map had moved consumer_pos: it took records, and this one did not get them. */
  readonly shared: number;
  /** Times the kernel or the timer woke the reader for records. */
  readonly wakeups: number;
  /** Times waking was turned off, or on again (wakeup: 'moderated'). */
  readonly switches: number;
  /** Most bytes seen lying unread when a batch began. */
  readonly highWaterBytes: number;
  /** Size of the data area, bytes. */
  readonly capacityBytes: number;
  /** Which loops have delivered the records, as {@link ReaderStats.loops}. */
  readonly loops: Readonly<LoopCounts>;
}

/** A close gives up when it has waited so long for one batch, where the caller says nothing else. */
const BATCH_TIMEOUT_MILLISECONDS = 30_000;

/**
 * Reads a ring buffer map (BPF_MAP_TYPE_RINGBUF), in the ways in which {@link PerfMapReader} reads a perf event array: by
 * `for await (const batch of reader)`, by {@link readable}, by {@link read}, or synchronously by {@link drain}; one at a
 * time. Records come in the order in which programs on all CPUs reserved them. They have a payload alone, of exactly the
 * bytes that the program wrote: `cpu` is -1, `time` undefined, and there is nothing to {@link RingRecord.decode}.
 *
 * ```ts
 * const map = RingBufferMap.openPinned('/sys/fs/bpf/events');
 * const reader = RingBufferReader.open(map);
 * for await (const batch of reader) batch.forEach((record) => console.log(record.u32(0)));
 * ```
 *
 * A map has one reader: a second one takes records from the first. consumer_pos, up to which records were read, lies in
 * the map: the next reader goes on there.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/Documentation/bpf/ringbuf.rst
 */
export class RingBufferReader implements AsyncIterable<RecordBatch> {
  readonly #map: RingBufferMap;
  readonly #source: RingBufferSource;
  readonly #delivery: Delivery;
  readonly #waker: Waker | undefined;
  readonly #notices = new Notices();
  #closed = false;
  #paused = false;
  #shared = 0;
  #draining: DrainingClose | undefined;

  private constructor(native: NativeAddon, map: RingBufferMap, options: ResolvedRingBufferOptions) {
    const waker = options.isManual ? undefined : new Waker(native, this.#onWake);
    this.#map = map;
    this.#waker = waker;
    try {
      this.#source = new RingBufferSource(native, map, waker, options);
    } catch (error) {
      this.#closed = true;
      waker?.close();
      throw error;
    }
    const { ring } = this.#source;
    ring.onFault = (fault) =>
      this.#notices.add(() => channels.fault.publish({ reader: this, cpu: -1, ...fault }));
    ring.onShared = () => this.#reportShared();
    this.#delivery = new Delivery({
      source: this.#source,
      limits: options.limits,
      notices: this.#notices,
      afterBatch: () => this.#afterBatch(),
      keepAlive: waker && ((alive) => waker.keepAlive(alive)),
      left: () => this.#draining?.end(),
    });
    channels.open.publish({ reader: this, cpus: [] });
  }

  /**
   * Maps the map, and begins where its last reader ended.
   * @param map stays the caller's; keep it open as long as the reader
   * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT, ERR_PERF_CLOSED
   * @throws PerfSystemError EPERM for a map that was opened read-only, EFBIG for one of more than 512 MiB, EMFILE, ENOMEM
   */
  static open(map: RingBufferMap, options: RingBufferReaderOptions = {}): RingBufferReader {
    const native = addon();
    if (!RingBufferMap.is(map)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `map must be a RingBufferMap, got ${shown(map)}`);
    }
    return new RingBufferReader(native, map, resolveRingBufferOptions(options));
  }

  /** Whether the reader is closed; false while `close({ drain: true })` delivers the rest. */
  get closed(): boolean {
    return this.#closed;
  }

  // ------------------------------------------------------------------ delivery

  /**
   * Visits, in place and at once, what is committed; also between {@link pause} and {@link resume}. It ends at a record
   * that is reserved and not committed yet.
   * @param visitors a function, or { sample }; {@link STOP} ends the visit after that record
   * @param limits unbounded in time by default
   * @returns records visited
   * @throws what a visitor throws: its record is consumed, the rest stays; PerfRingError ERR_PERF_BUSY while another
   *   consumer reads, ERR_PERF_CLOSED
   */
  drain(visitors: Visitors, limits?: TurnLimits): number {
    this.#source.paused = false;
    try {
      return this.#delivery.drain(visitors, limits);
    } finally {
      this.#source.paused = this.#paused;
    }
  }

  /** As {@link batches}. */
  [Symbol.asyncIterator](): AsyncGenerator<RecordBatch, void, undefined> {
    return this.batches();
  }

  /**
   * Batches as they come, each readable in place until the next is asked for. Ends when the reader is closed.
   * @param options.signal ends it too; what it has not delivered stays in the map
   * @throws PerfRingError ERR_PERF_BUSY while another consumer reads, ERR_PERF_CLOSED; ERR_PERF_INVALID_OPTION with
   *   wakeup: 'manual', where nothing would ever come
   */
  batches(options: { signal?: AbortSignal } = {}): AsyncGenerator<RecordBatch, void, undefined> {
    const { signal } = plainOptions(options, ['signal'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.batches(signal);
  }

  /**
   * A stream in object mode, of copies. It stops reading while its buffer is full: the map fills, and programs find no
   * room.
   * @param options.highWaterMark records buffered; 256 by default
   */
  readable(options: { signal?: AbortSignal; highWaterMark?: number } = {}): OwnedRecordStream {
    return this.#delivery.readable(
      plainOptions(options, ['signal', 'highWaterMark'], 'ERR_PERF_INVALID_ARGUMENT'),
    );
  }

  /**
   * The next record, as a copy.
   * @param options.timeoutMilliseconds how long to wait for one; without end by default
   * @returns null at the deadline
   * @throws PerfRingError ERR_PERF_BUSY, ERR_PERF_CLOSED (also when closed meanwhile); the signal's reason
   */
  read(options: { timeoutMilliseconds?: number; signal?: AbortSignal } = {}): Promise<OwnedRecord | null> {
    return this.#delivery.read(
      plainOptions(options, ['timeoutMilliseconds', 'signal'], 'ERR_PERF_INVALID_ARGUMENT'),
    );
  }

  /**
   * Resolves when everything reserved before the call has been delivered: records behind one that is not committed yet
   * wait for it. Do not await it in the body of the loop that takes the records.
   * @throws PerfRingError ERR_PERF_CLOSED when the reader is closed before that; ERR_PERF_NOT_DRAINED when the program
   *   has nothing left to do but to wait for this promise; the signal's reason
   */
  async flush(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = plainOptions(options, ['signal'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.flush(signal);
  }

  // ------------------------------------------------------------------ control

  /**
   * Stops asynchronous delivery. No reader can stop the programs: records stay in the map, and when it is full programs
   * find no room. {@link drain} reads on.
   */
  pause(): void {
    this.#delivery.checkOpen();
    this.#paused = true;
    this.#source.paused = true;
  }

  /** Delivers again, from what stayed in the map on. */
  resume(): void {
    this.#delivery.checkOpen();
    this.#paused = false;
    this.#source.paused = false;
    this.#run(() => this.#delivery.wake());
  }

  /** Between {@link pause} and {@link resume}. */
  get paused(): boolean {
    return this.#paused;
  }

  /** What was counted so far; after close, as it ended. While a visitor runs, the records of that very visit are not counted yet. */
  stats(): RingBufferStats {
    const { ring, wakeups, switches } = this.#source;
    const { samples, consumedBytes, skippedBytes, corrupt, highWaterBytes, loops } = ring.counters;
    return {
      received: samples,
      bytes: consumedBytes - skippedBytes,
      lost: undefined,
      corrupt,
      shared: this.#shared,
      wakeups,
      switches,
      highWaterBytes,
      capacityBytes: ring.capacityBytes,
      loops: { ...loops },
    };
  }

  /**
   * Stops waking, gives back what was read, and frees everything. Idempotent, and allowed anywhere. What was not read
   * stays in the map, for its next reader.
   * @param options.drain first delivers to the consumer that is reading everything committed up to the call; records
   *   behind one that is not committed 10 ms later stay in the map. Do not await it in the loop that takes the rest
   * @param options.batchTimeoutMilliseconds how long a close that drains waits for one batch that the consumer holds: 30,000
   *   by default, with a warning after a second; Infinity waits, without one
   * @throws the first failure, after every step has been tried; PerfRingError ERR_PERF_NOT_DRAINED as
   *   {@link PerfMapReader.close}
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
        this.#draining ??= this.#drainingClose(batchTimeoutMilliseconds);
        return this.#draining.promise;
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

  #drainingClose(batchTimeoutMilliseconds: number): DrainingClose {
    this.#paused = false;
    this.#source.paused = false;
    return new DrainingClose({
      source: this.#source,
      wake: () => this.#delivery.wake(),
      closeNow: () => this.#closeNow(),
      run: (method) => this.#run(method),
      warn: (code, message) => this.#notices.add(() => warn(code, message)),
      lastWritersMilliseconds: LAST_WRITERS_MILLISECONDS,
      batchTimeoutMilliseconds,
    });
  }

  #closeNow(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#notices.begin();
    try {
      attemptAll([
        () => this.#delivery.close(),
        () => this.#waker?.close(),
        () => this.#source.close(),
        () => this.#delivery.wake(),
      ]);
    } catch (error) {
      this.#draining?.fail(error);
      throw error;
    } finally {
      this.#draining?.settle();
      this.#notices.add(() => channels.close.publish({ reader: this, stats: this.stats() }));
      this.#notices.end();
    }
  }

  // ------------------------------------------------------------------ waking

  readonly #onWake = (reasons: number): void => {
    if (this.#closed) return;
    this.#run(() => {
      if (this.#delivery.waits && !this.#paused) {
        // The consumer comes first; the ring is looked after when its batch is over.
        this.#delivery.wake();
        if (this.#closed) return;
        if (this.#source.inBatch) {
          this.#source.lookAfterBatch(reasons);
          return;
        }
      } else {
        this.#waker?.keepAlive(this.#delivery.waits);
      }
      if (this.#source.lookAfter(reasons)) this.#delivery.wake();
      this.#draining?.watch();
    });
  };

  #afterBatch(): void {
    // A visitor may have closed the reader.
    if (this.#closed) return;
    if (this.#source.afterBatch()) this.#delivery.wake();
    this.#draining?.afterBatch();
  }

  #reportShared(): void {
    this.#shared++;
    const { info } = this.#map;
    this.#notices.add(() => channels.taken.publish({ reader: this, cpu: -1 }));
    if (this.#shared > 1) return;
    this.#notices.add(() =>
      warn(
        'PERFRING_MAP_SHARED',
        `another reader takes records from ring buffer map ${info.id}: this one does not get them. A map has one reader: ` +
          'stop one of the two, or give each a map of its own',
      ),
    );
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
