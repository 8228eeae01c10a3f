import { addon } from '../addon/load';
import type { BpfMapHandle, BpfMapInfo, NativeAddon } from '../addon/contract';
import { BPF_ANY, BPF_F_RDONLY, BPF_MAP_TYPE_RINGBUF, BPF_OBJ_NAME_LEN, isPerCpuType } from '../abi/bpf';
import { isErrno } from '../abi/errno';
import { PerfRingError } from '../errors';
import { possibleCpuCount } from '../host/cpu-list';
import { permissionAdvice } from '../host/permission-advice';
import { checkBytes, checkString, entryList, plainOptions } from '../input/plain-data';
import { byteLengthOf } from '../input/view-span';
import { named, shown } from '../input/shown';
import { bpfError, pinError } from './bpf-error';
import { mapEntries, updateInBatches } from './map-entries';

/** Options of {@link BpfMap.create}. */
export interface BpfMapOptions {
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  /** In bytes. */
  readonly keySize: number;
  /** In bytes; for a per-CPU map, the size of one CPU's value. */
  readonly valueSize: number;
  /** Number of entries. For a ring buffer map its size in bytes: a power of two, in whole pages. */
  readonly maxEntries: number;
  /** BPF_F_*; 0 by default */
  readonly flags?: number;
  /** Up to 15 letters, digits, `_` or `.`; shown by bpftool. */
  readonly name?: string;
}

/** Options of {@link BpfMap.openPinned} and {@link BpfMap.openById}. */
export interface BpfMapOpenOptions {
  /** Opens the map with BPF_F_RDONLY: changes fail with EPERM. A pin then needs only read permission. */
  readonly readOnly?: boolean;
}

/**
 * A BPF map. Keys and values are bytes in the byte order of the machine. After `close` every method throws
 * ERR_PERF_CLOSED, except `close` itself.
 *
 * @see https://man7.org/linux/man-pages/man2/bpf.2.html
 */
export class BpfMap {
  readonly info: BpfMapInfo;
  readonly #native: NativeAddon;
  readonly #handle: BpfMapHandle;
  #valueBytes: number | undefined;
  #closed = false;

  private constructor(native: NativeAddon, handle: BpfMapHandle, info: BpfMapInfo) {
    this.#native = native;
    this.#handle = handle;
    this.info = Object.freeze({ ...info });
    Object.freeze(this);
  }

  /**
   * Creates a map. The kernel keeps it while a descriptor, a program or a pin uses it.
   * @throws PerfSystemError of bpf(BPF_MAP_CREATE); EPERM without CAP_BPF
   * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT; for a ring buffer map also
   *   ERR_PERF_NOT_POWER_OF_TWO
   */
  static create(options: BpfMapOptions): BpfMap {
    const native = addon();
    const {
      type,
      keySize,
      valueSize,
      maxEntries,
      flags = 0,
      name = '',
    } = plainOptions(options, ['type', 'keySize', 'valueSize', 'maxEntries', 'flags', 'name']);
    checkObjectName(name);
    if (type === BPF_MAP_TYPE_RINGBUF)
      checkRingBufferShape(keySize, valueSize, maxEntries, native.pageSize());
    const what = `creating a map (type ${shown(type)}, key ${shown(keySize)} bytes, value ${shown(valueSize)} bytes, ${shown(maxEntries)} entries, flags ${shown(flags)})`;
    const handle = native.bpfMapCreate(type, keySize, valueSize, maxEntries, flags, name);
    if (typeof handle === 'number') {
      throw bpfError(handle, 'bpf(BPF_MAP_CREATE)', what, {
        EINVAL: 'the kernel supports no map with this type, these sizes and these flags',
        E2BIG: 'the map would be too large',
      });
    }
    return BpfMap.#adopt(native, handle, 'the new map');
  }

