import type { Readable } from 'node:stream';
import { type NativeAddon, WAKE_EVENTS } from '../addon/contract';
import { addon } from '../addon/load';
import { checkArray, type PerfEventArray } from '../bpf/perf-event-array';
import { PerfRingError } from '../errors';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import { plainOptions } from '../input/plain-data';
import { throwLater } from '../input/throw-later';
import { attemptAll } from '../input/attempt-all';
import type { SkippedFault } from '../ring/perf-ring';
import type { ReaderStats } from './accounts';
import { Consumer } from './consumer';
import type { CpuRing } from './cpu-ring';
import { channels, warnOfTakenSlot } from './diagnostics';
import { FlushWaiters } from './flush-waiters';
import { LAST_WRITERS_MILLISECONDS } from './last-writers';
import { type Metric, metricsOf } from './metrics';
import {
  checkSignal,
  checkTurn,
  type LossReport,
  type PerfMapReaderOptions,
  type ResolvedOptions,
  resolveOptions,
  type TurnLimits,
} from './options';
import { PacedVisits, UNBOUNDED } from './paced-visits';
import { readableOf } from './readable';
import type { RecordBatch } from './record-batch';
import { type CpuChange, RingSet } from './ring-set';
import { makeTurn, type Turn } from './turn';
import { type OwnedRecord, splitVisitors, type Visitors } from './visitors';
import { Waker } from './waker';

/** However quiet the rings, they are looked at this often: a record can be committed without a wake. */
const BACKSTOP_MICROSECONDS = 100_000;
/** For losses that no look at a ring shows: of samples that are too long for it, however empty it is. */
const LOSS_CHECK_MILLISECONDS = 1000;
const NO_LIMITS: Required<TurnLimits> = { records: UNBOUNDED, bytes: UNBOUNDED, microseconds: UNBOUNDED };
const CPU_CHECK_MILLISECONDS = 1000;

/**
 * Layer 4: one ring per CPU on one perf event array, read as one stream.
 *
 * Read it by `for await (const batch of reader)`, by {@link readable}, by {@link read}, or synchronously by
 * {@link drain}; one at a time. Whoever is slow makes the kernel count losses, never this process grow.
 */
export class PerfMapReader implements AsyncIterable<RecordBatch> {
  readonly #options: ResolvedOptions;
  readonly #rings: RingSet;
  readonly #turn: Turn;
  readonly #visits: PacedVisits;
  readonly #waker: Waker | undefined;
  readonly #consumer: Consumer;
  readonly #flushes = new FlushWaiters();
  #closed = false;
  #inDrain = false;
  #paused = false;
  #holdsBack = false;
  #lossCheckedAt = 0;
  #cpusCheckedAt = 0;
  #slotsCheckedAt = monotonicMilliseconds();
  #refreshWarning: string | undefined;
  #toldTaken = false;
  /** Reasons of a wake that a turn answered first: the rings are looked after when it is over; 0 when they were. */
  #reasonsOwed = 0;

