import { type NativeAddon, WAKE_EVENTS } from '../addon/contract';
import type { PerfEventArray } from '../bpf/perf-event-array';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import { attemptAll } from '../input/attempt-all';
import { RingByRing } from '../merge/ring-by-ring';
import { TimeOrder } from '../merge/time-order';
import type { SkippedFault } from '../records/record-ring';
import { monotonicNanoseconds } from '../host/monotonic-clock';
import type { ReaderStats } from '../delivery/accounts';
import type { CpuRing } from './cpu-ring';
import { channels, warn, type WarningCode } from '../delivery/diagnostics';
import type { Notices } from '../delivery/notices';
import type { LossReport, ResolvedOptions } from './options';
import { RingSet } from './ring-set';
import { SLOT_CHECK_MILLISECONDS } from './slots';
import { warnOfMissingSlots, warnOfTakenSlot } from './slot-warnings';
import type { Waker } from '../delivery/waker';

/** A record can be committed without a wake, so the rings are checked at least this often. */
const BACKSTOP_MICROSECONDS = 100_000;
/** How often the loss counters are read, for losses that leave no trace in the ring: samples that never fit into it. */
const LOSS_CHECK_MILLISECONDS = 1000;
const CPU_CHECK_MILLISECONDS = 1000;
/** The shortest time between a failed swap and the next attempt. */
const SWAP_PAUSE_MILLISECONDS = 1000;

export interface PerfArraySourceParts {
  /** The `reader` in the messages of the diagnostics channels. */
  readonly reader: object;
  readonly native: NativeAddon;
  readonly array: PerfEventArray;
  readonly options: ResolvedOptions;
  /** Absent with wakeup: 'manual'. */
  readonly waker: Waker | undefined;
  readonly notices: Notices;
  /** Calls the reader's refresh() if it is open. This source calls it now and then; it may throw. */
  readonly refresh: () => void;
  /** Whether a consumer reads. */
  readonly hasConsumer: () => boolean;
}

/**
 * The rings of one perf event array as a source of records, and the work that they need: the event in each slot, lost
 * samples, slots that another reader took, CPUs that come online or go offline, the timer.
 *
 * Nothing in here calls a listener: it adds calls to {@link Notices}.
 */
export class PerfArraySource {
  /** Reads the records of all rings. */
  readonly records: RingByRing | TimeOrder;
  readonly #parts: PerfArraySourceParts;
  readonly #rings: RingSet;
  /** Whether the reader's events are in their slots, except those that another reader took. */
  #filled = false;
  #closing = false;
  /** Whether records were held back when the last batch ended, until the slack has passed (order: 'time'). */
  #hasHeldBackRecords = false;
  #cpuCheckPending = false;
  #lossCheckedAt = 0;
  #cpusCheckedAt = 0;
  #slotsCheckedAt = monotonicMilliseconds();
  #swapFailedAt = Number.NEGATIVE_INFINITY;
  #warnedOfTaken = false;
  /** Steps that failed when they were last tried, and the CPUs for which they failed. */
  readonly #failing = new Map<string, Set<number>>();
  /** Reasons of wakes after which the rings have not been checked yet. */
  #pendingWakeReasons = 0;

