import type { NativeAddon } from '../addon/contract';
import type { PerfEventArray } from '../bpf/perf-event-array';
import { SlotProbe, type SlotState } from '../bpf/slot-probe';
import { PerfRingError } from '../errors';
import type { PerfEvent } from '../events/perf-event';
import { formatCpuList } from '../host/cpu-list';

/** How often a reader or flight recorder checks whether its slots still hold its events. */
export const SLOT_CHECK_MILLISECONDS = 1000;

export interface SlotListener {
  /**
   * The slot no longer holds this reader's event: another reader took it, or it was emptied. Called once until it is
   * regained.
   */
  readonly taken: (cpu: number) => void;
  /** The slot holds this reader's event again. */
  readonly regained: (cpu: number) => void;
}

/**
 * The slots of a perf event array that one reader has filled. Changing a slot that another reader has taken since would
 * leave that reader without samples, and it would not notice. So all methods but {@link fill} first check the slot.
 */
export class Slots {
  readonly #native: NativeAddon;
  readonly #array: PerfEventArray;
  readonly #listener: SlotListener;
  /** By CPU: the event that was put into its slot. */
  readonly #events = new Map<number, PerfEvent>();
  /** CPUs whose slot was seen to hold another event, or none. */
  readonly #lost = new Set<number>();
  /** Loaded when it is first needed; null when it cannot be loaded. */
  #probe: SlotProbe | null | undefined;

  constructor(native: NativeAddon, array: PerfEventArray, listener: SlotListener) {
    this.#native = native;
    this.#array = array;
    this.#listener = listener;
  }

  /**
   * Puts an event into the slot of its CPU, also over the event of another reader.
   * @throws as {@link PerfEventArray.set}
   */
  fill(event: PerfEvent): void {
    this.#array.set(event.cpu, event);
    this.#events.set(event.cpu, event);
    this.#lost.delete(event.cpu);
  }

  /**
   * Whether the CPU's slot holds the event that was put there; true when that is unknown, false when the array is
   * closed.
   */
  holds(cpu: number): boolean {
    const event = this.#events.get(cpu);
    if (event === undefined || this.#lost.has(cpu) || this.#array.closed) return false;
    const state = this.#stateOf(event);
    if (state === 'ours' || state === 'unknown') return true;
    this.#lose(cpu);
    return false;
  }

  /**
   * Checks whether the slot still holds its event, and fills it again when it is empty: the reader that took it has
   * left. A slot that holds another reader's event is not changed.
   * @throws as {@link PerfEventArray.set}
   */
  check(cpu: number): void {
    const event = this.#events.get(cpu);
    if (event === undefined) return;
    if (this.#array.closed) {
      this.#lose(cpu);
      return;
    }
    if (this.holds(cpu)) return;
    const state = this.#stateOf(event);
    if (state === 'empty') this.fill(event);
    else if (state === 'ours') this.#lost.delete(cpu);
    else return;
    this.#listener.regained(cpu);
  }

  /** Empties the CPU's slot, unless it holds another reader's event. */
  empty(cpu: number): void {
    if (this.holds(cpu)) this.#array.clear(cpu);
    this.#events.delete(cpu);
    this.#lost.delete(cpu);
  }

  /** Closes the probe. The slots stay as they are. */
  close(): void {
    this.#probe?.close();
  }

  #stateOf(event: PerfEvent): SlotState {
    if (this.#probe === undefined) this.#probe = SlotProbe.open(this.#native, this.#array) ?? null;
    return this.#probe?.stateOf(event.cpu, () => event.readEnabledNanoseconds()) ?? 'unknown';
  }

  #lose(cpu: number): void {
    if (this.#lost.has(cpu)) return;
    this.#lost.add(cpu);
    this.#listener.taken(cpu);
  }
}

/** Splits CPUs into those with a slot in the map and the others, both ascending. A slot's number is its CPU's. */
export function splitBySlot(
  array: PerfEventArray,
  cpus: readonly number[],
): { readonly cpus: readonly number[]; readonly leftOut: readonly number[] } {
  const { maxEntries } = array.info;
  const sorted = [...cpus].sort((one, other) => one - other);
  return {
    cpus: sorted.filter((cpu) => cpu < maxEntries),
    leftOut: sorted.filter((cpu) => cpu >= maxEntries),
  };
}

/**
 * @param needsAll whether each CPU was requested by number and needs a slot; otherwise one slot is enough
 * @throws PerfRingError ERR_PERF_MAP_TOO_SMALL
 */
export function checkSlots(array: PerfEventArray, wanted: readonly number[], needsAll: boolean): void {
  const { cpus, leftOut } = splitBySlot(array, wanted);
  if (leftOut.length === 0 || (!needsAll && cpus.length > 0)) return;
  const { id, maxEntries } = array.info;
  throw new PerfRingError(
    'ERR_PERF_MAP_TOO_SMALL',
    `map ${id} has ${maxEntries} slots, and none for CPU ${formatCpuList(leftOut)}: leave that out, or create the map with max_entries ${Math.max(...leftOut) + 1}`,
  );
}
