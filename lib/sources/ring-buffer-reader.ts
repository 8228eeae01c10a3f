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
import { channels, warn } from '../delivery/diagnostics';
import { LAST_WRITERS_MILLISECONDS } from '../delivery/last-writers';
import { Waker } from '../delivery/waker';
import type { OwnedRecord } from '../records/owned-record';
import type { LoopCounts } from '../records/record-ring';
import {
  resolveRingBufferOptions,
  type ResolvedRingBufferOptions,
  type RingBufferReaderOptions,
} from './ring-buffer-options';
import { RingBufferSource } from './ring-buffer-source';

/** The counts of a {@link RingBufferReader} since it was opened. */
export interface RingBufferStats {
  /** Records delivered, without discarded ones. */
  readonly received: number;
  /** Bytes of the records read, including headers, padding and discarded records. */
  readonly bytes: number;
  /**
   * Unknown: a program that finds no space gets an error, and the map keeps no count. A program can itself count the
   * failures of bpf_ringbuf_reserve and bpf_ringbuf_output.
   */
  readonly lost: undefined;
  /** Times the reader skipped to the producer's position because of an invalid header or position. */
  readonly corrupt: number;
  /**
   * Times another reader of the map had moved consumer_pos: this reader did not get the records that the other one
   * took.
   */
  readonly shared: number;
  /** Times the kernel or the timer woke the reader and there were records. */
  readonly wakeups: number;
  /** Times waking was turned off or on (wakeup: 'moderated'). */
  readonly switches: number;
  /** Most unread bytes seen when a batch began. */
  readonly highWaterBytes: number;
  /** Size of the data area, bytes. */
  readonly capacityBytes: number;
  /** Which loops delivered the records, as {@link ReaderStats.loops}. */
  readonly loops: Readonly<LoopCounts>;
}

/** How long a draining close waits for one batch by default. */
const BATCH_TIMEOUT_MILLISECONDS = 30_000;

/**
 * Reads a ring buffer map (BPF_MAP_TYPE_RINGBUF) in the same ways as {@link PerfMapReader} reads a perf event array: by
 * `for await (const batch of reader)`, by {@link readable}, by {@link read}, or synchronously by {@link drain}; one at
 * a time. Records come in the order in which programs on all CPUs reserved them. A record has only a payload, with
 * exactly the bytes that the program wrote: `cpu` is -1, `time` is undefined, and {@link RingRecord.decode} throws
 * ERR_PERF_NOT_SUPPORTED.
 *
 * ```ts
 * const map = RingBufferMap.openPinned('/sys/fs/bpf/events');
 * const reader = RingBufferReader.open(map);
 * for await (const batch of reader) batch.forEach((record) => console.log(record.u32(0)));
 * ```
 *
 * A map has one reader: a second one takes records from the first. The map stores consumer_pos, up to which records
 * were read, so the next reader continues there.
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
   * Maps the ring buffer, and begins where its last reader ended.
   * @param map it stays the caller's; keep it open as long as the reader
   * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT, ERR_PERF_CLOSED
   * @throws PerfSystemError EPERM for a map that was opened read-only, EFBIG for one of more than 512 MiB, EMFILE,
   *   ENOMEM
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
   * Visits in place what is committed when it is called, and returns; also between {@link pause} and {@link resume}. It
   * ends at a record that is reserved and not committed yet.
   * @param visitors a function, or { sample }; {@link STOP} ends the visit after that record
   * @param limits no limits by default
   * @returns records visited
   * @throws what a visitor throws: its record is consumed, the others stay; PerfRingError ERR_PERF_BUSY while another
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
   * Batches as they come. Each can be read in place until the next is requested. Ends when the reader is closed.
   * @param options.signal ends it too; records that were not delivered stay in the map
   * @throws PerfRingError ERR_PERF_BUSY while another consumer reads, ERR_PERF_CLOSED; ERR_PERF_INVALID_OPTION with
   *   wakeup: 'manual', where nothing wakes the reader
   */
  batches(options: { signal?: AbortSignal } = {}): AsyncGenerator<RecordBatch, void, undefined> {
    const { signal } = plainOptions(options, ['signal'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.batches(signal);
  }

  /**
   * A stream of copied records, in object mode. It stops reading while its buffer is full: the map fills, and programs
   * find no space.
   * @param options.highWaterMark records buffered; 256 by default
   * @throws as {@link batches}
   */
  readable(options: { signal?: AbortSignal; highWaterMark?: number } = {}): OwnedRecordStream {
    return this.#delivery.readable(
      plainOptions(options, ['signal', 'highWaterMark'], 'ERR_PERF_INVALID_ARGUMENT'),
    );
  }

  /**
   * The next record, as a copy.
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
   * Resolves when everything reserved before the call has been delivered. A record that is not committed yet delays the
   * records after it. Do not await it in the body of the loop that takes the records.
   * @throws PerfRingError ERR_PERF_CLOSED when the reader is closed before that; ERR_PERF_NOT_DRAINED when the program
   *   has nothing left to do but to wait for this promise; the signal's reason
   */
  async flush(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = plainOptions(options, ['signal'], 'ERR_PERF_INVALID_ARGUMENT');
    return this.#delivery.flush(signal);
  }

  // ------------------------------------------------------------------ control

  /**
   * Stops asynchronous delivery. It does not stop the programs: records stay in the map, and when it is full, programs
   * find no space. {@link drain} still reads.
   */
  pause(): void {
    this.#delivery.checkOpen();
    this.#paused = true;
    this.#source.paused = true;
  }

  /** Continues asynchronous delivery, with the records that stayed in the map. */
  resume(): void {
    this.#delivery.checkOpen();
    this.#paused = false;
    this.#source.paused = false;
    this.#run(() => this.#delivery.wake());
  }

  /** True between {@link pause} and {@link resume}. */
  get paused(): boolean {
    return this.#paused;
  }

  /**
   * The counts so far; after close, the final counts. While a visitor runs, the records of its visit are not counted
   * yet.
   */
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
   * Stops waking, releases what was read, and frees everything. Idempotent, and allowed anywhere. What was not read
   * stays in the map, for its next reader.
   * @param options.drain first delivers to the consumer everything committed before the call; records after one that is
   *   still not committed 10 ms later stay in the map. Do not await it in the loop that takes the rest
   * @param options.batchTimeoutMilliseconds how long a close with `drain` waits for one batch that the consumer holds:
   *   30,000 by default, with a warning after a second; Infinity: no limit and no warning
   * @throws the first error, after every step has been tried; PerfRingError ERR_PERF_NOT_DRAINED as
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
        // The consumer comes first; the ring is checked when its batch ends.
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
