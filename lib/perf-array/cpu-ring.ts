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
 * Several events may share the ring. One owns the mapping, and with it the watermark; the others are redirected into
 * it (PERF_EVENT_IOC_SET_OUTPUT):
 * - with `wakeup: 'moderated'` one that wakes at every sample, while the owner is quiet. The one in the map's slot
 *   decides whether a sample wakes. Swapping them loses, doubles and reorders nothing.
 * - with attributes for side-band records one that writes those: lost records are counted by event, so each kind has
 *   a counter of its own.
 *
 * @see perf_event_set_output(), https://github.com/torvalds/linux/blob/v6.12/kernel/events/core.c
 */
export class CpuRing {
  readonly cpu: number;
  /** The ring. */
  readonly records: ReadSide;
  readonly moderator: WakeModerator | undefined;
  /** Looks a timer still owes after the waking event came back: a record may have been written without a wake. */
  timedLooksOwed = 0;
  /** The CPU went offline: the ring is read to its end and closed. */
  retiring = false;
  readonly #storage: MmapRingStorage;
  readonly #waking: PerfEvent | undefined;
  readonly #sideBand: PerfEvent | undefined;
  #wakes: boolean;
  #lossCheckOwed = false;
  #lossCheckedAt = Number.NEGATIVE_INFINITY;
  /** The first one that finds the ring half full looks at once. */
  #drainsOwingLossCheck = LOSS_CHECK_OVERDUE_DRAINS;
  /** Samples and side-band records lost before this ring was opened: the CPU was offline in between. */
  readonly #lostBefore: number;
  readonly #lostOthersBefore: number;
  /** Lost samples that were reported; side-band records that were counted as demand. */
  #reportedLost: number;
  #countedOthers: number;
  /** Records lost since the ring was last seen nearly empty: what a larger ring would have had to hold as well. */
  #backlog = 0;
  /** PERF_RECORD_LOST that were delivered and taken into account. */
  #lostRecordsCounted = 0;
  /** Of the last read of the counters: samples lost by then, and the position up to which the ring had been read. */
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

  /** Opens the events and maps the ring: all, or nothing. @throws as {@link MmapRingStorage.open} */
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
    slots.fill(wakes ? this.#waking : this.#storage.event);
    this.#wakes = wakes;
    this.account.swaps++;
    // A record can be committed, just after the swap, that had begun without a wake.
    this.timedLooksOwed = wakes ? 2 : 0;
  }

  /** Whether samples were lost, and it has not been seen yet that the reader caught up. */
  get behind(): boolean {
    return this.#backlog > 0;
  }

  /** Size of the data area, bytes. */
  get capacityBytes(): number {
    return this.#storage.ring.capacityBytes;
  }

  /** Bytes that lie in the ring now, those of an open batch included; the high-water mark is kept. 0 once closed. */
  look(): number {
    const held = this.records.heldBytes();
    this.records.counters.sawBytes(held);
    if (held * NEARLY_EMPTY < this.capacityBytes) this.#backlog = 0;
    return held;
  }

  /** Bytes that the last batch found when it began; 0 when that has been asked. */
  takeFound(): number {
    const { counters } = this.records;
    const found = counters.foundBytes;
    counters.foundBytes = 0;
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
      const isUnread = unread * 2 >= this.capacityBytes;
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
    if (found * 2 >= this.capacityBytes) this.#lossCheckOwed = true;
    return this.#lossCheckOwed;
  }

  /**
   * Reads the counters of lost records.
   * @returns a report when samples were lost that no report told yet
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
   * After a batch: when it delivered PERF_RECORD_LOST, what they say is counted. The counters know of that as well; but
   * where they are all samples they need not be read for it.
   * @returns a report when samples were lost that no report told yet
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
   * Whether at least half the ring was free ever since the counters were last read, so that only a sample that is
   * larger can have been lost. Had nothing been read since then, all that was published would lie in the ring still:
   * it was never fuller than that.
   */
  #halfWasFree(): boolean {
    const { capacityBytes, records } = this;
    if (capacityBytes >= TAKES_ANY_SAMPLE_BYTES) return false;
    const head = records.counters.releasedBytes + records.heldBytes();
    return (head - this.#tailAtRead) * 2 <= capacityBytes;
  }

  #report(): LossReport | undefined {
    const { account } = this;
    // After the counters: whatever filled the ring when a record was lost is seen here.
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

  /** The ring is detached and unmapped, the events closed. Slots are the caller's to empty before. Idempotent. */
  close(): void {
    this.#sideBand?.close();
    this.#waking?.close();
    this.#storage.close();
  }
}

function ownersWakeup(wakeup: ResolvedOptions['wakeup']): EventWakeup {
  return typeof wakeup === 'object' ? wakeup : 'half-full';
}
