import { totalmem } from 'node:os';
import type { NativeAddon } from '../addon/contract';
import type { PerfEventArray } from '../bpf/perf-event-array';
import { PerfRingError } from '../errors';
import { processCapabilities } from '../host/capabilities';
import { onlineCpus } from '../host/cpu-list';
import { largestRingBytes, type MemoryLimit, memoryLimit } from '../host/memory-limit';
import { CpuAccount, type ReaderStats, statsOf } from '../delivery/accounts';
import { attemptAll } from '../input/attempt-all';
import type { LoopCounts } from '../records/record-ring';
import { CpuRing } from './cpu-ring';
import { LARGEST_RING_BYTES, type ResolvedOptions } from './options';
import { checkSlots, type SlotListener, Slots, splitBySlot } from './slots';
import type { Waker } from '../delivery/waker';
import { handleOf } from '../events/perf-event';

/** All rings together are advised at most this part of the machine's memory. */
const LARGEST_PART_OF_MEMORY = 1 / 4;

/** A CPU that came online or went offline. */
export interface CpuChange {
  readonly cpu: number;
  readonly online: boolean;
}

/**
 * The rings of a reader, by CPU number, and their slots in the array. The key is the CPU number and not a position in a
 * list, because CPU numbers can have gaps and CPUs can be offline.
 */
export class RingSet {
  readonly #native: NativeAddon;
  readonly #array: PerfEventArray;
  readonly #options: ResolvedOptions;
  readonly #waker: Waker | undefined;
  readonly #retired: (ring: CpuRing) => void;
  readonly #slots: Slots;
  readonly #tellLeftOut: (cpus: readonly number[]) => void;
  readonly #leftOut = new Set<number>();
  readonly #accounts = new Map<number, CpuAccount>();
  /** For each ring, the samples that had arrived when it was last checked, read or not. */
  readonly #arrived = new WeakMap<CpuRing, number>();
  #list: readonly CpuRing[] = [];
  /** Read when something was lost for the first time. */
  #mayLock: MemoryLimit | undefined;
  /** Whether a ring is retiring. */
  #retires = false;

  /**
   * @param retired called with the ring of an offline CPU when it has been read to its end, before it is closed
   * @param listener called for slots that another reader has taken, and that were regained
   * @param leftOut called once with each CPU for which the map has no slot
   */
  constructor(
    native: NativeAddon,
    array: PerfEventArray,
    options: ResolvedOptions,
    waker: Waker | undefined,
    retired: (ring: CpuRing) => void,
    listener: SlotListener,
    leftOut: (cpus: readonly number[]) => void,
  ) {
    this.#native = native;
    this.#array = array;
    this.#options = options;
    this.#waker = waker;
    this.#retired = retired;
    this.#slots = new Slots(native, array, listener);
    this.#tellLeftOut = leftOut;
  }

  /** The rings, by CPU number. */
  get list(): readonly CpuRing[] {
    return this.#list;
  }

  /** Whether rings of offline CPUs are still to be read to their end and closed. */
  get retires(): boolean {
    return this.#retires;
  }

