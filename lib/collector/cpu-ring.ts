import type { NativeAddon } from '../addon/contract';
import type { PerfRing } from '../ring/perf-ring';
import { MmapRingStorage } from '../storage/mmap-ring-storage';
import {
  bpfOutputAttr,
  type CustomAttributes,
  type EventWakeup,
  PerfEvent,
  withTimeEnabled,
} from '../events/perf-event';
import type { CpuAccount } from './accounts';
import type { LossReport, ResolvedOptions } from './options';
import type { Slots } from './slots';
import { WakeModerator } from './wake-moderator';

/** A reader that leaves no more than this part of a ring has caught up. */
const NEARLY_EMPTY = 8;

/** Between two looks at the counters of a ring that nobody reads; and of one that is read and never found empty. */
const LOSS_CHECK_PAUSE_MILLISECONDS = 100;
const LOSS_CHECK_OVERDUE_MILLISECONDS = 1000;
const LOSS_CHECK_OVERDUE_DRAINS = 1024;

/**
 * One CPU's ring, the events that write into it, and its account.
 *
 * Moderated, two events share the ring: a quiet one, which owns the mapping and with it the watermark of half the
 * ring, and one that wakes at every sample and is redirected into it (PERF_EVENT_IOC_SET_OUTPUT). Which of the two
 * lies in the map's slot decides whether a sample wakes. Changing them loses, doubles and reorders nothing.
 *
 * @see perf_event_set_output(), https://github.com/torvalds/linux/blob/v6.12/kernel/events/core.c
 */
export class CpuRing {
  readonly cpu: number;
  /** Bytes visited or skipped since the ring was opened. */
  consumedBytes = 0;
  readonly moderator: WakeModerator | undefined;
  /** Looks a timer still owes after the waking event came back: a record may have been written without a wake. */
  timedLooksOwed = 0;
  /** The CPU went offline: the ring is read to its end and closed. */
  retiring = false;
  readonly #storage: MmapRingStorage;
  readonly #waking: PerfEvent | undefined;
  #wakes: boolean;
  #foundByTurn = 0;
  #consumedAtBegin = 0;
  #lossCheckOwed = false;
  #lossCheckedAt = Number.NEGATIVE_INFINITY;
  /** The first one that finds the ring half full looks at once. */
  #drainsOwingLossCheck = LOSS_CHECK_OVERDUE_DRAINS;
  /** Bytes published since the ring was opened, those that lay in it, and samples lost, as of the last check. */
  #publishedAtCheck = 0;
  #availableAtCheck = 0;
  #lostAtCheck = 0;
  /** Bytes lost since the ring was last seen nearly empty: what a larger ring would have had to hold as well. */
  #backlogBytes = 0;
  /** Samples lost by the PERF_RECORD_LOST of this ring. */
  #lostInRecords = 0;

  private constructor(
    storage: MmapRingStorage,
    waking: PerfEvent | undefined,
    readonly account: CpuAccount,
  ) {
    this.cpu = storage.event.cpu;
    this.#storage = storage;
    this.#waking = waking;
    this.#wakes = waking !== undefined;
    this.moderator = waking === undefined ? undefined : new WakeModerator();
    account.lostBefore = account.lostByCounter;
    this.#lostAtCheck = account.lost;
    account.countsLost = storage.event.countsLost;
  }

  /** Opens the events and maps the ring: all, or nothing. @throws as {@link MmapRingStorage.open} */
  static open(native: NativeAddon, cpu: number, options: ResolvedOptions, account: CpuAccount): CpuRing {
    const { dataPageCount, timeInPayload, wakeup } = options;
    const attributes = withTimeEnabled(options.attributes);
    const storage = MmapRingStorage.open(
      {
        cpu,
        dataPageCount,
        attributes,
        wakeup: ownersWakeup(wakeup),
        ...(timeInPayload === undefined ? {} : { timeInPayload }),
      },
      native,
    );
    try {
      const waking = wakeup === 'moderated' ? openWaking(native, cpu, attributes, storage.event) : undefined;
      return new CpuRing(storage, waking, account);
    } catch (error) {
      storage.close();
      throw error;
    }
  }

  get ring(): PerfRing {
    return this.#storage.ring;
  }

  /** The event to poll: the mapping's owner. */
  get polled(): PerfEvent {
    return this.#storage.event;
  }

  /** Whether each sample wakes, as the slot stands. */
  get wakes(): boolean {
    return this.#wakes;
  }

  /** The event that the slot holds, or would hold. */
  get slotEvent(): PerfEvent {
    return this.#wakes && this.#waking !== undefined ? this.#waking : this.#storage.event;
  }

