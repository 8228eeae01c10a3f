import type { NativeAddon } from '../addon/contract';
import type { PerfEventArray } from '../bpf/perf-event-array';
import { SlotProbe } from '../bpf/slot-probe';
import type { PerfEvent } from '../events/perf-event';

/**
 * The slots of a perf event array that one reader has put its events into. To fill or empty a slot that another reader
 * has taken since would leave that one without samples, and nobody would tell it: so it is asked before.
 */
export class Slots {
  readonly #native: NativeAddon;
  readonly #array: PerfEventArray;
  readonly #taken: (cpu: number) => void;
  /** By CPU, while no other reader was seen to have taken the slot. */
  readonly #events = new Map<number, PerfEvent>();
  /** Loaded when it is first needed; null where it cannot be. */
  #probe: SlotProbe | null | undefined;

  /** @param taken told of a slot that another reader has taken, once */
  constructor(native: NativeAddon, array: PerfEventArray, taken: (cpu: number) => void) {
    this.#native = native;
    this.#array = array;
    this.#taken = taken;
  }

  /** Puts an event into the slot of its CPU, whoever has it. @throws as {@link PerfEventArray.set} */
  fill(event: PerfEvent): void {
    this.#array.set(event.cpu, event);
    this.#events.set(event.cpu, event);
  }

  /** Whether the CPU's slot has the event that was put there, as far as can be told; no slot of a closed array has. */
  holds(cpu: number): boolean {
    const event = this.#events.get(cpu);
    if (event === undefined || this.#array.closed) return false;
    if (this.#probe === undefined) this.#probe = SlotProbe.open(this.#native, this.#array) ?? null;
    if (this.#probe === null || this.#probe.holds(cpu, () => event.readEnabledNanoseconds())) return true;
    this.#events.delete(cpu);
    this.#taken(cpu);
    return false;
  }

  /** Empties the CPU's slot, unless it is another's. */
  empty(cpu: number): void {
    if (!this.holds(cpu)) return;
    this.#array.clear(cpu);
    this.#events.delete(cpu);
  }

  /** Leaves the slots as they are. */
  close(): void {
    this.#probe?.close();
  }
}
