import type { PerfEventAttr } from '../abi/perf-event';
import type { PerfEventArray } from '../bpf/perf-event-array';
import { internalsOf } from '../ring/perf-ring';
import type { ReadSide } from '../ring/read-side';
import { MmapRingStorage } from '../storage/mmap-ring-storage';
import { type EventWakeup, withTimeEnabled } from '../events/attr';
import { bpfOutputAttr, splitSideBand } from '../events/bpf-output';
import { PerfEvent } from '../events/perf-event';
import { channels } from '../delivery/diagnostics';
import type { ReaderContext } from '../delivery/record-reader';
import { type CpuAccount, TAKES_ANY_SAMPLE_BYTES } from '../delivery/accounts';
import type { LossReport, ResolvedOptions } from './options';
import type { Slots } from './slots';
import { WakeModerator } from '../delivery/wake-moderator';

/** The reader has caught up when less than 1/8 of the ring is unread. */
const NEARLY_EMPTY = 8;

/**
 * How long to wait between reads of the loss counters: for a ring that stays half full, and for one that is read but
 * never found empty.
 */
const LOSS_CHECK_PAUSE_MILLISECONDS = 100;
const LOSS_CHECK_OVERDUE_MILLISECONDS = 1000;

/** A perf event array, the reader of it and the reader's options. */
export interface PerfArrayParts extends ReaderContext {
  readonly array: PerfEventArray;
  readonly options: ResolvedOptions;
}

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
  readonly #parts: PerfArrayParts;
  #wakes: boolean;
  #lossCheckOwed = false;
  #lossCheckedAt = Number.NEGATIVE_INFINITY;
  /** Samples and side-band records that this ring lost, as far as they were counted. */
  #lost = 0;
  #lostOthers = 0;
  /** Records lost since the ring was last seen nearly empty: a larger ring would have had to hold them as well. */
  #backlog = 0;
  /** PERF_RECORD_LOST records that were delivered and counted. */
  #lostRecordsCounted = 0;
  /** The position (bytes) up to which the ring was released when the counters were last read. */
  #tailAtRead = 0;
  /** Samples that had arrived on this CPU when the ring was last checked, read or not. */
  #arrived: number;

  private constructor(
    parts: PerfArrayParts,
    storage: MmapRingStorage,
    waking: PerfEvent | undefined,
    sideBand: PerfEvent | undefined,
    readonly account: CpuAccount,
  ) {
    const { reader, notices } = parts;
    const { cpu } = storage.event;
    this.cpu = cpu;
    this.#parts = parts;
    this.#storage = storage;
    this.records = internalsOf(storage.ring);
    this.records.onFault = (fault) => notices.add(() => channels.fault.publish({ reader, cpu, ...fault }));
    account.addRing(this.records.counters);
    this.#waking = waking;
    this.#sideBand = sideBand;
    this.#wakes = waking !== undefined;
    this.moderator = waking === undefined ? undefined : new WakeModerator();
    this.#arrived = account.received + account.lost;
  }

  /** Opens the events and maps the ring. On failure nothing stays open. @throws as {@link MmapRingStorage.open} */
  static open(parts: PerfArrayParts, cpu: number, account: CpuAccount): CpuRing {
    const { native, options } = parts;
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
        parts,
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
    const { notices, reader } = this.#parts;
    notices.add(() => channels.swap.publish({ reader, cpu: this.cpu, wakes }));
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
    this.records.counters.updateHighWater(held);
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
   * Samples that arrived since the last call: read, unread or lost. The lost ones count because a full ring receives no
   * samples although the load is high.
   * @param available what {@link look} returned
   */
  arrivedSamples(available: number): number {
    const { account, records } = this;
    // Within a batch, visited records are counted as received and are still in the ring.
    const unread = available - records.unreleasedBytes;
    const arrived = account.received + account.lost + unread / account.meanRecordBytes;
    const before = this.#arrived;
    this.#arrived = arrived;
    return Math.max(0, arrived - before);
  }

  /**
   * Whether to read the counters of lost samples now. That takes tens of microseconds and interrupts the ring's CPU.
   * Samples may have been lost when the ring was found half full. When a record follows a loss, the kernel writes a
   * PERF_RECORD_LOST before it; the counters are needed for losses that no record follows. So they are read when the
   * ring is next found empty, or after a time limit, which is shorter for a ring that is not read.
   * @param found most bytes seen in the ring since the last call
   * @param unread bytes still in it
   * @param clock milliseconds of any monotonic clock; called only for a ring that was found half full
   */
  lossCheckDue(found: number, unread: number, clock: () => number): boolean {
    if (found * 2 >= this.capacityBytes) this.#lossCheckOwed = true;
    if (!this.#lossCheckOwed) return false;
    const now = clock();
    const isUnread = unread * 2 >= this.capacityBytes;
    const pause = isUnread ? LOSS_CHECK_PAUSE_MILLISECONDS : LOSS_CHECK_OVERDUE_MILLISECONDS;
    if (found > 0 && now - this.#lossCheckedAt < pause) return false;
    this.#lossCheckOwed = false;
    this.#lossCheckedAt = now;
    return true;
  }

  /** Reads the counters of lost records, and reports samples that were lost since the last report. */
  checkLoss(): void {
    if (this.records.cursor.closed) return;
    const quiet = this.#storage.event.readLost();
    if (quiet === undefined) {
      this.look();
      return;
    }
    const samples = quiet + (this.#waking?.readLost() ?? 0);
    const others = this.#sideBand?.readLost() ?? 0;
    if (samples > this.#lost && this.#halfWasFree()) this.account.ringTooSmall = true;
    this.#tailAtRead = this.records.counters.releasedBytes;
    this.#countLost(samples, others);
  }

  /**
   * After a batch: counts what its PERF_RECORD_LOST records say. The counters contain these losses as well. They are
   * read only when a lost record may be a side-band record, or a sample larger than half the ring.
   */
  countLostRecords(): void {
    const { lostRecords, lostInRecords } = this.records.counters;
    if (lostRecords === this.#lostRecordsCounted) return;
    this.#lostRecordsCounted = lostRecords;
    const { countsLost } = this.#storage.event;
    if (countsLost && (this.#sideBand !== undefined || this.#halfWasFree())) this.checkLoss();
    else this.#countLost(lostInRecords, this.#lostOthers);
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

  /** @param samples, others lost by this ring so far */
  #countLost(samples: number, others: number): void {
    const { account, cpu } = this;
    // After the counters were read, so that this sees the bytes that filled the ring when a record was lost.
    this.look();
    const lost = Math.max(0, samples - this.#lost);
    const lostOthers = Math.max(0, others - this.#lostOthers);
    if (lost + lostOthers === 0) return;
    this.#lost += lost;
    this.#lostOthers += lostOthers;
    account.lost += lost;
    account.lostOthers += lostOthers;
    this.#backlog += lost + lostOthers;
    account.sawBacklog(this.#backlog);
    if (lost === 0) return;
    const { notices, reader, options } = this.#parts;
    const report: LossReport = { cpu, lost, total: account.lost, ringTooSmall: account.ringTooSmall };
    notices.add(() => channels.loss.publish({ reader, ...report }));
    const { onLoss } = options;
    if (onLoss !== undefined) notices.add(() => onLoss(report));
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
