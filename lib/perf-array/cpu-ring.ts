import type { PerfEventAttr } from '../abi/perf-event';
import type { NativeAddon } from '../addon/contract';
import { internalsOf } from '../ring/perf-ring';
import type { ReadSide } from '../ring/read-side';
import { MmapRingStorage } from '../storage/mmap-ring-storage';
import { type EventWakeup, withTimeEnabled } from '../events/attr';
import { bpfOutputAttr, splitSideBand } from '../events/bpf-output';
import { PerfEvent } from '../events/perf-event';
import { type CpuAccount, TAKES_ANY_SAMPLE_BYTES } from '../delivery/accounts';
import type { LossReport, ResolvedOptions } from './options';
import type { Slots } from './slots';
import { WakeModerator } from '../delivery/wake-moderator';

/** The reader has caught up when less than 1/8 of the ring is unread. */
const NEARLY_EMPTY = 8;

/**
 * How long to wait between reads of the loss counters: for a ring that stays half full, and for one that is read but
 * never found empty, in milliseconds or drains.
 */
const LOSS_CHECK_PAUSE_MILLISECONDS = 100;
const LOSS_CHECK_OVERDUE_MILLISECONDS = 1000;
const LOSS_CHECK_OVERDUE_DRAINS = 1024;

/**
 * One CPU's ring, the events that write into it, and the CPU's counts.
 *
 * Several events can share the ring. One owns the mapping and its watermark; the others are redirected into the ring
 * (PERF_EVENT_IOC_SET_OUTPUT):
 * - with `wakeup: 'moderated'`, one that wakes at every sample, while the owner is quiet. The event in the map's slot
 *   decides whether a sample wakes. Changing it loses, duplicates and reorders no sample.
 * - with attributes for side-band records, one that writes those: the kernel counts lost records by event, so each kind
 *   has its own counter.
 *
 * @see perf_event_set_output(), https://github.com/torvalds/linux/blob/v6.12/kernel/events/core.c
 */
export class CpuRing {
  readonly cpu: number;
  /** The ring. */
  readonly records: ReadSide;
  readonly moderator: WakeModerator | undefined;
  /** How many more times the timer must check the ring after a swap: a record may have been written without a wake. */
  timedLooksOwed = 0;
  /** Whether the CPU went offline: the ring is read to its end, then closed. */
  retiring = false;
  readonly #storage: MmapRingStorage;
  readonly #waking: PerfEvent | undefined;
  readonly #sideBand: PerfEvent | undefined;
  #wakes: boolean;
  #lossCheckOwed = false;
  #lossCheckedAt = Number.NEGATIVE_INFINITY;
  /** Drains since a check became due. It starts at the limit, so that the first check is not delayed. */
  #drainsOwingLossCheck = LOSS_CHECK_OVERDUE_DRAINS;
  /** Samples and side-band records lost by earlier rings of this CPU, before it went offline and came back. */
  readonly #lostBefore: number;
  readonly #lostOthersBefore: number;
  /** Lost samples that were reported; lost side-band records that were added to the backlog. */
  #reportedLost: number;
  #countedOthers: number;
  /** Records lost since the ring was last seen nearly empty: a larger ring would have had to hold them as well. */
  #backlog = 0;
  /** PERF_RECORD_LOST records that were delivered and counted. */
  #lostRecordsCounted = 0;
  /**
   * At the last read of the counters: the samples lost by then, and the position (bytes) up to which the ring was
   * released.
   */
  #lostAtRead = 0;
  #tailAtRead = 0;

  private constructor(
    storage: MmapRingStorage,
    waking: PerfEvent | undefined,
    sideBand: PerfEvent | undefined,
    readonly account: CpuAccount,
  ) {
    this.cpu = storage.event.cpu;
    this.#storage = storage;
    this.records = internalsOf(storage.ring);
    account.addRing(this.records.counters);
    this.#waking = waking;
    this.#sideBand = sideBand;
    this.#wakes = waking !== undefined;
    this.moderator = waking === undefined ? undefined : new WakeModerator();
    this.#lostBefore = account.lost;
    this.#lostOthersBefore = account.lostOthers;
    this.#reportedLost = account.lost;
    this.#countedOthers = account.lostOthers;
  }

