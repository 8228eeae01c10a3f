import { BAD_ARGUMENT } from '../addon/contract';
import { PerfRingError } from '../errors';

/**
 * The two positions of a ring, data_head (the writer's) and data_tail (the reader's), and the order of memory
 * around them. Both are 64-bit counters that only grow; they stay behind this interface, so that TypeScript
 * handles only differences (at most the capacity) and offsets (below it).
 *
 * Acquire and release live in native/system/ring_cursor.h, where each access names its partner.
 * {@link AtomicsCursors} stands in where the addon is not: sequentially consistent, so stronger than needed.
 *
 * Every call throws ERR_PERF_CLOSED when the memory is gone.
 */
export interface RingCursors {
  /** Acquires data_head; answers data_head - data_tail. More than the capacity, or negative: corrupt. */
  available(): number;
  /** data_tail modulo the capacity. */
  readOffset(): number;
  /**
   * Releases data_tail + bytes: the writer may reuse them.
   * @throws PerfRingError ERR_PERF_RING_CORRUPT when data_head is no longer that far ahead; nothing is released
   */
  consume(bytes: number): void;
  /** Releases data_tail = data_head; answers the bytes skipped. */
  skipToHead(): number;
  /** Acquires data_tail; answers capacity - (data_head - data_tail). Negative or above the capacity: corrupt. */
  free(): number;
  /** data_head modulo the capacity. */
  writeOffset(): number;
  /** Releases data_head + bytes: the reader may see them. */
  publish(bytes: number): void;
}

/** Answers a native result, or says why there is none. A negative count cannot come from sound cursors. */
export function cursorResult(result: number): number {
  if (result === BAD_ARGUMENT) {
    throw new PerfRingError('ERR_PERF_CLOSED', 'the ring was closed, or its memory was detached');
  }
  return result;
}

/** A writer only ever moves data_head on: what was published cannot be taken back. */
export function headMovedBack(): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_RING_CORRUPT',
    'data_head moved back behind what was read: resynchronise() skips to data_head',
  );
}