  /**
   * Opens a map that was pinned in a bpf file system.
   * @throws PerfSystemError of bpf(BPF_OBJ_GET), for instance ENOENT or EACCES
   * @throws PerfRingError ERR_PERF_MAP_TYPE when something else is pinned there
   */
  static openPinned(path: string, options: BpfMapOpenOptions = {}): BpfMap {
    const native = addon();
    const handle = native.bpfMapOpenPinned(path, fileFlags(options));
    if (typeof handle === 'number') {
      throw bpfError(handle, 'bpf(BPF_OBJ_GET)', `opening the map pinned at ${named(path)}`, {
        ENOENT: 'nothing is pinned there; list the pinned maps: bpftool --bpffs map list',
        EACCES: 'its file permissions forbid it, or it is not in a bpf file system',
        EINVAL: 'it is not a BPF object; maps are pinned in a bpf file system, usually /sys/fs/bpf',
        EPERM: permissionAdvice(['CAP_BPF']),
      });
    }
    return BpfMap.#adopt(native, handle, `what is pinned at ${named(path)}`);
  }

  /**
   * Opens a map by its id, which `bpftool map list` shows. Needs CAP_SYS_ADMIN.
   * @throws PerfSystemError of bpf(BPF_MAP_GET_FD_BY_ID), ENOENT when no map has the id
   */
  static openById(id: number, options: BpfMapOpenOptions = {}): BpfMap {
    const native = addon();
    const handle = native.bpfMapOpenId(id, fileFlags(options));
    if (typeof handle === 'number') {
      throw bpfError(handle, 'bpf(BPF_MAP_GET_FD_BY_ID)', `opening the map with id ${shown(id)}`, {
        ENOENT: 'no map has that id; list the maps: bpftool map list',
        EPERM: permissionAdvice(['CAP_SYS_ADMIN']),
      });
    }
    return BpfMap.#adopt(native, handle, `map ${id}`);
  }

  /**
   * Opens a map by a descriptor, which is duplicated and stays the caller's. Both descriptors refer to the same open
   * file.
   * @throws PerfSystemError EBADF when the descriptor is not open
   * @throws PerfRingError ERR_PERF_MAP_TYPE when it is not a map
   */
  static openByFd(fd: number): BpfMap {
    const native = addon();
    const handle = native.bpfMapOpenFd(fd);
    if (typeof handle === 'number') {
      throw bpfError(handle, 'fcntl(F_DUPFD_CLOEXEC)', `duplicating file descriptor ${shown(fd)}`, {
        EBADF: 'it is not open',
      });
    }
    return BpfMap.#adopt(native, handle, `file descriptor ${fd}`);
  }

  /** Whether a value is a BpfMap, and not an object with the same properties. @internal */
  static is(value: unknown): value is BpfMap {
    return typeof value === 'object' && value !== null && #handle in value;
  }

  /** Makes a BpfMap that owns the handle. @internal */
  static ofHandle(native: NativeAddon, handle: BpfMapHandle, what: string): BpfMap {
    return BpfMap.#adopt(native, handle, what);
  }

