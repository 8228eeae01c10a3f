import type { BpfMapHandle, BpfMapInfo } from '../addon/contract';
import { BPF_MAP_TYPE_RINGBUF } from '../abi/bpf';
import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { named, shown } from '../input/shown';
import { BpfMap } from './bpf-map';

/** Options of {@link RingBufferMap.create}. */
export interface RingBufferMapOptions {
  /** Bytes of the data area: a power of two, in whole pages. 256 KiB by default. */
  readonly capacityBytes?: number;
  /** Up to 15 letters, digits, `_` or `.`; shown by bpftool. */
  readonly name?: string;
}

const DEFAULT_CAPACITY_BYTES = 256 * 1024;

/**
 * A BPF_MAP_TYPE_RINGBUF: one ring to which programs on all CPUs write with bpf_ringbuf_output, or with
 * bpf_ringbuf_reserve and bpf_ringbuf_submit. Read it with a {@link RingBufferReader}. Linux 5.8 and later.
 *
 * ```ts
 * const map = RingBufferMap.create({ capacityBytes: 1024 * 1024 });
 * const program = BpfProgram.load({ type: 17, instructions: bpf.assemble([bpf.loadMapFd('r1', map.fd), …]) });
 * ```
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/Documentation/bpf/ringbuf.rst
 */
export class RingBufferMap {
  readonly #map: BpfMap;

  private constructor(map: BpfMap) {
    this.#map = map;
    Object.freeze(this);
  }

  /**
   * Creates a map. The kernel keeps it while a descriptor, a program, a pin or a reader uses it.
   * @throws PerfRingError ERR_PERF_NOT_POWER_OF_TWO, ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT
   * @throws PerfSystemError EPERM without CAP_BPF
   */
  static create(options: RingBufferMapOptions = {}): RingBufferMap {
    const { capacityBytes = DEFAULT_CAPACITY_BYTES, name = '' } = plainOptions(options, [
      'capacityBytes',
      'name',
    ]);
    const shape = { type: BPF_MAP_TYPE_RINGBUF, keySize: 0, valueSize: 0, maxEntries: capacityBytes, name };
    return new RingBufferMap(BpfMap.create(shape));
  }

  /**
   * Opens a map that was pinned in a bpf file system.
   * @throws PerfRingError ERR_PERF_MAP_TYPE
   * @throws PerfSystemError see {@link BpfMap.openPinned}
   */
  static openPinned(path: string): RingBufferMap {
    return RingBufferMap.#adopt(BpfMap.openPinned(path), `the map pinned at ${named(path)}`);
  }

  /**
   * Opens a map by its id, which `bpftool map list` shows. Needs CAP_SYS_ADMIN.
   * @throws PerfRingError ERR_PERF_MAP_TYPE
   * @throws PerfSystemError see {@link BpfMap.openById}
   */
  static openById(id: number): RingBufferMap {
    return RingBufferMap.#adopt(BpfMap.openById(id), `map ${shown(id)}`);
  }

  /**
   * Opens a map by a descriptor, which is duplicated and stays the caller's.
   * @throws PerfRingError ERR_PERF_MAP_TYPE
   * @throws PerfSystemError see {@link BpfMap.openByFd}
   */
  static openByFd(fd: number): RingBufferMap {
    return RingBufferMap.#adopt(BpfMap.openByFd(fd), `the map of file descriptor ${shown(fd)}`);
  }

  static #adopt(map: BpfMap, what: string): RingBufferMap {
    if (map.info.type === BPF_MAP_TYPE_RINGBUF) return new RingBufferMap(map);
    const { type } = map.info;
    map.close();
    throw new PerfRingError(
      'ERR_PERF_MAP_TYPE',
      `${what} is of type ${type}, not a ring buffer map (${BPF_MAP_TYPE_RINGBUF}); list the maps: bpftool map list`,
    );
  }

  /** Whether a value is a RingBufferMap, and not an object with the same properties. */
  static is(value: unknown): value is RingBufferMap {
    return typeof value === 'object' && value !== null && #map in value;
  }

  /** The kernel's description of the map when it was opened. */
  get info(): BpfMapInfo {
    return this.#map.info;
  }

  /** Bytes of the data area. */
  get capacityBytes(): number {
    return this.#map.info.maxEntries;
  }

  /** The descriptor's number, for an instruction that loads the map. Never close it. */
  get fd(): number {
    return this.#map.fd;
  }

  /** The handle, for native calls that take a map. @internal */
  get handle(): BpfMapHandle {
    return this.#map.handle;
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#map.closed;
  }

  /** See {@link BpfMap.pin}. */
  pin(path: string): void {
    this.#map.pin(path);
  }

  /** Closes the descriptor. Idempotent. */
  close(): void {
    this.#map.close();
  }

  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
