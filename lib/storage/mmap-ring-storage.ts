import { isErrno } from '../abi/errno';
import type { PerfEventAttr } from '../abi/perf-event';
import { BAD_ARGUMENT, type MappedRingHandle, type NativeAddon } from '../addon/contract';
import { addon } from '../addon/load';
import { PerfRingError } from '../errors';
import { failedCall } from '../host/failed-call';
import { permissionAdvice } from '../host/permission-advice';
import { plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';
import { ringGeometry } from '../ring/geometry';
import { type PerfRing, perfRingOver } from '../ring/perf-ring';
import { type RecordFormat, recordFormat } from '../records/record-format';
import { MappedCursors } from './mapped-cursors';
import { type CustomAttributes, type EventWakeup, ringAttr } from '../events/attr';
import { SIDE_BAND_FLAGS } from '../events/bpf-output';
import { handleOf, PerfEvent } from '../events/perf-event';
import type { RingStorage } from './ring-storage';

/** Options of {@link MmapRingStorage.open}. */
export interface MmapRingStorageOptions {
  /** CPU whose samples the ring gets; -1 for every CPU that `pid` runs on. */
  readonly cpu: number;
  /** -1 for every process (needs CAP_PERFMON), 0 for this one, or a process id; -1 by default. */
  readonly pid?: number;
  /** Number of data pages: a power of two. All of them are locked in memory. */
  readonly dataPageCount: number;
  /** `{ everyEvents: 1 }` by default: each sample wakes. */
  readonly wakeup?: EventWakeup;
  /**
   * More perf_event_attr fields. PERF_SAMPLE_RAW is added to `sample_type`, unless `type` and `config` name another
   * event than PERF_COUNT_SW_BPF_OUTPUT; `sample_id_all` is true by default.
   */
  readonly attributes?: CustomAttributes;
  /** Payload offset, in bytes, of a u64 time in nanoseconds, for rings whose samples have no PERF_SAMPLE_TIME. */
  readonly timeInPayload?: number;
  /**
   * True when another event will write side-band records into this ring (PERF_EVENT_IOC_SET_OUTPUT); false by default.
   * Not needed for side-band records that `attributes` request.
   */
  readonly otherRecords?: boolean;
}

/**
 * A ring that the kernel writes: a perf event of one CPU, and the mapping of its buffer.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/Documentation/userspace-api/perf_ring_buffer.rst
 */
export class MmapRingStorage implements RingStorage {
  readonly ring: PerfRing;
  readonly dataPageCount: number;
  readonly pageSize: number;
  /** The layout of the records. */
  readonly format: RecordFormat;
  /** True when the runtime refuses external buffers. What is published is then copied by native code. */
  readonly copies: boolean;
  readonly #native: NativeAddon;
  readonly #mapping: MappedRingHandle;
  readonly #memory: ArrayBuffer;
  #closed = false;

  private constructor(
    native: NativeAddon,
    readonly event: PerfEvent,
    attr: PerfEventAttr,
    options: MmapRingStorageOptions,
  ) {
    const { dataPageCount, timeInPayload } = options;
    this.format = recordFormat({ ...attr, read_format: event.readFormat });
    const pageSize = native.pageSize();
    const writable = attr.write_backward !== true;
    const mapping = native.ringMap(handleOf(event), dataPageCount, writable);
    if (typeof mapping === 'number') throw mapError(mapping, dataPageCount, pageSize);
    try {
      const memory = native.ringBuffer(mapping);
      this.copies = typeof memory === 'number';
      if (typeof memory === 'number') {
        if (!isErrno(memory, 'EOPNOTSUPP')) throw mapError(memory, dataPageCount, pageSize);
        this.#memory = new ArrayBuffer((1 + dataPageCount) * pageSize);
      } else {
        this.#memory = memory;
      }
      const ringOptions = {
        format: this.format,
        cpu: event.cpu,
        kernelWritten: options.otherRecords !== true && !SIDE_BAND_FLAGS.some((flag) => attr[flag] === true),
        ...(timeInPayload === undefined ? {} : { timeInPayload }),
      };
      this.ring = perfRingOver(
        ringGeometry(this.#memory, dataPageCount, pageSize),
        ringOptions,
        new MappedCursors(native, mapping, this.copies ? this.#memory : undefined),
      );
    } catch (error) {
      native.ringClose(mapping);
      throw error;
    }
    this.#native = native;
    this.#mapping = mapping;
    this.dataPageCount = dataPageCount;
    this.pageSize = pageSize;
    Object.freeze(this);
  }

  /**
   * Opens the event and maps its ring. On failure nothing stays open.
   * @throws PerfRingError ERR_PERF_NO_DATA_PAGES, ERR_PERF_NOT_POWER_OF_TWO, ERR_PERF_CPU_OFFLINE,
   *   ERR_PERF_NO_SUCH_CPU, ERR_PERF_ADDON_MISSING
   * @throws PerfSystemError of perf_event_open(2) or mmap(2)
   */
  static open(options: MmapRingStorageOptions): MmapRingStorage {
    return MmapRingStorage.openWith(addon(), options);
  }

  /** As {@link open}, for an object that keeps the addon it was opened with. @internal */
  static openWith(native: NativeAddon, given: MmapRingStorageOptions): MmapRingStorage {
    const options = plainOptions(given, OPTIONS);
    checkDataPageCount(options.dataPageCount);
    const attr = ringAttr(options.wakeup ?? { everyEvents: 1 }, options.attributes);
    const event = PerfEvent.open(native, attr, options.cpu, options.pid);
    try {
      return new MmapRingStorage(native, event, attr, options);
    } catch (error) {
      event.close();
      throw error;
    }
  }

  get fileDescriptor(): number {
    return this.event.fileDescriptor;
  }

  get unsafeMemory(): ArrayBuffer {
    return this.#memory;
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Overwrite mode: copies the data area into `target`, newest record first.
   * @param target an array of the length of the data area
   * @returns `overwrittenBytes`: how many bytes at the end of the copy the kernel may have overwritten during it;
   *   `writtenBytes`: bytes written since the ring was opened, modulo 2^64
   * @throws PerfRingError ERR_PERF_CLOSED; ERR_PERF_INVALID_ARGUMENT for a target of another length, or a ring that was
   *   not opened with `attributes: { write_backward: true }`
   */
  snapshot(target: Uint8Array): { readonly overwrittenBytes: number; readonly writtenBytes: bigint } {
    const head = new BigUint64Array(1);
    const overwrittenBytes = this.#native.ringSnapshot(this.#mapping, target, head);
    if (overwrittenBytes < 0) {
      if (this.#closed) throw new PerfRingError('ERR_PERF_CLOSED', 'the ring was closed');
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `a snapshot takes a Uint8Array of ${this.dataPageCount * this.pageSize} bytes, of a ring with write_backward: true`,
      );
    }
    // The kernel writes backward, from 0.
    return { overwrittenBytes, writtenBytes: BigInt.asUintN(64, -(head[0] as bigint)) };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.ring.close();
    this.#native.ringClose(this.#mapping);
    this.event.close();
  }

  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

const OPTIONS = [
  'cpu',
  'pid',
  'dataPageCount',
  'wakeup',
  'attributes',
  'timeInPayload',
  'otherRecords',
] as const satisfies readonly (keyof MmapRingStorageOptions)[];

/** Call it before anything is opened. @throws PerfRingError ERR_PERF_NO_DATA_PAGES, ERR_PERF_NOT_POWER_OF_TWO */
export function checkDataPageCount(dataPageCount: number): void {
  if (dataPageCount === 0) {
    throw new PerfRingError('ERR_PERF_NO_DATA_PAGES', 'dataPageCount must be at least 1, got 0');
  }
  if (!Number.isInteger(dataPageCount) || dataPageCount < 0 || Math.log2(dataPageCount) % 1 !== 0) {
    throw new PerfRingError(
      'ERR_PERF_NOT_POWER_OF_TWO',
      `dataPageCount must be a power of two, got ${shown(dataPageCount)}`,
    );
  }
}

function mapError(result: number, dataPageCount: number, pageSize: number): Error {
  const what = `mapping a ring of ${dataPageCount} pages of ${pageSize} bytes, and its metadata page`;
  if (result === BAD_ARGUMENT) {
    return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${what}: the event is closed`);
  }
  return failedCall(result, 'mmap', what, {
    advice: {
      // mmap fails with EPERM, not ENOMEM, past the limits of locked memory.
      EPERM: `it exceeds the memory this user may lock: take smaller rings, raise kernel.perf_event_mlock_kb or ulimit -l; lifting the limit ${permissionAdvice(['CAP_IPC_LOCK'])}`,
      ENOMEM: 'it does not fit into memory: take smaller rings',
      EINVAL: 'the kernel maps no such ring',
    },
  });
}
