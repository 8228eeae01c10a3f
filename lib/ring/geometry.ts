import { PerfRingError } from '../errors';
import { shown } from '../input/shown';
import { spanOfMemory, type ViewSpan } from '../input/view-span';

/** Types of memory that can hold a ring. */
export type RingMemory = ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

/** Where a ring's parts lie in its memory: one metadata page, then `dataPageCount` data pages. */
export interface RingGeometry {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** Offset of the metadata page in `buffer`, bytes; a multiple of 8. */
  readonly metadataOffset: number;
  /** Offset of the data area in `buffer`, bytes; a multiple of 8. */
  readonly dataOffset: number;
  readonly pageSize: number;
  readonly dataPageCount: number;
  /** dataPageCount * pageSize: a power of two, at most 2^30. */
  readonly capacityBytes: number;
}

/** Offsets up to this limit stay small integers in V8, and the sum of two does not overflow. */
const MAX_CAPACITY_BYTES = 2 ** 30;

/** The metadata page must include data_tail (at 1032). The kernel's pages have at least 4096 bytes. */
const MIN_PAGE_BYTES = 2048;

const isPowerOfTwo = (value: number): boolean => Number.isInteger(value) && Math.log2(value) % 1 === 0;

/**
 * Checks the memory and the page counts, and returns where the ring's parts lie. Reads and writes no ring memory.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, ERR_PERF_NO_DATA_PAGES, ERR_PERF_NOT_POWER_OF_TWO,
 *   ERR_PERF_MEMORY_TOO_SHORT, ERR_PERF_MEMORY_UNALIGNED, ERR_PERF_MEMORY_RESIZABLE
 */
export function ringGeometry(memory: RingMemory, dataPageCount: number, pageSize: number): RingGeometry {
  const { buffer, byteOffset, byteLength } = spanOf(memory);
  if (dataPageCount === 0) {
    throw new PerfRingError('ERR_PERF_NO_DATA_PAGES', 'a ring needs at least one data page, got 0');
  }
  if (!Number.isInteger(dataPageCount) || dataPageCount < 0) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      `nPages must be a positive integer, got ${shown(dataPageCount)}`,
    );
  }
  if (!isPowerOfTwo(dataPageCount)) {
    throw new PerfRingError(
      'ERR_PERF_NOT_POWER_OF_TWO',
      `nPages must be a power of two, got ${dataPageCount}`,
    );
  }
  if (!Number.isInteger(pageSize) || pageSize <= 0) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      `pageSize must be a positive integer, got ${shown(pageSize)}`,
    );
  }
  if (!isPowerOfTwo(pageSize)) {
    throw new PerfRingError('ERR_PERF_NOT_POWER_OF_TWO', `pageSize must be a power of two, got ${pageSize}`);
  }
  const capacityBytes = dataPageCount * pageSize;
  if (pageSize < MIN_PAGE_BYTES || capacityBytes > MAX_CAPACITY_BYTES) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      `pageSize must be at least ${MIN_PAGE_BYTES} and the data area at most ${MAX_CAPACITY_BYTES} bytes, got ${dataPageCount} pages of ${pageSize}`,
    );
  }
  if (byteOffset % 8 !== 0) {
    throw new PerfRingError(
      'ERR_PERF_MEMORY_UNALIGNED',
      `the memory must begin on an 8-byte boundary of its buffer, begins at ${byteOffset}`,
    );
  }
  if (byteLength < pageSize + capacityBytes) {
    throw new PerfRingError(
      'ERR_PERF_MEMORY_TOO_SHORT',
      `1 + ${dataPageCount} pages of ${pageSize} bytes need ${pageSize + capacityBytes} bytes, the memory has ${byteLength}`,
    );
  }
  return {
    buffer,
    metadataOffset: byteOffset,
    dataOffset: byteOffset + pageSize,
    pageSize,
    dataPageCount,
    capacityBytes,
  };
}

function spanOf(memory: RingMemory): ViewSpan {
  const span = spanOfMemory(memory);
  if (span === undefined) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      'memory must be an ArrayBuffer, a SharedArrayBuffer or a view of one',
    );
  }
  if (isResizable(span.buffer)) {
    throw new PerfRingError(
      'ERR_PERF_MEMORY_RESIZABLE',
      'the memory is resizable and could shrink under the ring: give an ArrayBuffer or SharedArrayBuffer of fixed length',
    );
  }
  return span;
}

function isResizable(buffer: ArrayBuffer | SharedArrayBuffer): boolean {
  const flags = buffer as { resizable?: boolean; growable?: boolean };
  return flags.resizable === true || flags.growable === true;
}
