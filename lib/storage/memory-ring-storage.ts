import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { PerfRing } from '../ring/perf-ring';
import type { PerfRingOptions } from '../ring/ring-options';
import type { RingStorage } from './ring-storage';

/** Options of a {@link MemoryRingStorage}. */
export interface MemoryRingStorageOptions extends PerfRingOptions {
  /** Number of data pages: a power of two. */
  readonly dataPageCount: number;
  /** Bytes per page: a power of two, at least 2048; 4096 by default. */
  readonly pageSize?: number;
  /** Whether to allocate a SharedArrayBuffer, for a reader and a writer in different threads; false by default. */
  readonly shared?: boolean;
  /** Memory to use in place of new memory: a recording to replay, or another thread's ring. */
  readonly memory?: ArrayBuffer | SharedArrayBuffer;
}

const DEFAULT_PAGE_BYTES = 4096;

/** A ring in plain or shared memory: for tests, threads and replay. */
export class MemoryRingStorage implements RingStorage {
  readonly ring: PerfRing;
  readonly dataPageCount: number;
  readonly pageSize: number;
  readonly fileDescriptor = -1;
  readonly unsafeMemory: ArrayBuffer | SharedArrayBuffer;

  /**
   * @throws PerfRingError as {@link PerfRing.initContiguous}, and ERR_PERF_INVALID_OPTION for a size that cannot be
   *   allocated
   */
  constructor(options: MemoryRingStorageOptions) {
    const {
      dataPageCount,
      pageSize = DEFAULT_PAGE_BYTES,
      shared = false,
      memory,
      ...ringOptions
    } = plainOptions(options, OPTIONS);
    this.unsafeMemory = memory ?? allocate(dataPageCount, pageSize, shared);
    this.ring = PerfRing.initContiguous(this.unsafeMemory, dataPageCount, pageSize, ringOptions);
    this.dataPageCount = dataPageCount;
    this.pageSize = pageSize;
    // A subclass can add fields, so it is not frozen.
    if (new.target === MemoryRingStorage) Object.freeze(this);
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.ring.closed;
  }

  close(): void {
    this.ring.close();
  }

  /** As {@link close}: for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

const OPTIONS = [
  'dataPageCount',
  'pageSize',
  'shared',
  'memory',
  'format',
  'timeInPayload',
  'cpu',
  'kernelWritten',
] as const satisfies readonly (keyof MemoryRingStorageOptions)[];

function allocate(pages: number, pageSize: number, shared: boolean): ArrayBuffer | SharedArrayBuffer {
  // initContiguous() refuses an invalid number of pages.
  const isSize = Number.isInteger(pages) && Number.isInteger(pageSize) && pages > 0 && pageSize > 0;
  const bytes = isSize ? (1 + pages) * pageSize : 0;
  try {
    return shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  } catch (cause) {
    throw new PerfRingError('ERR_PERF_INVALID_OPTION', `cannot allocate a ring of ${bytes} bytes`, {
      cause,
    });
  }
}
