import { addon } from '../addon/load';
import type { BpfMapInfo, NativeAddon, PerfEventHandle } from '../addon/contract';
import { BPF_F_PRESERVE_ELEMS, BPF_MAP_TYPE_PERF_EVENT_ARRAY } from '../abi/bpf';
import { PerfRingError } from '../errors';
import { handleOf, PerfEvent } from '../events/perf-event';
import { possibleCpus } from '../host/cpu-list';
import { plainOptions } from '../input/plain-data';
import { named, shown } from '../input/shown';
import { bpfError } from './bpf-error';
import { BpfMap } from './bpf-map';

/** Options of {@link PerfEventArray.create}. */
export interface PerfEventArrayOptions {
  /**
   * Slots; by default one for each CPU number up to the highest possible one. Programs on a CPU without a slot can write
   * nothing, and no reader reads that CPU.
   */
  readonly maxEntries?: number;
  /** Up to 15 letters, digits, `_` or `.`; shown by bpftool. */
  readonly name?: string;
}

/**
 * A BPF_MAP_TYPE_PERF_EVENT_ARRAY: slot = CPU number, value = the perf event that takes the samples of programs
 * running on that CPU.
 *
 * The kernel ties a slot to the open file of the map through which it was filled, and empties it when that file is
 * released. So one array object keeps one descriptor from open to close, and fills through it. Filling a slot that
 * another reader had filled takes it over, and neither the kernel nor this class can tell: slots cannot be read.
 *
 * @see perf_event_fd_array_release() in https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/arraymap.c
 */
export class PerfEventArray {
  readonly #native: NativeAddon;
  readonly #map: BpfMap;
  /** Closing the descriptor does not empty the slots: the map preserves them, or somebody else shares its open file. */
  readonly #outlivesClose: boolean;
  readonly #filled = new Set<number>();

  private constructor(native: NativeAddon, map: BpfMap, sharesOpenFile: boolean) {
    this.#native = native;
    this.#map = map;
    this.#outlivesClose = sharesOpenFile || (map.info.flags & BPF_F_PRESERVE_ELEMS) !== 0;
  }

  /**
   * Creates an array with a slot for each CPU. It lives while a descriptor, a program or a pin holds it.
   * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT
   * @throws PerfSystemError EPERM without CAP_BPF
   */
  static create(options: PerfEventArrayOptions = {}): PerfEventArray {
    const { maxEntries = slotsNeeded(), name = '' } = plainOptions(options, ['maxEntries', 'name']);
    const shape = { type: BPF_MAP_TYPE_PERF_EVENT_ARRAY, keySize: 4, valueSize: 4, maxEntries, name };
    return PerfEventArray.#adopt(BpfMap.create(shape), false, 'the new map');
  }

  /**
   * Opens an array that was pinned in a bpf file system.
   * @throws PerfRingError ERR_PERF_MAP_TYPE
   * @throws PerfSystemError see {@link BpfMap.openPinned}
   */
  static openPinned(path: string): PerfEventArray {
    return PerfEventArray.#adopt(BpfMap.openPinned(path), false, `the map pinned at ${named(path)}`);
  }

  /**
   * Opens an array by the number that bpftool shows. Needs CAP_SYS_ADMIN.
   * @throws PerfRingError ERR_PERF_MAP_TYPE
   * @throws PerfSystemError see {@link BpfMap.openById}
   */
  static openById(id: number): PerfEventArray {
    return PerfEventArray.#adopt(BpfMap.openById(id), false, `map ${shown(id)}`);
  }

  /**
   * Duplicates a descriptor of an array; the caller keeps its own. It is the same open file, so the slots filled here are emptied one by one
   * on close.
   * @throws PerfRingError ERR_PERF_MAP_TYPE
   * @throws PerfSystemError see {@link BpfMap.openByFd}
   */
  static openByFd(fd: number): PerfEventArray {
    return PerfEventArray.#adopt(BpfMap.openByFd(fd), true, `the map of file descriptor ${shown(fd)}`);
  }

