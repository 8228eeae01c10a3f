import { WAKE_EVENTS } from '../addon/contract';
import type { ReaderStats } from '../delivery/accounts';
import type { CountedRing } from '../delivery/metrics';
import type { ReaderSource } from '../delivery/record-reader';
import { timerMicroseconds } from '../delivery/waker';
import { monotonicMilliseconds, monotonicNanoseconds } from '../host/monotonic-clock';
import { RingByRing } from '../merge/ring-by-ring';
import type { OrderRules } from '../merge/order-clock';
import { TimeOrder } from '../merge/time-order';
import type { CpuRing, PerfArrayParts } from './cpu-ring';
import { RingSet } from './ring-set';
import { SLOT_CHECK_MILLISECONDS } from './slots';
import { Upkeep } from './upkeep';

/** A record can be committed without a wake, so the rings are checked at least this often. */
const BACKSTOP_MICROSECONDS = 100_000;
/** How often the loss counters are read, for losses that leave no trace in the ring: samples that never fit into it. */
const LOSS_CHECK_MILLISECONDS = 1000;
const CPU_CHECK_MILLISECONDS = 1000;
/** The shortest time between a failed swap and the next attempt. */
const SWAP_PAUSE_MILLISECONDS = 1000;

/**
 * The rings of one perf event array as a source of records, and the work that they need: the event in each slot, lost
 * samples, slots that another reader took, CPUs that come online or go offline, the timer.
 */
export class PerfArraySource implements ReaderSource<ReaderStats> {
  readonly records: RingByRing | TimeOrder;
  readonly #parts: PerfArrayParts;
  readonly #rings: RingSet;
  readonly #upkeep: Upkeep;
  /** Whether the reader's events are in their slots, except those that another reader took. */
  #filled = true;
  #closed = false;
  /** Whether records were held back when the last batch ended, until the slack has passed (order: 'time'). */
  #hasHeldBackRecords = false;
  #cpuCheckPending = false;
  #lossCheckedAt = 0;
  #cpusCheckedAt = 0;
  #slotsCheckedAt = monotonicMilliseconds();
  #swapFailedAt = Number.NEGATIVE_INFINITY;
  /** Reasons of wakes after which the rings have not been checked yet. */
  #pendingWakeReasons = 0;

  /** Opens all rings and fills their slots. On failure nothing stays open. */
  constructor(parts: PerfArrayParts) {
    this.#parts = parts;
    this.records = parts.options.order === 'time' ? new TimeOrder(orderRulesOf(parts)) : new RingByRing();
    this.#upkeep = new Upkeep('a reader', parts.notices);
    this.#rings = new RingSet(parts, this.records);
    try {
      this.#rings.open();
      this.#schedule();
    } catch (error) {
      try {
        this.#rings.close();
      } catch {
        // The first error is thrown: it says why the reader could not be opened.
      }
      throw error;
    }
  }

  /** By CPU number, ascending. */
  get rings(): readonly CpuRing[] {
    return this.#rings.list;
  }

  stats(): ReaderStats {
    if (!this.#closed) this.#checkLosses(monotonicMilliseconds());
    return this.#rings.stats();
  }

  counted({ cpus }: ReaderStats): readonly CountedRing[] {
    return cpus.map((counts) => ({ labels: { cpu: String(counts.cpu) }, counts }));
  }

  close(): void {
    this.#closed = true;
    this.#rings.close();
  }

  pause(): void {
    this.#filled = false;
    this.#rings.emptySlots();
  }

  resume(): void {
    this.#filled = true;
    this.#rings.fillSlots();
  }

  /** Follows the CPUs that came online or went offline; nothing within a batch or while the reader closes. */
  refresh(): void {
    const { notices, options, isClosing } = this.#parts;
    // onlineCpus() may be the user's function, and may call close() or begin a batch. So it is called before anything
    // changes.
    const online = options.onlineCpus();
    if (isClosing() || this.records.inBatch) return;
    notices.run(() => this.#rings.refresh(online, this.#filled));
  }

  afterWake(reasons: number, hungUp: readonly number[], began: boolean): boolean {
    if (hungUp.length > 0) this.#cpusCheckedAt = Number.NEGATIVE_INFINITY;
    if (!began) return this.#lookAfter(reasons);
    this.#pendingWakeReasons |= reasons;
    return false;
  }

  afterBatch(byDrain: boolean): boolean {
    this.#hasHeldBackRecords = this.records.holdsBack;
    if (byDrain) this.#lookAfterDrain();
    if (this.#pendingWakeReasons !== 0) this.#lookAfter(0);
    else if (this.#cpuCheckPending) this.#checkCpus(monotonicMilliseconds());
    for (const ring of this.rings) {
      ring.countLostRecords();
      if (ring.behind) ring.look();
    }
    if (this.#rings.retires) {
      this.#upkeep.attempt('PERFRING_CPU_CHECK', 'cannot close the ring of an offline CPU', () =>
        this.#rings.retireEmptied(),
      );
    }
    if (this.#parts.options.order === 'time') this.#reschedule();
    return false;
  }

  #checkLosses(now: number): void {
    this.#lossCheckedAt = now;
    for (const ring of this.rings) ring.checkLoss();
  }

  #lookAfterDrain(): void {
    let quiet = false;
    for (const ring of this.rings) {
      const found = ring.takeFound();
      if (found === 0) quiet = true;
      if (ring.lossCheckDue(found, 0, monotonicMilliseconds)) this.#checkLoss(ring);
    }
    // A ring that received samples is still in its slot, so the slots are checked only when a ring received none.
    if (quiet && this.#parts.waker === undefined) this.#checkSlots(monotonicMilliseconds());
  }

  /**
   * Checks for each ring whether its samples should wake and what was lost; at intervals also CPUs and slots.
   * @param reasons of a wake at which no batch began; 0 without one
   * @returns whether there is something to read, now or when the slack has passed
   */
  #lookAfter(reasons: number): boolean {
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
      if (ring.lossCheckDue(found, available, () => now)) this.#checkLoss(ring);
      this.#moderate(ring, available, now);
      if (ring.timedLooksOwed > 0 && !byEvent) ring.timedLooksOwed--;
    }
    if (now - this.#lossCheckedAt >= LOSS_CHECK_MILLISECONDS) {
      this.#upkeep.attempt('PERFRING_UPKEEP', 'cannot read how many samples were lost', () =>
        this.#checkLosses(now),
      );
    }
    this.#checkSlots(now);
    this.#checkCpus(now);
    this.#reschedule();
    return unread || this.#hasHeldBackRecords;
  }

