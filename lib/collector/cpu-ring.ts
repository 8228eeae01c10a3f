import type { NativeAddon } from '../addon/contract';
import type { PerfEventArray } from '../bpf/perf-event-array';
import type { PerfRing } from '../ring/perf-ring';
import { MmapRingStorage } from '../storage/mmap-ring-storage';
import { bpfOutputAttr, type EventWakeup, PerfEvent } from '../storage/perf-event';
import type { CpuAccount } from './accounts';
import type { LossReport, ResolvedOptions } from './options';
import { WakeModerator } from './wake-moderator';

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
    account.countsLost = storage.event.countsLost;
  }

  /** Opens the events and maps the ring: all, or nothing. @throws as {@link MmapRingStorage.open} */
  static open(native: NativeAddon, cpu: number, options: ResolvedOptions, account: CpuAccount): CpuRing {
    const { dataPageCount, attributes, timeInPayload, wakeup } = options;
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
      const waking = wakeup === 'moderated' ? openWaking(native, cpu, options, storage.event) : undefined;
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

  /** Puts the event whose turn it is into the CPU's slot. */
  fillSlot(array: PerfEventArray): void {
    const event = this.#wakes && this.#waking !== undefined ? this.#waking : this.#storage.event;
    array.set(this.cpu, event.handle);
  }

  /** Changes the event in the slot, for each sample to wake or not to. */
  setWakes(array: PerfEventArray, wakes: boolean): void {
    if (this.#waking === undefined || wakes === this.#wakes) return;
    this.#wakes = wakes;
    this.fillSlot(array);
    this.account.swaps++;
    // A record can be committed, just after the swap, that had begun without a wake.
    this.timedLooksOwed = wakes ? 2 : 0;
  }

  /** Bytes that lie unread now; the high-water mark is kept. */
  look(): number {
    const available = this.ring.availableBytes();
    this.account.sawAvailable(Math.min(available, this.ring.capacityBytes));
    return available;
  }

  /**
   * Reads how much was lost.
   * @param available bytes unread at the look before
   * @returns a report when it is more than at the last call
   */
  checkLoss(available: number): LossReport | undefined {
    const { account } = this;
    let lost = this.#storage.event.readLost();
    if (lost !== undefined) {
      lost += this.#waking?.readLost() ?? 0;
      account.lostByCounter = account.lostBefore + lost;
    }
    const total = account.lost;
    const delta = total - account.lostReported;
    if (delta <= 0) return undefined;
    account.lostReported = total;
    // Nothing lies in the ring, nothing was read since, and still there was no room.
    const emptyThroughout = available === 0 && this.#consumedAtCheck === this.consumedBytes;
    if (emptyThroughout) account.ringTooSmall = true;
    this.#consumedAtCheck = this.consumedBytes;
    account.peakDemandBytes = Math.max(
      account.peakDemandBytes,
      this.ring.capacityBytes + delta * account.meanRecordBytes,
    );
    return { cpu: this.cpu, lost: delta, total, ringTooSmall: account.ringTooSmall };
  }
  #consumedAtCheck = 0;

  /** The ring is detached and unmapped, the events closed. Slots are the caller's to empty before. Idempotent. */
  close(): void {
    this.#waking?.close();
    this.#storage.close();
  }
}

function ownersWakeup(wakeup: ResolvedOptions['wakeup']): EventWakeup {
  return typeof wakeup === 'object' ? wakeup : 'half-full';
}

function openWaking(native: NativeAddon, cpu: number, options: ResolvedOptions, owner: PerfEvent): PerfEvent {
  const waking = PerfEvent.open(native, bpfOutputAttr({ everyEvents: 1 }, options.attributes), cpu);
  try {
    waking.setOutput(owner);
    return waking;
  } catch (error) {
    waking.close();
    throw error;
  }
}