  static #adopt(map: BpfMap, sharesOpenFile: boolean, what: string): PerfEventArray {
    try {
      checkShape(map.info, what);
      return new PerfEventArray(addon(), map, sharesOpenFile);
    } catch (error) {
      map.close();
      throw error;
    }
  }

  /** Whether a value is one, and no look-alike. */
  static is(value: unknown): value is PerfEventArray {
    return typeof value === 'object' && value !== null && #map in value;
  }

  /** The map, as the kernel described it when it was opened. */
  get info(): BpfMapInfo {
    return this.#map.info;
  }

  /** The descriptor's number, for an instruction that loads the map. Never close it. */
  get fd(): number {
    return this.#map.fd;
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#map.closed;
  }

  /**
   * Programs on that CPU write to the event from now on; the slot's event before, if any, gets nothing more. Map the
   * event's ring first: output to an event without one is refused.
   * @param event a PERF_COUNT_SW_BPF_OUTPUT event of that CPU, such as `storage.event`: the kernel takes any event, and
   *   the program then fails
   * @throws PerfRingError ERR_PERF_NO_SUCH_CPU past the last slot, ERR_PERF_CLOSED
   * @throws PerfSystemError of bpf(BPF_MAP_UPDATE_ELEM)
   */
  set(cpu: number, event: PerfEvent): void;
  /** @internal */
  set(cpu: number, event: PerfEvent | PerfEventHandle): void;
  set(cpu: number, event: PerfEvent | PerfEventHandle): void {
    this.#checkCpu(cpu);
    const answer = this.#native.bpfMapSetEvent(
      this.#map.handle,
      cpu,
      PerfEvent.is(event) ? handleOf(event) : event,
    );
    if (answer < 0) {
      throw bpfError(
        answer,
        'bpf(BPF_MAP_UPDATE_ELEM)',
        `putting the event of CPU ${cpu} into map ${this.info.id}`,
        {
          EPERM: 'the map, or this descriptor of it, is read-only',
        },
      );
    }
    this.#filled.add(cpu);
  }

  /**
   * Empties the slot, whoever filled it.
   * @returns whether an event was in it
   * @throws PerfRingError ERR_PERF_NO_SUCH_CPU past the last slot, ERR_PERF_CLOSED
   * @throws PerfSystemError of bpf(BPF_MAP_DELETE_ELEM)
   */
  clear(cpu: number): boolean {
    this.#checkCpu(cpu);
    const wasFilled = this.#map.delete(slotKey(cpu));
    this.#filled.delete(cpu);
    return wasFilled;
  }

  /** See {@link BpfMap.pin}. The slots filled here are emptied on close all the same. */
  pin(path: string): void {
    this.#map.pin(path);
  }

  /**
   * Empties the slots that were filled through this object and closes the descriptor. Idempotent; every step is
   * attempted, then the first failure thrown.
   */
  close(): void {
    if (this.#map.closed) return;
    let failure: { readonly error: unknown } | undefined;
    // Where the kernel empties them itself it leaves alone what another reader has put in since; clear() would not.
    if (this.#outlivesClose) {
      for (const cpu of [...this.#filled]) {
        try {
          this.clear(cpu);
        } catch (error) {
          failure ??= { error };
        }
      }
    }
    this.#map.close();
    if (failure !== undefined) throw failure.error;
  }

  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #checkCpu(cpu: number): void {
    if (Number.isInteger(cpu) && cpu >= 0 && cpu < this.info.maxEntries) return;
    throw new PerfRingError(
      'ERR_PERF_NO_SUCH_CPU',
      `map ${this.info.id} has slots for CPU 0 to ${this.info.maxEntries - 1}, got ${shown(cpu)}`,
    );
  }
}

/** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for anything else */
export function checkArray(value: unknown): void {
  if (PerfEventArray.is(value)) return;
  throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `array must be a PerfEventArray, got ${shown(value)}`);
}

function slotsNeeded(): number {
  return Math.max(...possibleCpus()) + 1;
}

/** Checked before anything is put in: array and hash maps would take an event's descriptor as plain data. */
function checkShape(info: BpfMapInfo, what: string): void {
  if (info.type !== BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
    throw new PerfRingError(
      'ERR_PERF_MAP_TYPE',
      `${what} is of type ${info.type}, not a perf event array (${BPF_MAP_TYPE_PERF_EVENT_ARRAY}); see: bpftool map list`,
    );
  }
  if (info.keySize !== 4 || info.valueSize !== 4) {
    throw new PerfRingError(
      'ERR_PERF_MAP_TYPE',
      `${what} has keys of ${info.keySize} and values of ${info.valueSize} bytes; a perf event array of this library has 4 and 4`,
    );
  }
}

function slotKey(cpu: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(cpu).buffer);
}