  /** The counts so far. */
  stats(loops: LoopCounts): ReaderStats {
    return statsOf(this.#accounts.values(), () => this.#advisableBytes(), loops);
  }

  /**
   * Opens a ring for every CPU in the options, or every online one, and fills the slots. When this throws, the caller
   * closes what was opened.
   */
  open(): void {
    const online = new Set(this.#options.onlineCpus());
    const asked = this.#options.cpus;
    checkSlots(this.#array, asked ?? [...online], asked !== undefined);
    const wanted = asked ?? this.#withSlots([...online]);
    for (const cpu of wanted) {
      if (!online.has(cpu)) {
        throw new PerfRingError(
          'ERR_PERF_CPU_OFFLINE',
          `CPU ${cpu} is offline: bring it online or leave it out`,
        );
      }
    }
    for (const cpu of wanted) this.#add(cpu);
    if (this.#list.length === 0) throw new PerfRingError('ERR_PERF_CPU_OFFLINE', 'no CPU is online');
    this.fillSlots();
  }

  /**
   * Retires rings of CPUs that went offline, and opens rings for those that came online. Tries every CPU, then throws
   * the first error. The next refresh tries again.
   * @param online CPUs that are online
   * @param fill whether to put new rings into their slots
   * @param changed called for each CPU that came online or went offline
   */
  refresh(online: readonly number[], fill: boolean, changed: (change: CpuChange) => void): void {
    const wanted = new Set(
      this.#options.cpus?.filter((cpu) => online.includes(cpu)) ?? this.#withSlots(online),
    );
    const gone = this.#list.filter((ring) => !wanted.has(ring.cpu) && !ring.retiring);
    attemptAll([
      ...gone.map((ring) => () => {
        this.#slots.empty(ring.cpu);
        ring.retiring = true;
        this.#retires = true;
        this.#waker?.unwatch(handleOf(ring.polled));
        changed({ cpu: ring.cpu, online: false });
      }),
      () => this.retireEmptied(),
      ...[...wanted]
        .sort((one, other) => one - other)
        .map((cpu) => () => {
          if (this.#list.some((ring) => ring.cpu === cpu) || !this.#addIfOnline(cpu)) return;
          if (fill) this.#fillNew(cpu);
          changed({ cpu, online: true });
        }),
    ]);
  }

  /** Closes rings of offline CPUs that have been read to their end. */
  retireEmptied(): void {
    const emptied = this.#list.filter((ring) => ring.retiring && ring.look() === 0);
    this.#list = emptied.length > 0 ? this.#list.filter((ring) => !emptied.includes(ring)) : this.#list;
    this.#retires = this.#list.some((ring) => ring.retiring);
    attemptAll(emptied.flatMap((ring) => [() => this.#retired(ring), () => ring.close()]));
  }

  fillSlots(): void {
    const rings = this.#list.filter((ring) => !ring.retiring);
    attemptAll(rings.map((ring) => () => this.#slots.fill(ring.slotEvent)));
  }

  emptySlots(): void {
    attemptAll(this.#list.map((ring) => () => this.#slots.empty(ring.cpu)));
  }

  /** @returns false, and nothing is changed, when the slot does not hold the ring's event or the ring is retiring */
  setWakes(ring: CpuRing, wakes: boolean): boolean {
    if (ring.retiring || !this.#slots.holds(ring.cpu)) return false;
    ring.setWakes(this.#slots, wakes);
    return true;
  }

  /** Reports slots that another reader has taken, and fills those again that have become empty. */
  checkSlots(): void {
    attemptAll(this.#list.map((ring) => () => this.#slots.check(ring.cpu)));
  }

  /**
   * Samples that arrived since the last call for this ring: read, unread or lost. The lost ones count because a full
   * ring receives no samples although the load is high.
   */
  arrivedSamples(ring: CpuRing, available: number): number {
    const { account, records } = ring;
    // Within a batch, visited records are counted as received and are still in the ring.
    const unread = available - records.unreleasedBytes;
    const arrived = account.received + account.lost + unread / account.meanRecordBytes;
    const before = this.#arrived.get(ring) ?? account.received;
    this.#arrived.set(ring, arrived);
    return Math.max(0, arrived - before);
  }

  /** Empties the slots, stops polling, closes the rings. Tries every step, then throws the first error. */
  close(): void {
    attemptAll([
      () => this.emptySlots(),
      ...this.#list.flatMap((ring) => [
        () => this.#waker?.unwatch(handleOf(ring.polled)),
        () => ring.close(),
      ]),
      () => this.#slots.close(),
    ]);
  }

  /** The CPUs that have a slot in the map, ascending. The others are reported once. */
  #withSlots(online: readonly number[]): readonly number[] {
    const { cpus, leftOut } = splitBySlot(this.#array, online);
    const untold = leftOut.filter((cpu) => !this.#leftOut.has(cpu));
    for (const cpu of untold) this.#leftOut.add(cpu);
    if (untold.length > 0) this.#tellLeftOut(untold);
    return cpus;
  }

  /** Opens a ring and watches it. On failure nothing stays open. */
  #add(cpu: number): void {
    const account = this.#accounts.get(cpu) ?? this.#newAccount(cpu);
    const ring = CpuRing.open(this.#native, cpu, this.#options, account);
    try {
      this.#waker?.watch(handleOf(ring.polled), cpu, `the ring of CPU ${cpu}`);
    } catch (error) {
      ring.close();
      throw error;
    }
    this.#accounts.set(cpu, account);
    this.#list = [...this.#list, ring].sort((one, other) => one.cpu - other.cpu);
  }

  /** Fills the slot of a new ring. On failure the ring is closed, and the next refresh tries again. */
  #fillNew(cpu: number): void {
    const ring = this.#list.find((one) => one.cpu === cpu);
    if (ring === undefined) return;
    try {
      this.#slots.fill(ring.slotEvent);
    } catch (error) {
      this.#list = this.#list.filter((one) => one !== ring);
      this.#waker?.unwatch(handleOf(ring.polled));
      ring.close();
      throw error;
    }
  }

  /** Returns false when the CPU went offline after the list of online CPUs was read. */
  #addIfOnline(cpu: number): boolean {
    try {
      this.#add(cpu);
      return true;
    } catch (error) {
      if (isOffline(error)) return false;
      throw error;
    }
  }

  /** The largest ring that each CPU can have, in bytes, as far as this process can know. */
  #advisableBytes(): number {
    const rings = Math.max(1, this.#accounts.size);
    this.#mayLock ??= memoryLimit(onlineCpus().length, processCapabilities());
    return Math.min(
      LARGEST_RING_BYTES,
      largestRingBytes(this.#mayLock, rings, this.#options.pageSize),
      (totalmem() * LARGEST_PART_OF_MEMORY) / rings,
    );
  }

  #newAccount(cpu: number): CpuAccount {
    return new CpuAccount(cpu, this.#options.dataPageCount * this.#options.pageSize);
  }
}

function isOffline(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    (error.code === 'ERR_PERF_CPU_OFFLINE' || error.code === 'ERR_PERF_NO_SUCH_CPU')
  );
}