  /** Changes the event in the slot, which holds this ring's, for each sample to wake or not to. */
  setWakes(slots: Slots, wakes: boolean): void {
    if (this.#waking === undefined || wakes === this.#wakes) return;
    this.#wakes = wakes;
    slots.fill(this.slotEvent);
    this.account.swaps++;
    // A record can be committed, just after the swap, that had begun without a wake.
    this.timedLooksOwed = wakes ? 2 : 0;
  }

  /** Whether samples were lost, and it has not been seen yet that the reader caught up. */
  get behind(): boolean {
    return this.#backlogBytes > 0;
  }

  /** Bytes that lie unread now, those of a turn under way included; the high-water mark is kept. 0 once closed. */
  look(): number {
    if (this.ring.closed) return 0;
    const available = this.#bytes('availableBytes');
    this.account.sawAvailable(available);
    if (available * NEARLY_EMPTY < this.ring.capacityBytes) this.#backlogBytes = 0;
    return available;
  }

  /** A turn begins, and found so many bytes. */
  sawTurnBegin(available: number): void {
    this.account.sawAvailable(available);
    this.#foundByTurn = available;
    this.#consumedAtBegin = this.consumedBytes;
  }

  /** Bytes that the last turn found when it began; 0 when that has been asked. */
  takeFoundByTurn(): number {
    const found = this.#foundByTurn;
    this.#foundByTurn = 0;
    return found;
  }

  /**
   * Whether to read the counters of lost samples now: that takes tens of microseconds and interrupts the ring's CPU. In a
   * ring that was found half full samples may have been lost. Once it has been read, a record that follows tells of
   * them, by a PERF_RECORD_LOST in front of it; the counters are for those that nothing follows. So they are read when the
   * ring is found empty afterwards, or when that takes long; sooner where nobody reads.
   * @param found most bytes seen in the ring since the last look
   * @param unread bytes that lie in it still
   * @param now milliseconds, of any monotonic clock
   */
  lossCheckDue(found: number, unread: number, now: number): boolean {
    if (!this.#owesLossCheck(found)) return false;
    if (found > 0) {
      const isUnread = unread * 2 >= this.ring.capacityBytes;
      const pause = isUnread ? LOSS_CHECK_PAUSE_MILLISECONDS : LOSS_CHECK_OVERDUE_MILLISECONDS;
      if (now - this.#lossCheckedAt < pause) return false;
    }
    this.#lossCheckOwed = false;
    this.#lossCheckedAt = now;
    return true;
  }

  /** The same for a drain, which reads what it found and takes no clock: when it takes long is after many of them. */
  lossCheckDueByDrain(found: number): boolean {
    if (!this.#owesLossCheck(found)) return false;
    if (found > 0 && ++this.#drainsOwingLossCheck < LOSS_CHECK_OVERDUE_DRAINS) return false;
    this.#lossCheckOwed = false;
    this.#drainsOwingLossCheck = 0;
    return true;
  }

  #owesLossCheck(found: number): boolean {
    if (found * 2 >= this.ring.capacityBytes) this.#lossCheckOwed = true;
    return this.#lossCheckOwed;
  }

  /** Bytes that were neither visited nor skipped. */
  get unreadBytes(): number {
    return this.#bytes('unreadBytes');
  }

  /** A ring whose positions cannot be is to be looked at: the turn that follows skips it, and counts that. */
  #bytes(which: 'availableBytes' | 'unreadBytes'): number {
    try {
      return this.ring[which]();
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ERR_PERF_RING_CORRUPT') return this.ring.capacityBytes;
      throw error;
    }
  }

  /**
   * Reads how much was lost.
   * @returns a report when it is more than was told so far
   */
  checkLoss(): LossReport | undefined {
    if (this.ring.closed) return undefined;
    const lost = this.#storage.event.readLost();
    if (lost !== undefined) {
      this.account.lostByCounter = this.account.lostBefore + lost + (this.#waking?.readLost() ?? 0);
    }
    return this.#reportLoss();
  }

  /**
   * A PERF_RECORD_LOST of so many samples comes: all that the counters would say, but for what was lost since.
   * @returns a report when that is more than was told so far
   */
  sawLost(count: number): LossReport | undefined {
    const { account } = this;
    this.#lostInRecords += count;
    account.lostByRecords += count;
    account.lostByCounter = Math.max(account.lostByCounter, account.lostBefore + this.#lostInRecords);
    return this.#reportLoss();
  }

  #reportLoss(): LossReport | undefined {
    const { account } = this;
    // After the counters: whatever had filled the ring when a sample was refused is seen here.
    const available = this.look();
    // Within a turn what was visited still lies in the ring, tallied or not.
    const published = (this.ring.reading ? this.#consumedAtBegin : this.consumedBytes) + available;
    const total = account.lost;
    const delta = total - this.#lostAtCheck;
    if (delta > 0) this.#judgeLoss(delta, published);
    this.#lostAtCheck = total;
    this.#publishedAtCheck = published;
    this.#availableAtCheck = available;
    if (delta <= 0) return undefined;
    return { cpu: this.cpu, lost: delta, total, ringTooSmall: account.ringTooSmall };
  }

  #judgeLoss(lost: number, published: number): void {
    const { account } = this;
    const { capacityBytes } = this.ring;
    // Had nothing been read since the check before, so much would lie in the ring: it was never fuller.
    const fullest = this.#availableAtCheck + published - this.#publishedAtCheck;
    if (fullest * 2 <= capacityBytes) account.ringTooSmall = true;
    this.#backlogBytes += lost * account.meanRecordBytes;
    account.sawDemand(capacityBytes + this.#backlogBytes);
  }

  /** The ring is detached and unmapped, the events closed. Slots are the caller's to empty before. Idempotent. */
  close(): void {
    this.#waking?.close();
    this.#storage.close();
  }
}

function ownersWakeup(wakeup: ResolvedOptions['wakeup']): EventWakeup {
  return typeof wakeup === 'object' ? wakeup : 'half-full';
}

function openWaking(
  native: NativeAddon,
  cpu: number,
  attributes: CustomAttributes,
  owner: PerfEvent,
): PerfEvent {
  const waking = PerfEvent.open(native, bpfOutputAttr({ everyEvents: 1 }, attributes), cpu);
  try {
    waking.setOutput(owner);
    return waking;
  } catch (error) {
    waking.close();
    throw error;
  }
}
