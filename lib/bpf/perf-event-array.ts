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
   * The number of slots; by default one for each CPU number up to the highest possible one. On a CPU without a slot
   * programs can't write samples.
   */
  readonly maxEntries?: number;
  /** Up to 15 letters, digits, `_` or `.`; shown by bpftool. */
  readonly name?: string;
}

/**
 * A BPF_MAP_TYPE_PERF_EVENT_ARRAY. The slot of a CPU contains the perf event that gets the samples of programs running
 * on that CPU.
 *
 * A slot belongs to the open file of the map through which it was filled; when that file is released, the kernel
 * empties the slot. So one object keeps one descriptor from open to close, and fills slots only through it. Filling a
 * slot takes it from another reader that had filled it. Neither the kernel nor this class reports that, because slots
 * can't be read.
 *
 * @see perf_event_fd_array_release() in https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/arraymap.c
 */
export class PerfEventArray {
  readonly #native: NativeAddon;
  readonly #map: BpfMap;
  /** True when closing the descriptor does not empty the slots: the map preserves them, or the open file is shared. */
  readonly #outlivesClose: boolean;
  readonly #filled = new Set<number>();

  private constructor(native: NativeAddon, map: BpfMap, sharesOpenFile: boolean) {
    this.#native = native;
    this.#map = map;
    this.#outlivesClose = sharesOpenFile || (map.info.flags & BPF_F_PRESERVE_ELEMS) !== 0;
  }

  /**
   * Creates an array with a slot for each CPU. The kernel keeps it while a descriptor, a program or a pin uses it.
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
   * Opens an array by its id, which `bpftool map list` shows. Needs CAP_SYS_ADMIN.
   * @throws PerfRingError ERR_PERF_MAP_TYPE
   * @throws PerfSystemError see {@link BpfMap.openById}
   */
  static openById(id: number): PerfEventArray {
    return PerfEventArray.#adopt(BpfMap.openById(id), false, `map ${shown(id)}`);
  }

  /**
   * Opens an array by a descriptor, which is duplicated and stays the caller's. Both descriptors refer to the same open
   * file, so `close` empties the slots that were filled through this object.
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

  /** Whether a value is a PerfEventArray, and not an object with the same properties. */
  static is(value: unknown): value is PerfEventArray {
    return typeof value === 'object' && value !== null && #map in value;
  }

  /** The kernel's description of the map when it was opened. */
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
   * Puts an event into the slot of a CPU. From now on programs on that CPU write to it; an event that was in the slot
   * gets no more samples. Map the event's ring first: without a ring the kernel refuses samples.
   * @param event a PERF_COUNT_SW_BPF_OUTPUT event of that CPU, such as `storage.event`. The kernel accepts any event here,
   *   but with another one bpf_perf_event_output fails
   * @throws PerfRingError ERR_PERF_NO_SUCH_CPU past the last slot, ERR_PERF_CLOSED
   * @throws PerfSystemError of bpf(BPF_MAP_UPDATE_ELEM)
   */
  set(cpu: number, event: PerfEvent): void;
  /** @internal */
  set(cpu: number, event: PerfEvent | PerfEventHandle): void;
  set(cpu: number, event: PerfEvent | PerfEventHandle): void {
    this.#checkCpu(cpu);
    const result = this.#native.bpfMapSetEvent(
      this.#map.handle,
      cpu,
      PerfEvent.is(event) ? handleOf(event) : event,
    );
    if (result < 0) {
      throw bpfError(
        result,
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
   * Empties the slot of a CPU, also when another reader filled it.
   * @returns whether an event was in the slot
   * @throws PerfRingError ERR_PERF_NO_SUCH_CPU past the last slot, ERR_PERF_CLOSED
   * @throws PerfSystemError of bpf(BPF_MAP_DELETE_ELEM)
   */
  clear(cpu: number): boolean {
    this.#checkCpu(cpu);
    const wasFilled = this.#map.delete(slotKey(cpu));
    this.#filled.delete(cpu);
    return wasFilled;
  }

  /** Like {@link BpfMap.pin}. `close` still empties the slots that were filled through this object. */
  pin(path: string): void {
    this.#map.pin(path);
  }

  /**
   * Empties the slots that were filled through this object and closes the descriptor. Idempotent. It tries every step
   * and then throws the first error.
   */
  close(): void {
    if (this.#map.closed) return;
    let failure: { readonly error: unknown } | undefined;
    // When the kernel empties the slots, it keeps events that another reader has put in since. clear() would remove
    // them.
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

  /** Calls {@link close}, for `using`. */
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

/** Checks that a value is a PerfEventArray. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function checkArray(value: unknown): void {
  if (PerfEventArray.is(value)) return;
  throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `array must be a PerfEventArray, got ${shown(value)}`);
}

function slotsNeeded(): number {
  return Math.max(...possibleCpus()) + 1;
}

/** Checks the map's type and sizes. An array or hash map would store an event's descriptor as plain data. */
function checkShape(info: BpfMapInfo, what: string): void {
  if (info.type !== BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
    throw new PerfRingError(
      'ERR_PERF_MAP_TYPE',
      `${what} is of type ${info.type}, not a perf event array (${BPF_MAP_TYPE_PERF_EVENT_ARRAY}); list the maps: bpftool map list`,
    );
  }
  if (info.keySize !== 4 || info.valueSize !== 4) {
    throw new PerfRingError(
      'ERR_PERF_MAP_TYPE',
      `${what} has keys of ${info.keySize} and values of ${info.valueSize} bytes; perfring needs 4 bytes for both`,
    );
  }
}

function slotKey(cpu: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(cpu).buffer);
}
