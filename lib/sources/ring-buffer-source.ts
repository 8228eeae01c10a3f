import type { NativeAddon } from '../addon/contract';
import type { RingBufferMap } from '../bpf/ring-buffer-map';
import type { BpfRing } from '../bpf-ring/bpf-ring';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import { RingByRing } from '../merge/ring-by-ring';
import { WakeModerator } from '../delivery/wake-moderator';
import type { Waker } from '../delivery/waker';
import { RingBufferStorage } from './ring-buffer-storage';

/** A record can be committed without a wake (BPF_RB_NO_WAKEUP), so the ring is checked at least this often. */
const BACKSTOP_MICROSECONDS = 100_000;
/** Mean size of a record in bytes before the first one: a guess. */
const MEAN_RECORD_BYTES = 64;

export interface RingBufferSourceOptions {
  /** The longest time a record waits under load; undefined: each record wakes a reader that has caught up. */
  readonly latencyMicroseconds: number | undefined;
}

/**
 * One ring buffer map as a source of records. It also decides whether records wake the reader.
 *
 * The kernel wakes for a commit only when the record is at consumer_pos. Under load the last record that was read is
 * not released, so no commit wakes, and a timer wakes instead. Programs need no change.
 */
export class RingBufferSource extends RingByRing {
  readonly ring: BpfRing;
  wakeups = 0;
  /** Times waking was turned off or on. */
  switches = 0;
  /** True: nothing is delivered. */
  paused = false;
  readonly #storage: RingBufferStorage;
  readonly #waker: Waker | undefined;
  readonly #options: RingBufferSourceOptions;
  readonly #moderator = new WakeModerator();
  #arrived = 0;
  #pendingWakeReasons = 0;

  constructor(
    native: NativeAddon,
    map: RingBufferMap,
    waker: Waker | undefined,
    options: RingBufferSourceOptions,
  ) {
    super();
    this.#storage = new RingBufferStorage(native, map);
    this.ring = this.#storage.ring;
    this.#waker = waker;
    this.#options = options;
    try {
      waker?.watch(map.handle, 0, `ring buffer map ${map.info.id}`);
      waker?.every(BACKSTOP_MICROSECONDS);
    } catch (error) {
      this.#storage.close();
      throw error;
    }
    this.setRings([this.ring]);
  }

  override beginBatch(): number {
    if (!this.paused) return super.beginBatch();
    this.inBatch = true;
    return 0;
  }

  override endOfWriting(): void {
    this.ring.endOfWriting();
  }

  /** The consumer began a batch at a wake with these reasons. The ring is checked when the batch ends. */
  lookAfterBatch(reasons: number): void {
    this.#pendingWakeReasons |= reasons;
  }

  /**
   * After a wake: decides whether records should wake.
   * @param reasons of a wake at which no batch began; 0 without one
   * @returns whether there is something to read
   */
  lookAfter(reasons: number): boolean {
    const { ring } = this;
    const pending = this.#pendingWakeReasons;
    this.#pendingWakeReasons = 0;
    const isReady = ring.isReady();
    if ((pending !== 0 && ring.counters.foundBytes > 0) || (reasons !== 0 && isReady)) this.wakeups++;
    this.#moderate();
    // Records that were committed before waking was turned on again did not wake.
    return !this.paused && (isReady || ring.isReady());
  }

  /**
   * @returns whether there are more records. They did not wake when they were committed before this batch was released
   */
  afterBatch(): boolean {
    if (this.#pendingWakeReasons !== 0) return this.lookAfter(0);
    return !this.paused && !this.#moderator.busy && this.ring.isReady();
  }

  close(): void {
    this.#storage.close();
  }

  #moderate(): void {
    const { latencyMicroseconds } = this.#options;
    if (latencyMicroseconds === undefined || this.#waker === undefined) return;
    const { busy } = this.#moderator;
    const { samples, consumedBytes } = this.ring.counters;
    const mean = samples === 0 ? MEAN_RECORD_BYTES : consumedBytes / samples;
    const arrived = samples + this.ring.unreadBytes() / mean;
    const isBusy = this.#moderator.looked(monotonicMilliseconds(), Math.max(0, arrived - this.#arrived));
    this.#arrived = arrived;
    if (isBusy === busy) return;
    this.switches++;
    this.ring.keepLast(isBusy);
    this.#waker.every(isBusy ? latencyMicroseconds : BACKSTOP_MICROSECONDS);
  }
}
