import { BAD_ARGUMENT } from '../addon/contract';
import { PerfRingError } from '../errors';

/**
 * The two positions of a ring, data_head (moved by the writer) and data_tail (moved by the reader), and the memory
 * ordering around them. Both are 64-bit counters that only grow. This interface hides them, so that TypeScript
 * handles only differences (at most the capacity) and offsets (below the capacity).
 *
 * Acquire and release are in native/system/ring_cursor.h, where each access names its partner.
 * {@link AtomicsCursors} replaces it where the addon is not built: sequentially consistent, so stronger than needed.
 *
 * All values are bytes. Every call throws ERR_PERF_CLOSED when the memory is gone.
 */
export interface RingCursors {
  /** Acquires data_head; returns data_head - data_tail. More than the capacity, or negative: corrupt. */
  available(): number;
  /** data_tail modulo the capacity. */
  readOffset(): number;
  /**
   * Adds `bytes` to data_tail (release): the writer may reuse these bytes.
   * @throws PerfRingError ERR_PERF_RING_CORRUPT when data_head is no longer that far ahead; nothing is released
   */
  consume(bytes: number): void;
  /** Sets data_tail to data_head (release); returns the bytes skipped. */
  skipToHead(): number;
  /** Acquires data_tail; returns capacity - (data_head - data_tail). Negative or above the capacity: corrupt. */
  free(): number;
  /** data_head modulo the capacity. */
  writeOffset(): number;
  /** Adds `bytes` to data_head (release): the reader may see these bytes. */
  publish(bytes: number): void;
}

/** Returns a native result. @throws PerfRingError ERR_PERF_CLOSED when the result is BAD_ARGUMENT */
export function cursorResult(result: number): number {
  if (result === BAD_ARGUMENT) {
    throw new PerfRingError('ERR_PERF_CLOSED', 'the ring was closed, or its memory was detached');
  }
  return result;
}

/** The error for a data_head that moved back: a correct writer only moves it forward. */
export function headMovedBack(): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_RING_CORRUPT',
    'data_head moved back behind what was read: resynchronise() skips to data_head',
  );
}
