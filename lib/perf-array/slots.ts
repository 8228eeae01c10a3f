import type { NativeAddon } from '../addon/contract';
import type { PerfEventArray } from '../bpf/perf-event-array';
import { SlotProbe, type SlotState } from '../bpf/slot-probe';
import { channels, warn } from '../delivery/diagnostics';
import type { Notices } from '../delivery/notices';
import { PerfRingError } from '../errors';
import type { PerfEvent } from '../events/perf-event';
import { formatCpuList } from '../host/cpu-list';

/** How often a reader or flight recorder checks whether its slots still hold its events. */
export const SLOT_CHECK_MILLISECONDS = 1000;

export interface SlotsParts {
  readonly native: NativeAddon;
  readonly array: PerfEventArray;
  /** The `reader` in the messages of the diagnostics channels. */
  readonly reader: object;
  readonly notices: Notices;
}

/**
 * The slots of a perf event array that one reader has filled. Changing a slot that another reader has taken since would
 * leave that reader without samples, and it would not notice. So all methods but {@link fill} first check the slot. The
 * channels `taken` and `regained` and a warning report what other readers do.
 */
export class Slots {
  readonly #parts: SlotsParts;
  /** By CPU: the event that was put into its slot. */
  readonly #events = new Map<number, PerfEvent>();
  /** CPUs whose slot was seen to hold another event, or none. */
  readonly #lost = new Set<number>();
  /** CPUs without a slot in the map that were reported. */
  readonly #leftOut = new Set<number>();
  /** Whether to warn of a slot that another reader takes: once per reader, and not when it is closing. */
  #warns = true;
  /** Loaded when it is first needed; null when it cannot be loaded. */
  #probe: SlotProbe | null | undefined;

  constructor(parts: SlotsParts) {
    this.#parts = parts;
  }

  /** The CPUs that have a slot in the map, ascending. A slot's number is its CPU's. The process is warned of the others. */
  withSlots(cpus: readonly number[]): readonly number[] {
    const { array, notices } = this.#parts;
    const { id, maxEntries } = array.info;
    const untold = cpus.filter((cpu) => cpu >= maxEntries && !this.#leftOut.has(cpu));
    for (const cpu of untold) this.#leftOut.add(cpu);
    if (untold.length > 0) {
      const message =
        `map ${id} has ${maxEntries} slots, and none for CPU ${formatCpuList(untold)}: no sample can come from that CPU. ` +
        `Create the map with max_entries ${Math.max(...untold) + 1}`;
      notices.add(() => warn('PERFRING_NO_SLOT', message));
    }
    return cpus.filter((cpu) => cpu < maxEntries).sort((one, other) => one - other);
  }

  /**
   * @param needsAll whether each CPU was requested by number and needs a slot; otherwise one slot is enough
   * @throws PerfRingError ERR_PERF_MAP_TOO_SMALL
   */
  checkEnough(cpus: readonly number[], needsAll: boolean): void {
    const { id, maxEntries } = this.#parts.array.info;
    const leftOut = cpus.filter((cpu) => cpu >= maxEntries);
    if (leftOut.length === 0 || (!needsAll && leftOut.length < cpus.length)) return;
    throw new PerfRingError(
      'ERR_PERF_MAP_TOO_SMALL',
      `map ${id} has ${maxEntries} slots, and none for CPU ${formatCpuList(leftOut)}: leave that out, or create the map with max_entries ${Math.max(...leftOut) + 1}`,
    );
  }

  /**
   * Puts an event into the slot of its CPU, also over the event of another reader.
   * @throws as {@link PerfEventArray.set}
   */
  fill(event: PerfEvent): void {
    this.#parts.array.set(event.cpu, event);
    this.#events.set(event.cpu, event);
    this.#lost.delete(event.cpu);
  }

  /**
   * Whether the CPU's slot holds the event that was put there; true when that is unknown, false when the array is
   * closed.
   */
  holds(cpu: number): boolean {
    const event = this.#events.get(cpu);
    if (event === undefined || this.#lost.has(cpu) || this.#parts.array.closed) return false;
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
    const { array, notices, reader } = this.#parts;
    const event = this.#events.get(cpu);
    if (event === undefined) return;
    if (array.closed) {
      this.#lose(cpu);
      return;
    }
    if (this.holds(cpu)) return;
    const state = this.#stateOf(event);
    if (state === 'empty') this.fill(event);
    else if (state === 'ours') this.#lost.delete(cpu);
    else return;
    notices.add(() => channels.regained.publish({ reader, cpu }));
  }

  /** Empties the CPU's slot, unless it holds another reader's event. */
  empty(cpu: number): void {
    if (this.holds(cpu)) this.#parts.array.clear(cpu);
    this.#events.delete(cpu);
    this.#lost.delete(cpu);
  }

  /** Call it before the slots are emptied for the last time: no more warnings. */
  closing(): void {
    this.#warns = false;
  }

  /** Closes the probe. The slots stay as they are. */
  close(): void {
    this.#probe?.close();
  }

  #stateOf(event: PerfEvent): SlotState {
    const { native, array } = this.#parts;
    if (this.#probe === undefined) this.#probe = SlotProbe.open(native, array) ?? null;
    return this.#probe?.stateOf(event.cpu, () => event.readEnabledNanoseconds()) ?? 'unknown';
  }

  /** The slot no longer holds this reader's event: another reader took it, or it was emptied. */
  #lose(cpu: number): void {
    if (this.#lost.has(cpu)) return;
    this.#lost.add(cpu);
    const { array, notices, reader } = this.#parts;
    notices.add(() => channels.taken.publish({ reader, cpu }));
    const message = array.closed
      ? 'the perf event array was closed before its reader, which emptied the slots: no more samples come. Keep it open as long as the reader'
      : `another reader took the slot of CPU ${cpu} in map ${array.info.id}, or emptied it: this one gets ` +
        'no more samples there until the slot is free again. A map has one reader: stop one of the two, or give each a map of its own';
    notices.add(() => {
      if (this.#warns) warn('PERFRING_SLOT_TAKEN', message);
      this.#warns = false;
    });
  }
}
