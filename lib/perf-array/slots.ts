import type { NativeAddon } from '../addon/contract';
import type { PerfEventArray } from '../bpf/perf-event-array';
import { SlotProbe, type SlotState } from '../bpf/slot-probe';
import { PerfRingError } from '../errors';
import type { PerfEvent } from '../events/perf-event';
import { formatCpuList } from '../host/cpu-list';

/** How often a reader, or a flight recorder, asks whether its slots still hold its events. */
export const SLOT_CHECK_MILLISECONDS = 1000;

export interface SlotListener {
  /** The slot does not hold our event any more: another reader took it, or somebody emptied it. Once until regained. */
  readonly taken: (cpu: number) => void;
  /** The slot holds our event again. */
  readonly regained: (cpu: number) => void;
}

/**
 * The slots of a perf event array that one reader has put its events into. Filling or emptying a slot that another
 * reader has taken since would leave that one without samples, and nothing would tell it: so the slot is asked before.
 */
export class Slots {
  readonly #native: NativeAddon;
  readonly #array: PerfEventArray;
  readonly #listener: SlotListener;
  /** By CPU: the event that was put into its slot. */
  readonly #events = new Map<number, PerfEvent>();
  /** CPUs whose slot was seen to hold another event, or none. */
  readonly #lost = new Set<number>();
  /** Loaded when it is first needed; null where it cannot be. */
  #probe: SlotProbe | null | undefined;

  constructor(native: NativeAddon, array: PerfEventArray, listener: SlotListener) {
    this.#native = native;
    this.#array = array;
    this.#listener = listener;
  }

  /** Puts an event into the slot of its CPU, whatever is in it. @throws as {@link PerfEventArray.set} */
  fill(event: PerfEvent): void {
    this.#array.set(event.cpu, event);
    this.#events.set(event.cpu, event);
    this.#lost.delete(event.cpu);
  }

  /** Whether the CPU's slot has the event that was put there, as far as can be told; no slot of a closed array has. */
  holds(cpu: number): boolean {
    const event = this.#events.get(cpu);
    if (event === undefined || this.#lost.has(cpu) || this.#array.closed) return false;
    const state = this.#stateOf(event);
    if (state === 'ours' || state === 'unknown') return true;
    this.#lose(cpu);
    return false;
  }

  /**
   * Asks whether the slot still holds its event, and fills it again when it has become empty: the reader that took it has
   * left. A slot that another reader holds is left alone.
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

  /** Empties the CPU's slot, unless it is another's. */
  empty(cpu: number): void {
    if (this.holds(cpu)) this.#array.clear(cpu);
    this.#events.delete(cpu);
    this.#lost.delete(cpu);
  }

  /** Leaves the slots as they are. */
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

/** The CPUs that a map has slots for, and the others: a slot's number is its CPU's. Both ascending. */
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
 * @param needsAll each CPU was asked for by number; otherwise one slot is enough
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