  /** Opens the events and maps the ring. On failure nothing stays open. @throws as {@link MmapRingStorage.open} */
  static open(native: NativeAddon, cpu: number, options: ResolvedOptions, account: CpuAccount): CpuRing {
    const { dataPageCount, timeInPayload, wakeup } = options;
    const { samples, sideBand } = splitSideBand(withTimeEnabled(options.attributes));
    const storage = MmapRingStorage.openWith(native, {
      cpu,
      dataPageCount,
      attributes: samples,
      wakeup: ownersWakeup(wakeup),
      otherRecords: sideBand !== undefined,
      ...(timeInPayload === undefined ? {} : { timeInPayload }),
    });
    const redirected: PerfEvent[] = [];
    const redirect = (attr: PerfEventAttr): PerfEvent => {
      const event = PerfEvent.open(native, attr, cpu);
      redirected.push(event);
      event.setOutput(storage.event);
      return event;
    };
    try {
      return new CpuRing(
        storage,
        wakeup === 'moderated' ? redirect(bpfOutputAttr({ everyEvents: 1 }, samples)) : undefined,
        sideBand === undefined ? undefined : redirect(sideBand),
        account,
      );
    } catch (error) {
      for (const event of redirected) event.close();
      storage.close();
      throw error;
    }
  }

  /** The event to poll: the one that owns the mapping. */
  get polled(): PerfEvent {
    return this.#storage.event;
  }

  /** Whether each sample wakes, with the event that is in the slot. */
  get wakes(): boolean {
    return this.#wakes;
  }

  /** The event that is in the slot, or that should be put there. */
  get slotEvent(): PerfEvent {
    return this.#wakes && this.#waking !== undefined ? this.#waking : this.#storage.event;
  }