  /** Sets the timer for the next work that no wake announces. */
  #schedule(): void {
    const { waker, options } = this.#parts;
    if (waker === undefined) return;
    let microseconds = BACKSTOP_MICROSECONDS;
    const timed = this.rings.some((ring) => ring.timedLooksOwed > 0 || (ring.moderator?.busy ?? false));
    if (timed) microseconds = Math.min(microseconds, timerMicroseconds(options.latencyMicroseconds));
    if (this.#hasHeldBackRecords && this.#parts.hasConsumer()) {
      microseconds = Math.min(microseconds, Math.max(50, options.slackNanoseconds / 1000));
    }
    waker.every(microseconds);
  }

  #reschedule(): void {
    this.#upkeep.attempt('PERFRING_UPKEEP', 'cannot set its timer', () => this.#schedule());
  }

  #moderate(ring: CpuRing, available: number, now: number): void {
    const { moderator } = ring;
    if (moderator === undefined) return;
    const busy = moderator.looked(now, ring.arrivedSamples(available));
    if (busy !== ring.wakes || !this.#filled || now - this.#swapFailedAt < SWAP_PAUSE_MILLISECONDS) return;
    const swap = (): void => this.#rings.setWakes(ring, !busy);
    const done = this.#upkeep.attempt(
      'PERFRING_SLOT_UPDATE',
      'cannot change the event in a slot',
      swap,
      ring.cpu,
    );
    if (!done) this.#swapFailedAt = now;
  }

  #checkCpus(now: number): void {
    if (now - this.#cpusCheckedAt < CPU_CHECK_MILLISECONDS) return;
    // The rings must not change within a batch.
    this.#cpuCheckPending = this.records.inBatch;
    if (this.#cpuCheckPending) return;
    this.#cpusCheckedAt = now;
    const { notices, isClosing } = this.#parts;
    const refresh = (): void => {
      if (!isClosing()) this.refresh();
    };
    // refresh() calls the user's onlineCpus(), which may call close(). So it is called like a listener.
    notices.add(() =>
      this.#upkeep.attempt(
        'PERFRING_CPU_CHECK',
        'cannot update its rings for CPUs that come online or go offline',
        refresh,
      ),
    );
  }

  #checkSlots(now: number): void {
    if (now - this.#slotsCheckedAt < SLOT_CHECK_MILLISECONDS) return;
    this.#slotsCheckedAt = now;
    this.#upkeep.attempt('PERFRING_UPKEEP', 'cannot keep its rings in their slots', () =>
      this.#rings.checkSlots(),
    );
  }

  #checkLoss(ring: CpuRing): void {
    const check = (): void => ring.checkLoss();
    this.#upkeep.attempt('PERFRING_UPKEEP', 'cannot read how many samples a CPU lost', check, ring.cpu);
  }
}

function orderRulesOf({ options, native }: PerfArrayParts): OrderRules {
  const { slackNanoseconds, timeInPayload } = options;
  const rules = { slackNanoseconds, live: true, clock: monotonicNanoseconds, shrinks: true };
  // A program can be preempted after it has read the time for its payload, so another thread can run on its CPU then.
  return timeInPayload === undefined ? { ...rules, currentCpu: () => native.currentCpu() } : rules;
}