  /** Makes a BpfMap of a handle after checking that it is a map: bpf(BPF_OBJ_GET) also opens programs and links. */
  static #adopt(native: NativeAddon, handle: BpfMapHandle, what: string): BpfMap {
    const info = native.bpfMapInfo(handle);
    if (typeof info !== 'number') return new BpfMap(native, handle, info);
    native.bpfMapClose(handle);
    if (!isErrno(info, 'EINVAL'))
      throw bpfError(info, 'bpf(BPF_OBJ_GET_INFO_BY_FD)', `reading the description of ${what}`);
    throw new PerfRingError('ERR_PERF_MAP_TYPE', `${what} is not a BPF map; list the maps: bpftool map list`);
  }

  /** The handle, for native calls that take a map. @internal */
  get handle(): BpfMapHandle {
    this.#checkOpen();
    return this.#handle;
  }

  /** The descriptor's number, for an instruction that loads the map. Never close it. */
  get fd(): number {
    this.#checkOpen();
    return this.#native.bpfMapFd(this.#handle);
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The length of a value in lookups and updates, in bytes: for a per-CPU map, the values of all possible CPUs
   * together.
   * @throws PerfRingError ERR_PERF_NOT_SUPPORTED for a per-CPU map when the number of possible CPUs cannot be read from
   *   /sys
   */
  get valueBytes(): number {
    this.#valueBytes ??= isPerCpuType(this.info.type)
      ? Math.ceil(this.info.valueSize / 8) * 8 * possibleCpuCount()
      : this.info.valueSize;
    return this.#valueBytes;
  }

  /**
   * Reads the value of a key.
   * @param value the array that gets the value, `valueBytes` long; by default a new one
   * @returns `value`; `null` when the map does not contain the key
   * @throws PerfRingError ERR_PERF_NOT_SUPPORTED as {@link valueBytes}
   * @throws PerfSystemError of bpf(BPF_MAP_LOOKUP_ELEM): EFAULT when the values are longer than `valueBytes`
   */
  lookup(key: Uint8Array, value: Uint8Array = new Uint8Array(this.valueBytes)): Uint8Array | null {
    this.#checkKey(key);
    this.#checkValue(value);
    const result = this.#native.bpfMapLookup(this.#handle, key, value);
    if (result === 0) return value;
    if (isErrno(result, 'ENOENT')) return null;
    throw bpfError(result, 'bpf(BPF_MAP_LOOKUP_ELEM)', `looking up a key of map ${this.#title}`, {
      ENOTSUPP: 'maps of this type cannot be read',
      EFAULT: this.#tooLong(),
    });
  }

  /**
   * Sets the value of a key.
   * @param value `valueBytes` bytes
   * @param flags BPF_ANY, BPF_NOEXIST or BPF_EXIST of linux/bpf.h
   * @throws PerfRingError ERR_PERF_NOT_SUPPORTED as {@link valueBytes}
   * @throws PerfSystemError of bpf(BPF_MAP_UPDATE_ELEM): EPERM for a read-only map, E2BIG for a key past the end or a
   *   full map, EFAULT when the values are longer than `valueBytes`
   */
  update(key: Uint8Array, value: Uint8Array, flags: number = BPF_ANY): void {
    this.#checkKey(key);
    this.#checkValue(value);
    const result = this.#native.bpfMapUpdate(this.#handle, key, value, flags);
    if (result === 0) return;
    throw bpfError(result, 'bpf(BPF_MAP_UPDATE_ELEM)', `updating map ${this.#title}`, {
      EPERM: 'the map, or this descriptor of it, is read-only',
      E2BIG: `the key is past its ${this.info.maxEntries} entries, or the map is full`,
      EFAULT: this.#tooLong(),
    });
  }

  /**
   * Sets many entries, in batches where the kernel has them (Linux 5.6; of arrays, hash and LPM maps).
   * @param entries keys and values, as for {@link update}
   * @throws as {@link update}; entries before the one that failed are set
   */
  updateAll(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    const list = entryList(entries);
    for (const [key, value] of list) {
      this.#checkKey(key);
      this.#checkValue(value);
    }
    if (updateInBatches(this.#native, this.#handle, list)) return;
    for (const [key, value] of list) this.update(key, value);
  }

  /**
   * Deletes a key.
   * @returns whether the map contained the key
   * @throws PerfSystemError of bpf(BPF_MAP_DELETE_ELEM)
   */
  delete(key: Uint8Array): boolean {
    this.#checkKey(key);
    const answer = this.#native.bpfMapDelete(this.#handle, key);
    if (answer === 0) return true;
    if (isErrno(answer, 'ENOENT')) return false;
    throw bpfError(answer, 'bpf(BPF_MAP_DELETE_ELEM)', `deleting a key of map ${this.#title}`, {
      EINVAL: 'keys of this type of map cannot be deleted',
      EPERM: 'the map, or this descriptor of it, is read-only',
    });
  }

  /**
   * All entries, in the order of the map; for a per-CPU map with the values of all CPUs. Changes during the iteration
   * may be included or not.
   *
   * ```ts
   * for (const [key, value] of map.entries()) console.log(key, value);
   * ```
   *
   * @throws PerfRingError ERR_PERF_NOT_SUPPORTED as {@link valueBytes}
   * @throws PerfSystemError of bpf(BPF_MAP_LOOKUP_BATCH), or of bpf(BPF_MAP_GET_NEXT_KEY) for maps without batches
   */
  entries(): IterableIterator<readonly [key: Uint8Array, value: Uint8Array]> {
    this.#checkOpen();
    const shape = { keySize: this.info.keySize, valueBytes: this.valueBytes, title: this.#title };
    return mapEntries(this.#native, () => this.handle, shape);
  }

  /**
   * Splits the value of a per-CPU map into copies of its parts, one for each possible CPU, in the order of the CPUs.
   * For another map the result is the value itself.
   * @param value as {@link lookup} and {@link entries} return it
   */
  perCpu(value: Uint8Array): Uint8Array[] {
    this.#checkValue(value);
    if (!isPerCpuType(this.info.type)) return [value];
    const { valueSize } = this.info;
    const stride = Math.ceil(valueSize / 8) * 8;
    return Array.from({ length: this.valueBytes / stride }, (_, cpu) =>
      value.slice(cpu * stride, cpu * stride + valueSize),
    );
  }

  /**
   * Pins the map at a path in a bpf file system. The pin keeps the map after every descriptor is closed, until the file
   * is removed.
   * @throws PerfSystemError of bpf(BPF_OBJ_PIN)
   */
  pin(path: string): void {
    this.#checkOpen();
    const result = this.#native.bpfMapPin(this.#handle, path);
    if (result === 0) return;
    throw pinError(result, `map ${this.#title}`, path);
  }

  /**
   * Closes the descriptor. Idempotent. The kernel keeps the map while a program, a pin or another descriptor uses it.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.bpfMapClose(this.#handle);
  }

  /** Calls {@link close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  get #title(): string {
    return this.info.name === '' ? `${this.info.id}` : `${this.info.id} "${this.info.name}"`;
  }

  /** What EFAULT means: the kernel has more CPUs than the native code counted in /sys for the length of its buffer. */
  #tooLong(): string {
    return `the kernel's values are longer than ${this.valueBytes} bytes: more CPUs are possible than this process sees in /sys/devices/system/cpu/possible; run it where that file is the kernel's own (outside the container)`;
  }

  #checkOpen(): void {
    if (this.#closed) throw new PerfRingError('ERR_PERF_CLOSED', `map ${this.#title} was used after close()`);
  }

  #checkKey(key: Uint8Array): void {
    this.#checkOpen();
    checkLength('key', key, this.info.keySize, this.#title);
  }

  #checkValue(value: Uint8Array): void {
    checkLength('value', value, this.valueBytes, this.#title);
  }
}

function fileFlags(options: BpfMapOpenOptions): number {
  return plainOptions(options, ['readOnly']).readOnly === true ? BPF_F_RDONLY : 0;
}

function checkLength(what: string, bytes: Uint8Array, length: number, title: string): void {
  checkBytes(bytes, what);
  const given = byteLengthOf(bytes);
  if (given === length) return;
  throw new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    `a ${what} of map ${title} has ${length} bytes, got ${given}`,
  );
}

/**
 * A ring buffer map has no keys and no values, and `maxEntries` is its size in bytes. The kernel would only return
 * EINVAL.
 */
function checkRingBufferShape(
  keySize: number,
  valueSize: number,
  maxEntries: number,
  pageSize: number,
): void {
  if (keySize !== 0 || valueSize !== 0) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      `a ring buffer map has keySize 0 and valueSize 0, got ${shown(keySize)} and ${shown(valueSize)}`,
    );
  }
  const pages = maxEntries / pageSize;
  if (typeof maxEntries === 'number' && Number.isInteger(pages) && pages > 0 && Math.log2(pages) % 1 === 0)
    return;
  throw new PerfRingError(
    'ERR_PERF_NOT_POWER_OF_TWO',
    `a ring buffer map has ${pageSize} bytes times a power of two (maxEntries), got ${shown(maxEntries)}`,
  );
}

/**
 * Checks a name for a map or program. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT when the kernel would refuse it
 */
export function checkObjectName(name: string): void {
  checkString(name, 'name');
  if (/^[A-Za-z0-9_.]*$/.test(name) && name.length < BPF_OBJ_NAME_LEN) return;
  throw new PerfRingError(
    'ERR_PERF_INVALID_ARGUMENT',
    `"${named(name)}" is not a valid name of a map or program: it may have up to ${BPF_OBJ_NAME_LEN - 1} letters, digits, _ or .`,
  );
}