  /** Changes the event in the slot so that each sample wakes, or none does. The slot must hold this ring's event. */
  setWakes(slots: Slots, wakes: boolean): void {
    if (this.#waking === undefined || wakes === this.#wakes) return;
    slots.fill(wakes ? this.#waking : this.#storage.event);
    this.#wakes = wakes;
    this.account.swaps++;
    // A program that read the slot before the swap can commit its record after it, without a wake.
    this.timedLooksOwed = wakes ? 2 : 0;
  }

  /** Whether records were lost, and the reader has not been seen to catch up since. */
  get behind(): boolean {
    return this.#backlog > 0;
  }

  /** Size of the data area, bytes. */
  get capacityBytes(): number {
    return this.#storage.ring.capacityBytes;
  }

  /** Bytes in the ring now, including those of an open batch; 0 once closed. Updates the high-water mark. */
  look(): number {
    const held = this.records.heldBytes();
    this.records.counters.sawBytes(held);
    if (held * NEARLY_EMPTY < this.capacityBytes) this.#backlog = 0;
    return held;
  }

  /** Bytes that the last batch found when it began. A second call returns 0. */
  takeFound(): number {
    const { counters } = this.records;
    const found = counters.foundBytes;
    counters.foundBytes = 0;
    return found;
  }

  /**
   * Whether to read the counters of lost samples now. That takes tens of microseconds and interrupts the ring's CPU.
   * Samples may have been lost when the ring was found half full. When a record follows a loss, the kernel writes a
   * PERF_RECORD_LOST before it; the counters are needed for losses that no record follows. So they are read when the
   * ring is next found empty, or after a time limit, which is shorter for a ring that is not read.
   * @param found most bytes seen in the ring since the last call
   * @param unread bytes still in it
   * @param now milliseconds of any monotonic clock
   */
  lossCheckDue(found: number, unread: number, now: number): boolean {
    if (!this.#owesLossCheck(found)) return false;
    if (found > 0) {
      const isUnread = unread * 2 >= this.capacityBytes;
      const pause = isUnread ? LOSS_CHECK_PAUSE_MILLISECONDS : LOSS_CHECK_OVERDUE_MILLISECONDS;
      if (now - this.#lossCheckedAt < pause) return false;
    }
    this.#lossCheckOwed = false;
    this.#lossCheckedAt = now;
    return true;
  }

  /**
   * As {@link lossCheckDue}, for a drain: it reads what it found, and reads no clock, so the limit is a number of
   * drains.
   */
  lossCheckDueByDrain(found: number): boolean {
    if (!this.#owesLossCheck(found)) return false;
    if (found > 0 && ++this.#drainsOwingLossCheck < LOSS_CHECK_OVERDUE_DRAINS) return false;
    this.#lossCheckOwed = false;
    this.#drainsOwingLossCheck = 0;
    return true;
  }

  #owesLossCheck(found: number): boolean {
    if (found * 2 >= this.capacityBytes) this.#lossCheckOwed = true;
    return this.#lossCheckOwed;
  }

  /**
   * Reads the counters of lost records.
   * @returns a report when samples were lost since the last report
   */
  checkLoss(): LossReport | undefined {
    if (this.records.cursor.closed) return undefined;
    const lost = this.#storage.event.readLost();
    if (lost !== undefined) {
      const { account } = this;
      const samples = lost + (this.#waking?.readLost() ?? 0);
      const isTooSmall = samples > this.#lostAtRead && this.#halfWasFree();
      this.#lostAtRead = samples;
      this.#tailAtRead = this.records.counters.releasedBytes;
      if (isTooSmall) account.ringTooSmall = true;
      account.lost = this.#lostBefore + samples;
      account.lostOthers = this.#lostOthersBefore + (this.#sideBand?.readLost() ?? 0);
    }
    return this.#report();
  }

  /**
   * After a batch: counts what its PERF_RECORD_LOST records say. The counters contain these losses as well. They are
   * read only when a lost record may be a side-band record, or a sample larger than half the ring.
   * @returns a report when samples were lost since the last report
   */
  countLostRecords(): LossReport | undefined {
    const { account } = this;
    const { lostRecords, lostInRecords } = this.records.counters;
    if (lostRecords === this.#lostRecordsCounted) return undefined;
    this.#lostRecordsCounted = lostRecords;
    const { countsLost } = this.#storage.event;
    if (countsLost && (this.#sideBand !== undefined || this.#halfWasFree())) return this.checkLoss();
    account.lost = Math.max(account.lost, this.#lostBefore + lostInRecords);
    return this.#report();
  }

  /**
   * Whether at least half the ring was free all the time since the counters were last read: then only a sample that is
   * larger can have been lost. The ring was never fuller than all that was published since then.
   */
  #halfWasFree(): boolean {
    const { capacityBytes, records } = this;
    if (capacityBytes >= TAKES_ANY_SAMPLE_BYTES) return false;
    const head = records.counters.releasedBytes + records.heldBytes();
    return (head - this.#tailAtRead) * 2 <= capacityBytes;
  }

  #report(): LossReport | undefined {
    const { account } = this;
    // After the counters were read, so that this sees the bytes that filled the ring when a record was lost.
    this.look();
    const lost = account.lost - this.#reportedLost;
    const others = account.lostOthers - this.#countedOthers;
    this.#reportedLost = account.lost;
    this.#countedOthers = account.lostOthers;
    if (lost + others > 0) {
      this.#backlog += lost + others;
      account.sawBacklog(this.#backlog);
    }
    if (lost <= 0) return undefined;
    return { cpu: this.cpu, lost, total: account.lost, ringTooSmall: account.ringTooSmall };
  }

  /** Closes the events and unmaps the ring. Idempotent. The caller must empty the slot first. */
  close(): void {
    this.#sideBand?.close();
    this.#waking?.close();
    this.#storage.close();
  }
}

function ownersWakeup(wakeup: ResolvedOptions['wakeup']): EventWakeup {
  return typeof wakeup === 'object' ? wakeup : 'half-full';
}
