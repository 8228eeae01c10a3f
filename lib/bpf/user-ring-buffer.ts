import { BPF_MAP_TYPE_USER_RINGBUF } from '../abi/bpf';
import { isErrno } from '../abi/errno';
import type { NativeAddon, UserRingHandle } from '../addon/contract';
import { addon } from '../addon/load';
import { PerfRingError } from '../errors';
import { isUint8Array } from '../input/view-span';
import { shown } from '../input/shown';
import { bpfError } from './bpf-error';
import { BpfMap } from './bpf-map';

/** Only this module makes writers. */
const MAKING = Symbol('making');

/**
 * Writes events into a user ring buffer map (BPF_MAP_TYPE_USER_RINGBUF), which a program reads by
 * bpf_user_ringbuf_drain. Linux 6.1 and later.
 *
 * ```ts
 * const object = await BpfObject.open('commands.bpf.o').load();
 * const commands = UserRingBuffer.open(object.map('commands'));
 * if (!commands.write(new Uint8Array([1, 0, 0, 0]))) console.log('full: the program has to drain first');
 * ```
 *
 * Nothing wakes the program: it drains when it runs. A map has one writer.
 *
 * @see https://docs.kernel.org/bpf/map_user_ringbuf.html
 */
export class UserRingBuffer {
  /** Bytes of the data area. A record takes 8 bytes more than its payload, rounded up to 8. */
  readonly capacityBytes: number;
  readonly #native: NativeAddon;
  readonly #title: string;
  #ring: UserRingHandle | undefined;

  private constructor(
    making: symbol,
    native: NativeAddon,
    title: string,
    capacityBytes: number,
    ring: UserRingHandle,
  ) {
    if (making !== MAKING) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'writers are made by UserRingBuffer.open()');
    }
    this.#native = native;
    this.#title = title;
    this.capacityBytes = capacityBytes;
    this.#ring = ring;
  }

  /**
   * Maps the ring, and continues after the records that are in it.
   * @param map it stays the caller's, and may be closed before this writer
   * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, ERR_PERF_MAP_TYPE, ERR_PERF_CLOSED
   * @throws PerfSystemError EACCES or EPERM for a map that was opened read-only, EFBIG for one of more than 512 MiB,
   *   ENOMEM
   */
  static open(map: BpfMap): UserRingBuffer {
    const native = addon();
    if (!BpfMap.is(map)) {
      throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `map must be a BpfMap, got ${shown(map)}`);
    }
    const { type, id, maxEntries } = map.info;
    if (type !== BPF_MAP_TYPE_USER_RINGBUF) {
      throw new PerfRingError(
        'ERR_PERF_MAP_TYPE',
        `map ${id} is of type ${type}, not a user ring buffer map (${BPF_MAP_TYPE_USER_RINGBUF})`,
      );
    }
    const title = `user ring buffer map ${id}`;
    const ring = native.userRingMap(map.handle);
    if (typeof ring === 'number') {
      throw bpfError(ring, 'mmap', `mapping ${title} of ${maxEntries} bytes`, {
        EFBIG: 'maps of more than 512 MiB are not written: create it smaller',
        EACCES: 'the descriptor of the map is read-only: open it for writing',
        EPERM: 'the descriptor of the map is read-only: open it for writing',
      });
    }
    return new UserRingBuffer(MAKING, native, title, maxEntries, ring);
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#ring === undefined;
  }

  /** Bytes of records that no program has read yet. @throws PerfRingError ERR_PERF_CLOSED */
  get unreadBytes(): number {
    return this.#native.userRingUnread(this.#open());
  }

  /**
   * Writes one record, which the program can read when this returns.
   * @param payload is copied
   * @returns false when there is no room: write it again after the program has drained the ring
   * @throws PerfRingError ERR_PERF_RECORD_TOO_LARGE when it is longer than the ring, ERR_PERF_BUSY when another writer
   *   has written to the map since the last call: nothing is written, and the next call continues behind its record;
   *   ERR_PERF_INVALID_ARGUMENT, ERR_PERF_CLOSED
   */
  write(payload: Uint8Array): boolean {
    const ring = this.#open();
    if (!isUint8Array(payload)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `payload must be a Uint8Array, got ${shown(payload)}`,
      );
    }
    const result = this.#native.userRingWrite(ring, payload);
    if (result === 0) return true;
    if (isErrno(result, 'ENOSPC')) return false;
    if (isErrno(result, 'E2BIG')) {
      throw new PerfRingError(
        'ERR_PERF_RECORD_TOO_LARGE',
        `a record of ${payload.length} bytes does not fit into ${this.#title} of ${this.capacityBytes} bytes, of which 8 are its header`,
      );
    }
    if (isErrno(result, 'ESTALE')) {
      throw new PerfRingError(
        'ERR_PERF_BUSY',
        `another writer has written to ${this.#title}: a user ring buffer map has one writer`,
      );
    }
    throw bpfError(result, 'write', `writing ${payload.length} bytes to ${this.#title}`);
  }

  /** Unmaps the ring. Records that were written stay in the map. Idempotent. */
  close(): void {
    if (this.#ring === undefined) return;
    this.#native.userRingClose(this.#ring);
    this.#ring = undefined;
  }

  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(): UserRingHandle {
    if (this.#ring === undefined) throw new PerfRingError('ERR_PERF_CLOSED', `${this.#title} was closed`);
    return this.#ring;
  }
}