  constructor(parts: PerfArraySourceParts) {
    const { native, array, options, waker } = parts;
    this.#parts = parts;
    const { order, slackNanoseconds } = options;
    this.records =
      order === 'time' ? new TimeOrder(slackNanoseconds, true, monotonicNanoseconds) : new RingByRing();
    this.#rings = new RingSet(
      native,
      array,
      options,
      waker,
      (ring) => this.#reportLoss(ring.checkLoss()),
      {
        taken: (cpu) => this.#reportTaken(cpu),
        regained: (cpu) => this.#reportRegained(cpu),
      },
      (cpus) => warnOfMissingSlots(cpus, array),
    );
  }

  /** By CPU number, ascending. */
  get rings(): readonly CpuRing[] {
    return this.#rings.list;
  }

  /** The counts so far. */
  stats(): ReaderStats {
    return this.#rings.stats(this.records.loopCounts);
  }

  /** Opens all rings and fills their slots. When this throws, the caller closes what was opened. */
  open(): void {
    this.#rings.open();
    this.#filled = true;
    this.#ringsChanged();
    this.#schedule();
  }

  #ringsChanged(): void {
    for (const { cpu, records } of this.rings) records.onFault = (fault) => this.#reportFault(cpu, fault);
    this.records.setRings(this.rings.map(({ records }) => records));
  }

  /** Tries every step, then throws the first error. */
  close(): void {
    this.#closing = true;
    attemptAll([
      () => this.emptySlots(),
      // No more samples can be lost, so these counts are final.
      ...this.rings.map((ring) => () => this.#reportLoss(ring.checkLoss())),
      () => this.#rings.close(),
    ]);
  }

  /** Fills the slots, also those that another reader has taken. */
  fillSlots(): void {
    this.#filled = true;
    this.#rings.fillSlots();
  }

  emptySlots(): void {
    this.#filled = false;
    this.#rings.emptySlots();
  }

  /**
   * Follows the CPUs that came online or went offline. Not within a batch.
   * @param online read by the caller before, because onlineCpus() may be the user's function
   */
  refresh(online: readonly number[]): void {
    const { notices, reader } = this.#parts;
    const before = this.rings;
    try {
      this.#rings.refresh(online, this.#filled, (change) => {
        notices.add(() => channels.cpu.publish({ reader, ...change }));
      });
    } finally {
      if (this.rings !== before) this.#ringsChanged();
    }
  }

  /** Reads the counters of lost samples. */
  checkLosses(now = monotonicMilliseconds()): void {
    this.#lossCheckedAt = now;
    for (const ring of this.rings) this.#reportLoss(ring.checkLoss());
  }

  #lookAfterDrain(): void {
    let quiet = false;
    for (const ring of this.rings) {
      const found = ring.takeFound();
      if (found === 0) quiet = true;
      if (ring.lossCheckDueByDrain(found)) this.#checkLoss(ring);
    }
    // A ring that received samples is still in its slot, so the slots are checked only when a ring received none.
    if (quiet && this.#parts.waker === undefined) this.#checkSlots(monotonicMilliseconds());
  }

  /** The consumer began a batch at a wake with these reasons. The rings are checked when the batch ends. */
  lookAfterBatch(reasons: number): void {
    this.#pendingWakeReasons |= reasons;
  }

  /** The event of a CPU hung up: CPUs are checked at the next occasion. */
  expectCpuChange(): void {
    this.#cpusCheckedAt = Number.NEGATIVE_INFINITY;
  }

  /**
   * After a wake: checks for each ring whether its samples should wake and what was lost; at intervals also CPUs and
   * slots.
   * @param reasons of a wake at which no batch began; 0 without one
   * @returns whether there is something to read, now or when the slack has passed
   */
  lookAfter(reasons: number): boolean {
    const pending = this.#pendingWakeReasons;
    this.#pendingWakeReasons = 0;
    const now = monotonicMilliseconds();
    const byEvent = ((reasons | pending) & WAKE_EVENTS) !== 0;
    let unread = false;
    for (const ring of this.rings) {
      const foundByTurn = ring.takeFound();
      const available = ring.look();
      if (available > 0) unread = true;
      if (pending !== 0 && foundByTurn > 0) ring.account.wakeups++;
      if (reasons !== 0 && available > 0) ring.account.wakeups++;
      const found = Math.max(foundByTurn, available);
      if (ring.lossCheckDue(found, available, now)) this.#checkLoss(ring);
      this.#moderate(ring, available, now);
      if (ring.timedLooksOwed > 0 && !byEvent) ring.timedLooksOwed--;
    }
    if (now - this.#lossCheckedAt >= LOSS_CHECK_MILLISECONDS) {
      this.#byItself('PERFRING_UPKEEP', 'cannot read how many samples were lost', () =>
        this.checkLosses(now),
      );
    }
    this.#checkSlots(now);
    this.#checkCpus(now);
    this.#reschedule();
    return unread || this.#hasHeldBackRecords;
  }

  /** After each batch. @param byDrain whether drain() ran it, so that no wake preceded it */
  afterBatch(byDrain: boolean): void {
    this.#hasHeldBackRecords = this.records.holdsBack;
    if (byDrain) this.#lookAfterDrain();
    if (this.#pendingWakeReasons !== 0) this.lookAfter(0);
    else if (this.#cpuCheckPending) this.#checkCpus(monotonicMilliseconds());
    for (const ring of this.rings) {
      this.#reportLoss(ring.countLostRecords());
      if (ring.behind) ring.look();
    }
    this.#retireEmptied();
    if (this.#parts.options.order === 'time') this.#reschedule();
  }

  /** Sets the timer for the next work that no wake announces. */
  #schedule(): void {
    const { waker, options } = this.#parts;
    if (waker === undefined) return;
    let microseconds = BACKSTOP_MICROSECONDS;
    const timed = this.rings.some((ring) => ring.timedLooksOwed > 0 || (ring.moderator?.busy ?? false));
    if (timed) microseconds = Math.min(microseconds, options.latencyMicroseconds);
    if (this.#hasHeldBackRecords && this.#parts.hasConsumer()) {
      microseconds = Math.min(microseconds, Math.max(50, options.slackNanoseconds / 1000));
    }
    waker.every(microseconds);
  }

  #reschedule(): void {
    this.#byItself('PERFRING_UPKEEP', 'cannot set its timer', () => this.#schedule());
  }

  #moderate(ring: CpuRing, available: number, now: number): void {
    const { moderator } = ring;
    if (moderator === undefined) return;
    const busy = moderator.looked(now, this.#rings.arrivedSamples(ring, available));
    if (busy !== ring.wakes || !this.#filled || now - this.#swapFailedAt < SWAP_PAUSE_MILLISECONDS) return;
    const swap = (): void => {
      if (!this.#rings.setWakes(ring, !busy)) return;
      const { notices, reader } = this.#parts;
      notices.add(() => channels.swap.publish({ reader, cpu: ring.cpu, wakes: !busy }));
    };
    const done = this.#byItself('PERFRING_SLOT_UPDATE', 'cannot change the event in a slot', swap, ring.cpu);
    if (!done) this.#swapFailedAt = now;
  }

  #checkCpus(now: number): void {
    if (now - this.#cpusCheckedAt < CPU_CHECK_MILLISECONDS) return;
    // The rings must not change within a batch.
    this.#cpuCheckPending = this.records.inBatch;
    if (this.#cpuCheckPending) return;
    this.#cpusCheckedAt = now;
    // refresh() calls the user's onlineCpus(), which may call close(). So it is called like a listener.
    this.#parts.notices.add(() => {
      this.#byItself('PERFRING_CPU_CHECK', 'cannot follow the CPUs that come and go', this.#parts.refresh);
    });
  }

  #checkSlots(now: number): void {
    if (now - this.#slotsCheckedAt < SLOT_CHECK_MILLISECONDS) return;
    this.#slotsCheckedAt = now;
    this.#byItself('PERFRING_UPKEEP', 'cannot keep its rings in their slots', () => this.#rings.checkSlots());
  }

  #checkLoss(ring: CpuRing): void {
    const check = (): void => this.#reportLoss(ring.checkLoss());
    this.#byItself('PERFRING_UPKEEP', 'cannot read how many samples a CPU lost', check, ring.cpu);
  }

  #retireEmptied(): void {
    if (!this.#rings.retires) return;
    const before = this.rings;
    this.#byItself('PERFRING_CPU_CHECK', 'cannot close the ring of an offline CPU', () =>
      this.#rings.retireEmptied(),
    );
    if (this.rings !== before) this.#ringsChanged();
  }

  /**
   * Runs a step that no caller requested. When it fails, the process is warned once, until the step succeeds. It is
   * tried again at the next occasion.
   * @param cpu the CPU that the step concerns; -1 for all
   * @returns whether it succeeded
   */
  #byItself(code: WarningCode, what: string, step: () => void, cpu = -1): boolean {
    try {
      step();
      if (this.#failing.size > 0) this.#noteSuccess(what, cpu);
      return true;
    } catch (error) {
      const cpus = this.#failing.get(what);
      if (cpus === undefined) {
        this.#failing.set(what, new Set([cpu]));
        this.#parts.notices.add(() => warn(code, `a reader ${what}, and will try again: ${String(error)}`));
      } else {
        cpus.add(cpu);
      }
      return false;
    }
  }

  #noteSuccess(what: string, cpu: number): void {
    const cpus = this.#failing.get(what);
    if (cpus?.delete(cpu) === true && cpus.size === 0) this.#failing.delete(what);
  }

  #reportLoss(report: LossReport | undefined): void {
    if (report === undefined) return;
    const { notices, reader, options } = this.#parts;
    notices.add(() => channels.loss.publish({ reader, ...report }));
    const { onLoss } = options;
    if (onLoss !== undefined) notices.add(() => onLoss(report));
  }

  #reportFault(cpu: number, fault: SkippedFault): void {
    const { notices, reader } = this.#parts;
    notices.add(() => channels.fault.publish({ reader, cpu, ...fault }));
  }

  #reportRegained(cpu: number): void {
    const { notices, reader } = this.#parts;
    notices.add(() => channels.regained.publish({ reader, cpu }));
  }

  #reportTaken(cpu: number): void {
    const { notices, reader, array } = this.#parts;
    notices.add(() => channels.taken.publish({ reader, cpu }));
    // Once per reader, and not when it is closing.
    if (this.#closing || this.#warnedOfTaken) return;
    this.#warnedOfTaken = true;
    notices.add(() => warnOfTakenSlot(cpu, array));
  }
}
