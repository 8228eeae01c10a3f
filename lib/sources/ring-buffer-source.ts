import type { RingBufferMap } from '../bpf/ring-buffer-map';
import type { BpfRing } from '../bpf-ring/bpf-ring';
import { channels, warn } from '../delivery/diagnostics';
import type { CountedRing } from '../delivery/metrics';
import type { ReaderContext, ReaderSource } from '../delivery/record-reader';
import { WakeModerator } from '../delivery/wake-moderator';
import { timerMicroseconds } from '../delivery/waker';
import { monotonicMilliseconds } from '../host/monotonic-clock';
import { RingByRing } from '../merge/ring-by-ring';
import type { LoopCounts } from '../records/record-ring';
import { LostRecords } from './lost-counter';
import type { ResolvedRingBufferOptions } from './ring-buffer-options';
import { RingBufferStorage } from './ring-buffer-storage';

/** A record can be committed without a wake (BPF_RB_NO_WAKEUP), so the ring is checked at least this often. */
const BACKSTOP_MICROSECONDS = 100_000;
/** Mean size of a record in bytes before the first one: a guess. */
const MEAN_RECORD_BYTES = 64;

/** The counts of a {@link RingBufferReader} since it was opened. */
export interface RingBufferStats {
  /** Records delivered, without discarded ones. */
  readonly received: number;
  /** Bytes of the records read, including headers, padding and discarded records. */
  readonly bytes: number;
  /**
   * Records for which the program found no space, as it counts them itself (option `lost`). Without a counter they are
   * unknown: the map keeps no count.
   */
  readonly lost: number | undefined;
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

/**
 * One ring buffer map as a source of records. It also decides whether records wake the reader.
 *
 * The kernel wakes for a commit only when the record is at consumer_pos. Under load the last record that was read is
 * not released, so no commit wakes, and a timer wakes instead. Programs need no change.
 */
export class RingBufferSource implements ReaderSource<RingBufferStats> {
  readonly records = new RingByRing();
  readonly #context: ReaderContext;
  readonly #map: RingBufferMap;
  readonly #storage: RingBufferStorage;
  readonly #ring: BpfRing;
  /** Undefined: each record wakes a reader that has caught up. */
  readonly #latencyMicroseconds: number | undefined;
  readonly #lost: LostRecords | undefined;
  readonly #moderator = new WakeModerator();
  #wakeups = 0;
  #switches = 0;
  #shared = 0;
  #arrived = 0;
  #pendingWakeReasons = 0;

  constructor(
    context: ReaderContext,
    map: RingBufferMap,
    { latencyMicroseconds, lost }: Pick<ResolvedRingBufferOptions, 'latencyMicroseconds' | 'lost'>,
  ) {
    const { native, reader, notices, waker } = context;
    this.#context = context;
    this.#map = map;
    this.#latencyMicroseconds = latencyMicroseconds;
    this.#lost = lost === undefined ? undefined : new LostRecords(lost);
    this.#storage = new RingBufferStorage(native, map);
    const { ring } = this.#storage;
    this.#ring = ring;
    ring.onFault = (fault) => notices.add(() => channels.fault.publish({ reader, cpu: -1, ...fault }));
    ring.onShared = () => this.#reportShared();
    try {
      waker?.watch(map.handle, 0, `ring buffer map ${map.info.id}`);
      waker?.every(BACKSTOP_MICROSECONDS);
    } catch (error) {
      this.#storage.close();
      throw error;
    }
    this.records.setRings([ring]);
  }

  stats(): RingBufferStats {
    const { counters, capacityBytes } = this.#ring;
    const { samples, consumedBytes, skippedBytes, corrupt, highWaterBytes, loops } = counters;
    return {
      received: samples,
      bytes: consumedBytes - skippedBytes,
      lost: this.#lost?.count,
      corrupt,
      shared: this.#shared,
      wakeups: this.#wakeups,
      switches: this.#switches,
      highWaterBytes,
      capacityBytes,
      loops: { ...loops },
    };
  }

  counted(stats: RingBufferStats): readonly CountedRing[] {
    return [{ labels: {}, counts: { ...stats, swaps: stats.switches } }];
  }

  afterWake(reasons: number, _hungUp: readonly number[], began: boolean): boolean {
    if (!began) return this.#lookAfter(reasons);
    this.#pendingWakeReasons |= reasons;
    return false;
  }

  /** Records did not wake when they were committed before the batch was released. */
  afterBatch(): boolean {
    if (this.#pendingWakeReasons !== 0) return this.#lookAfter(0);
    return this.#context.waker !== undefined && !this.#moderator.busy && this.#ring.isReady();
  }

  close(): void {
    this.#storage.close();
  }

  /**
   * Decides whether records should wake.
   * @param reasons of a wake at which no batch began; 0 without one
   */
  #lookAfter(reasons: number): boolean {
    const ring = this.#ring;
    const pending = this.#pendingWakeReasons;
    this.#pendingWakeReasons = 0;
    const isReady = ring.isReady();
    if ((pending !== 0 && ring.counters.foundBytes > 0) || (reasons !== 0 && isReady)) this.#wakeups++;
    this.#moderate();
    // Records that were committed before waking was turned on again did not wake.
    return isReady || ring.isReady();
  }

  #moderate(): void {
    const { waker } = this.#context;
    const latencyMicroseconds = this.#latencyMicroseconds;
    if (latencyMicroseconds === undefined || waker === undefined) return;
    const { busy } = this.#moderator;
    const { samples, consumedBytes } = this.#ring.counters;
    const mean = samples === 0 ? MEAN_RECORD_BYTES : consumedBytes / samples;
    const arrived = samples + this.#ring.unreadBytes() / mean;
    const isBusy = this.#moderator.looked(monotonicMilliseconds(), Math.max(0, arrived - this.#arrived));
    this.#arrived = arrived;
    if (isBusy === busy) return;
    this.#switches++;
    this.#ring.keepLast(isBusy);
    waker.every(isBusy ? timerMicroseconds(latencyMicroseconds) : BACKSTOP_MICROSECONDS);
  }

  #reportShared(): void {
    this.#shared++;
    const { notices, reader } = this.#context;
    const { id } = this.#map.info;
    notices.add(() => channels.taken.publish({ reader, cpu: -1 }));
    if (this.#shared > 1) return;
    notices.add(() =>
      warn(
        'PERFRING_MAP_SHARED',
        `another reader takes records from ring buffer map ${id}: this one does not get them. A map has one reader: ` +
          'stop one of the two, or give each a map of its own',
      ),
    );
  }
}