  private constructor(array: PerfEventArray, options: ResolvedOptions, native: NativeAddon) {
    this.#options = options;
    this.#turn = makeTurn(options, {
      fault: (ring, fault) => this.#reportFault(ring, fault),
      lost: (ring, count) => this.#tellLoss(ring.countLostRecord(count)),
    });
    this.#waker = options.wakeup === 'manual' ? undefined : new Waker(native, this.#onWake);
    this.#rings = new RingSet(
      native,
      array,
      options,
      this.#waker,
      (ring) => this.#reportLoss(ring),
      (cpu) => this.#reportTaken(cpu),
    );
    const consumed = (): number => this.#rings.consumedBytes;
    this.#visits = new PacedVisits(this.#turn, consumed);
    this.#consumer = new Consumer({
      turn: this.#turn,
      visits: this.#visits,
      limits: options.turn,
      consumed,
      afterTurn: () => this.#afterTurn(),
      keepAlive: (alive) => this.#waker?.keepAlive(alive),
      ended: () => this.#closeNow(),
      settleMilliseconds: LAST_WRITERS_MILLISECONDS,
    });
    try {
      this.#rings.open();
      this.#turn.setRings(this.#rings.list);
      this.#schedule();
    } catch (error) {
      this.#closed = true;
      this.#rings.close();
      this.#waker?.close();
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
  static open(
    array: PerfEventArray,
    options: PerfMapReaderOptions = {},
    native: NativeAddon = addon(),
  ): PerfMapReader {
    checkArray(array);
    const resolved = resolveOptions(options, native.pageSize());
    if (array.closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the perf event array was closed');
    return new PerfMapReader(array, resolved, native);
  }

  /** CPUs with a ring now, ascending. */
  get cpus(): readonly number[] {
    return this.#closed ? [] : this.#rings.list.map((ring) => ring.cpu);
  }

  get closed(): boolean {
    return this.#closed;
  }

  // ------------------------------------------------------------------ delivery

  /**
   * Visits, in place and at once, what lies in the rings when it is called.
   * @param visitors a function for the samples, or { sample, lost, other }; `false` stops after that record
   * @param limits unbounded in time by default
   * @returns records visited
   * @throws what a visitor throws: its record is consumed, the rest stays; PerfRingError ERR_PERF_BUSY while another
   *   consumer reads, ERR_PERF_CLOSED
   */
  drain(visitors: Visitors, limits?: TurnLimits): number {
    const within = limits === undefined ? NO_LIMITS : checkTurn(limits, NO_LIMITS);
    const split = splitVisitors(visitors);
    this.#checkOpen();
    this.#consumer.checkFree();
    if (this.#inDrain)
      throw new PerfRingError('ERR_PERF_BUSY', 'drain() is under way: its visitor called drain() again');
    this.#inDrain = true;
    try {
      const found = this.#turn.begin();
      let quiet = false;
      for (const ring of this.#rings.list) {
        const foundInRing = ring.takeFoundByTurn();
        if (foundInRing === 0) quiet = true;
        if (ring.lossCheckDueByDrain(foundInRing)) this.#reportLoss(ring);
      }
      // Where samples come everywhere, no slot was taken. Whoever was told of something may have closed the reader.
      if (quiet && this.#waker === undefined && !this.#closed) this.#checkSlots(monotonicMilliseconds());
      return this.#visits.visit(split, within, found);
    } finally {
      this.#inDrain = false;
      if (this.#turn.begun) this.#turn.finish();
      this.#afterTurn();
    }
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
    checkSignal(signal);
    this.#checkAsync();
    return this.#consumer.batches(signal);
  }

  /**
   * A stream in object mode, of copies. It stops reading while its buffer is full: the rings fill, and the kernel
   * counts what it cannot write.
   * @param options.highWaterMark records buffered; 256 by default
   */
  readable(options: { signal?: AbortSignal; highWaterMark?: number } = {}): Readable {
    const plain = plainOptions(options, ['signal', 'highWaterMark'], 'ERR_PERF_INVALID_ARGUMENT');
    this.#checkAsync();
    return readableOf(this.#consumer, plain);
  }

  /**
   * The next sample, as a copy.
   * @param options.timeoutMilliseconds how long to wait for one; without end by default
   * @returns null at the deadline
   * @throws PerfRingError ERR_PERF_BUSY, ERR_PERF_CLOSED (also when closed meanwhile); the signal's reason
   */
  read(options: { timeoutMilliseconds?: number; signal?: AbortSignal } = {}): Promise<OwnedRecord | null> {
    const plain = plainOptions(options, ['timeoutMilliseconds', 'signal'], 'ERR_PERF_INVALID_ARGUMENT');
    this.#checkAsync();
    return this.#consumer.read(plain);
  }

  /**
   * Resolves when everything published before the call has been delivered. It hurries the consumer along; without one
   * it waits for the next.
   * @throws PerfRingError ERR_PERF_CLOSED when the reader is closed before that; the signal's reason
   */
  async flush(options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = plainOptions(options, ['signal'], 'ERR_PERF_INVALID_ARGUMENT');
    this.#checkOpen();
    const delivered = this.#flushes.wait(this.#rings.list, signal);
    this.#flushes.check();
    this.#consumer.wake();
    return delivered;
  }

  // ------------------------------------------------------------------ control

  /** Takes the rings out of the map: programs write nowhere, and nobody counts what they would have written. */
  pause(): void {
    this.#checkOpen();
    this.#paused = true;
    this.#rings.emptySlots();
  }

  /** Puts the rings back, also where another reader has taken the slot. @throws PerfRingError ERR_PERF_CLOSED, also while a close drains */
  resume(): void {
    this.#checkOpen();
    if (this.#consumer.draining) throw new PerfRingError('ERR_PERF_CLOSED', 'the reader is being closed');
    this.#paused = false;
    this.#rings.fillSlots();
  }

  get paused(): boolean {
    return this.#paused;
  }

  /**
   * Opens rings for CPUs that came online, and reads to their end, then closes, those of CPUs that went offline. Done
   * by itself once a second. Within a turn, or while a close drains, it does nothing.
   * @throws PerfSystemError when a ring cannot be opened (by itself it warns, and tries again a second later)
   */
  refresh(): void {
    this.#checkOpen();
    if (this.#turn.begun || this.#consumer.draining) return;
    const before = this.#rings.list;
    let changes: readonly CpuChange[] = [];
    try {
      changes = this.#rings.refresh(this.#paused);
    } finally {
      if (this.#rings.list !== before) this.#turn.setRings(this.#rings.list);
    }
    for (const change of changes) channels.cpu.publish({ reader: this, ...change });
  }

  #refreshByItself(): void {
    try {
      this.refresh();
      this.#refreshWarning = undefined;
    } catch (error) {
      const message = `perfring cannot follow the CPUs that come and go: ${String(error)}`;
      if (message !== this.#refreshWarning) process.emitWarning(message);
      this.#refreshWarning = message;
    }
  }

  /** Counts per CPU and in total, exact at the moment of the call; after close, as they ended. */
  stats(): ReaderStats {
    if (!this.#closed) this.#checkLosses(monotonicMilliseconds());
    return this.#rings.stats();
  }

  /** The same counts as an exporter takes them, see {@link formatOpenMetrics}. */
  metrics(): Metric[] {
    return metricsOf(this.stats());
  }

  /**
   * Empties the slots, stops waking, frees the rings. Idempotent, and allowed anywhere: in a visitor, in a loop over
   * batches, twice.
   * @param options.drain after the slots are emptied, delivers the rest to the consumer that is reading, then frees; the
   *   promise resolves after that, so do not await it in the loop that is to take the rest. Without a consumer nobody
   *   is there to take it, and all is freed at once.
   * @throws the first failure, after every step has been tried
   */
  close(options: { drain?: boolean } = {}): Promise<void> {
    if (this.#closed) return this.#consumer.drained;
    try {
      const { drain } = plainOptions(options, ['drain'], 'ERR_PERF_INVALID_ARGUMENT');
      if (drain === true && this.#consumer.active) {
        this.#rings.emptySlots();
        this.#turn.endOfWriting();
        return this.#consumer.drainAndEnd();
      }
      this.#closeNow();
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  [Symbol.dispose](): void {
    this.#closeNow();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #closeNow(): void {
    if (this.#closed) return;
    this.#closed = true;
    attemptAll([
      () => this.#rings.emptySlots(),
      // After it no sample can be lost any more: these are the counts that stay.
      ...this.#rings.list.map((ring) => () => this.#reportLoss(ring)),
      () => this.#rings.close(),
      () => this.#waker?.close(),
      () => this.#flushes.end(),
      () => this.#consumer.end(),
      () => channels.close.publish({ reader: this, stats: this.#rings.stats() }),
    ]);
  }

  // ------------------------------------------------------------------ waking

  readonly #onWake = (reasons: number, hungUp: readonly number[]): void => {
    if (this.#closed) return;
    if (hungUp.length > 0) this.#cpusCheckedAt = Number.NEGATIVE_INFINITY;
    if (this.#consumer.waits) {
      // Whoever waits comes first; the rings are looked after when the turn is over.
      this.#consumer.wake();
      if (this.#closed) return;
      if (this.#turn.begun) {
        this.#reasonsOwed |= reasons;
        return;
      }
    } else {
      this.#waker?.keepAlive(false);
    }
    if (this.#lookAfter(reasons) || this.#holdsBack) this.#consumer.wake();
  };

  /**
   * Looks at each ring: whether its samples should wake, and what was lost; and now and then at CPUs and slots.
   * @param reasons of a wake that no turn has answered; 0 without one
   * @returns whether there is something to read
   */
  #lookAfter(reasons: number): boolean {
    const owed = this.#reasonsOwed;
    this.#reasonsOwed = 0;
    const now = monotonicMilliseconds();
    const byEvent = ((reasons | owed) & WAKE_EVENTS) !== 0;
    let unread = false;
    for (const ring of this.#rings.list) {
      const foundByTurn = ring.takeFoundByTurn();
      const available = ring.look();
      if (available > 0) unread = true;
      if (owed !== 0 && foundByTurn > 0) ring.account.wakeups++;
      if (reasons !== 0 && available > 0) ring.account.wakeups++;
      this.#moderate(ring, available, Math.max(foundByTurn, available), now);
      // Whoever was told of a loss may have closed the reader.
      if (this.#closed) return false;
      if (ring.timedLooksOwed > 0 && !byEvent) ring.timedLooksOwed--;
    }
    if (now - this.#cpusCheckedAt >= CPU_CHECK_MILLISECONDS) {
      this.#cpusCheckedAt = now;
      this.#checkSlots(now);
      if (this.#closed) return false;
      this.#refreshByItself();
    }
    if (now - this.#lossCheckedAt >= LOSS_CHECK_MILLISECONDS) this.#checkLosses(now);
    this.#schedule();
    return unread;
  }

  /** @param found most bytes seen in the ring since the last look */
  #moderate(ring: CpuRing, available: number, found: number, now: number): void {
    const { moderator } = ring;
    if (ring.lossCheckDue(found, available, now)) this.#reportLoss(ring);
    if (moderator === undefined || this.#closed) return;
    const busy = moderator.looked(now, this.#rings.arrivedSamples(ring, available));
    if (busy === ring.wakes && !this.#paused && !this.#consumer.draining) {
      if (this.#rings.setWakes(ring, !busy))
        channels.swap.publish({ reader: this, cpu: ring.cpu, wakes: !busy });
    }
  }

  /** Arms the timer for the next thing that no wake announces. */
  #schedule(): void {
    if (this.#closed || this.#waker === undefined) return;
    let microseconds = BACKSTOP_MICROSECONDS;
    const timed = this.#rings.list.some((ring) => ring.timedLooksOwed > 0 || (ring.moderator?.busy ?? false));
    if (timed) microseconds = Math.min(microseconds, this.#options.latencyMicroseconds);
    if (this.#holdsBack && this.#consumer.active) {
      microseconds = Math.min(microseconds, Math.max(50, this.#options.slackNanoseconds / 1000));
    }
    this.#waker.every(microseconds);
  }

  #afterTurn(): void {
    this.#flushes.check();
    if (this.#closed) return;
    this.#holdsBack = this.#turn.holdsBack;
    if (this.#reasonsOwed !== 0) {
      this.#lookAfter(0);
      if (this.#closed) return;
    }
    for (const ring of this.#rings.list) if (ring.behind) ring.look();
    if (this.#rings.retireEmptied()) this.#turn.setRings(this.#rings.list);
    if (this.#options.order === 'time') this.#schedule();
  }

  // ------------------------------------------------------------------ accounts

  #checkLosses(now: number): void {
    this.#lossCheckedAt = now;
    for (const ring of this.#rings.list) this.#reportLoss(ring);
  }

  #reportLoss(ring: CpuRing): void {
    this.#tellLoss(ring.checkLoss());
  }

  #tellLoss(report: LossReport | undefined): void {
    if (report === undefined) return;
    channels.loss.publish({ reader: this, ...report });
    try {
      this.#options.onLoss?.(report);
    } catch (error) {
      throwLater(error);
    }
  }

  #reportFault(ring: CpuRing, fault: SkippedFault): void {
    channels.fault.publish({ reader: this, cpu: ring.cpu, ...fault });
  }

  #checkSlots(now: number): void {
    if (now - this.#slotsCheckedAt < CPU_CHECK_MILLISECONDS) return;
    this.#slotsCheckedAt = now;
    this.#rings.checkSlots();
  }

  #reportTaken(cpu: number): void {
    channels.taken.publish({ reader: this, cpu });
    // Who closes has no use for it, nor whoever was told.
    if (this.#closed || this.#toldTaken) return;
    this.#toldTaken = true;
    warnOfTakenSlot(cpu, this.#rings.mapId);
  }

  #checkOpen(): void {
    if (this.#closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the reader was closed');
  }

  #checkAsync(): void {
    this.#checkOpen();
    if (this.#waker === undefined) {
      throw new PerfRingError('ERR_PERF_INVALID_OPTION', `wakeup: 'manual' wakes nobody: call drain()`);
    }
    this.#consumer.checkFree();
    if (this.#inDrain) throw new PerfRingError('ERR_PERF_BUSY', 'drain() is under way');
  }
}
