import { totalmem } from 'node:os';
import { PerfRingError } from '../errors';
import { processCapabilities } from '../host/capabilities';
import { onlineCpus } from '../host/cpu-list';
import { largestRingBytes, type MemoryLimit, memoryLimit } from '../host/memory-limit';
import { CpuAccount, type ReaderStats, statsOf } from '../delivery/accounts';
import { attemptAll } from '../input/attempt-all';
import type { RingByRing } from '../merge/ring-by-ring';
import type { TimeOrder } from '../merge/time-order';
import { channels } from '../delivery/diagnostics';
import { CpuRing, type PerfArrayParts } from './cpu-ring';
import { LARGEST_RING_BYTES } from './options';
import { Slots } from './slots';
import { handleOf } from '../events/perf-event';

/** All rings together are advised at most this part of the machine's memory. */
const LARGEST_PART_OF_MEMORY = 1 / 4;

/**
 * The rings of a reader, by CPU number, and their slots in the array. The key is the CPU number and not a position in a
 * list, because CPU numbers can have gaps and CPUs can be offline.
 */
export class RingSet {
  readonly #parts: PerfArrayParts;
  readonly #records: RingByRing | TimeOrder;
  readonly #slots: Slots;
  readonly #accounts = new Map<number, CpuAccount>();
  #list: readonly CpuRing[] = [];
  /** Read when something was lost for the first time. */
  #mayLock: MemoryLimit | undefined;
  /** Whether a ring is retiring. */
  #retires = false;

  /** @param records reads the rings of this set */
  constructor(parts: PerfArrayParts, records: RingByRing | TimeOrder) {
    this.#parts = parts;
    this.#records = records;
    this.#slots = new Slots(parts);
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
  stats(): ReaderStats {
    return statsOf(this.#accounts.values(), () => this.#advisableBytes(), this.#records.loopCounts);
  }

  /**
   * Opens a ring for every CPU in the options, or every online one, and fills the slots. When this throws, the caller
   * closes what was opened.
   */
  open(): void {
    const { options } = this.#parts;
    const { cpus } = options;
    const online = new Set(options.onlineCpus());
    this.#slots.checkEnough(cpus ?? [...online], cpus !== undefined);
    const wanted = cpus ?? this.#slots.withSlots([...online]);
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
   */
  refresh(online: readonly number[], fill: boolean): void {
    const { notices, reader, options, waker } = this.#parts;
    const changed = (cpu: number, isOnline: boolean): void =>
      notices.add(() => channels.cpu.publish({ reader, cpu, online: isOnline }));
    const wanted = options.cpus?.filter((cpu) => online.includes(cpu)) ?? this.#slots.withSlots(online);
    const gone = this.#list.filter((ring) => !wanted.includes(ring.cpu) && !ring.retiring);
    attemptAll([
      ...gone.map((ring) => () => {
        this.#slots.empty(ring.cpu);
        ring.retiring = true;
        this.#retires = true;
        waker?.unwatch(handleOf(ring.polled));
        changed(ring.cpu, false);
      }),
      () => this.retireEmptied(),
      ...wanted.map((cpu) => () => {
        if (this.#list.some((ring) => ring.cpu === cpu)) return;
        const ring = this.#addIfOnline(cpu);
        if (ring === undefined) return;
        if (fill) this.#fillNew(ring);
        changed(cpu, true);
      }),
    ]);
  }

  /** Closes rings of offline CPUs that have been read to their end. */
  retireEmptied(): void {
    const emptied = this.#list.filter((ring) => ring.retiring && ring.look() === 0);
    if (emptied.length === 0) return;
    this.#setList(this.#list.filter((ring) => !emptied.includes(ring)));
    this.#retires = this.#list.some((ring) => ring.retiring);
    attemptAll(emptied.flatMap((ring) => [() => ring.checkLoss(), () => ring.close()]));
  }

  fillSlots(): void {
    const rings = this.#list.filter((ring) => !ring.retiring);
    attemptAll(rings.map((ring) => () => this.#slots.fill(ring.slotEvent)));
  }

  emptySlots(): void {
    attemptAll(this.#list.map((ring) => () => this.#slots.empty(ring.cpu)));
  }

  /** Does nothing when the slot does not hold the ring's event, or the ring is retiring. */
  setWakes(ring: CpuRing, wakes: boolean): void {
    if (!ring.retiring && this.#slots.holds(ring.cpu)) ring.setWakes(this.#slots, wakes);
  }

  /** Reports slots that another reader has taken, and fills those again that have become empty. */
  checkSlots(): void {
    attemptAll(this.#list.map((ring) => () => this.#slots.check(ring.cpu)));
  }

  /** Empties the slots, stops polling, closes the rings. Tries every step, then throws the first error. */
  close(): void {
    this.#slots.closing();
    attemptAll([
      () => this.emptySlots(),
      // No more samples can be lost, so these counts are final.
      ...this.#list.map((ring) => () => ring.checkLoss()),
      ...this.#list.map((ring) => () => this.#close(ring)),
      () => this.#slots.close(),
    ]);
  }

  /** Not within a batch. */
  #setList(list: readonly CpuRing[]): void {
    this.#list = list;
    this.#records.setRings(list.map(({ records }) => records));
  }

  /** Opens a ring and watches it. On failure nothing stays open. */
  #add(cpu: number): CpuRing {
    const { waker, options } = this.#parts;
    const account = this.#accounts.get(cpu) ?? new CpuAccount(cpu, options.dataPageCount * options.pageSize);
    const ring = CpuRing.open(this.#parts, cpu, account);
    try {
      waker?.watch(handleOf(ring.polled), cpu, `the ring of CPU ${cpu}`);
    } catch (error) {
      ring.close();
      throw error;
    }
    this.#accounts.set(cpu, account);
    this.#setList([...this.#list, ring].sort((one, other) => one.cpu - other.cpu));
    return ring;
  }

  /** Returns undefined when the CPU went offline after the list of online CPUs was read. */
  #addIfOnline(cpu: number): CpuRing | undefined {
    try {
      return this.#add(cpu);
    } catch (error) {
      if (isOffline(error)) return undefined;
      throw error;
    }
  }

  /** Fills the slot of a new ring. On failure the ring is closed, and the next refresh tries again. */
  #fillNew(ring: CpuRing): void {
    try {
      this.#slots.fill(ring.slotEvent);
    } catch (error) {
      this.#setList(this.#list.filter((one) => one !== ring));
      this.#close(ring);
      throw error;
    }
  }

  #close(ring: CpuRing): void {
    this.#parts.waker?.unwatch(handleOf(ring.polled));
    ring.close();
  }

  /** The largest ring that each CPU can have, in bytes, as far as this process can know. */
  #advisableBytes(): number {
    const rings = Math.max(1, this.#accounts.size);
    this.#mayLock ??= memoryLimit(onlineCpus().length, processCapabilities());
    return Math.min(
      LARGEST_RING_BYTES,
      largestRingBytes(this.#mayLock, rings, this.#parts.options.pageSize),
      (totalmem() * LARGEST_PART_OF_MEMORY) / rings,
    );
  }
}

function isOffline(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'ERR_PERF_CPU_OFFLINE' || code === 'ERR_PERF_NO_SUCH_CPU';
}
