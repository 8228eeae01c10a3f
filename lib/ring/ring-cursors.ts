import { BAD_ARGUMENT } from '../addon/contract';
import { PerfRingError } from '../errors';

/**
 * The reader's access to the positions of a ring: data_head, which the writer moves, and data_tail, which the reader
 * moves. Both are 64-bit counters of bytes that only grow. TypeScript sees only their distance (at most the capacity)
 * and their offsets (below the capacity).
 *
 * Acquire and release are in native/system/ring_cursor.h, where each access names its partner.
 *
 * All values are bytes. Every call throws ERR_PERF_CLOSED when the memory is gone.
 */
export interface ReaderCursors {
  /** Acquires data_head; returns data_head - data_tail. More than the capacity, or negative: corrupt. */
  available(): number;
  /** data_tail modulo the capacity. Call it after {@link available}, and only when that was not 0. */
  readOffset(): number;
  /**
   * Adds `bytes` to data_tail (release): the writer may reuse these bytes.
   * @throws PerfRingError ERR_PERF_RING_CORRUPT when data_head is no longer that far ahead; nothing is released
   */
  consume(bytes: number): void;
  /** Sets data_tail to data_head (release); returns the bytes skipped. */
  skipToHead(): number;
  /** Binds the cursors of many rings, these among them; undefined when they can't be bound together. */
  bind?(all: readonly ReaderCursors[]): BoundCursors | undefined;
}

/** The writer's access, see {@link ReaderCursors}. */
export interface WriterCursors {
  /** Acquires data_tail; returns capacity - (data_head - data_tail). Negative or above the capacity: corrupt. */
  free(): number;
  /** data_head modulo the capacity. */
  writeOffset(): number;
  /** Adds `bytes` to data_head (release): the reader may see these bytes. */
  publish(bytes: number): void;
}

/** The cursors of many rings: one call acquires all heads, one call releases all tails. Rings are known by index. */
export interface BoundCursors {
  /**
   * Acquires all heads.
   * @returns number of rings that are ready: all but those that are open, valid and empty
   */
  acquire(): number;
  /** Index of the nth ring that is ready, ascending. */
  ready(nth: number): number;
  /** Like {@link ReaderCursors.available} and {@link ReaderCursors.readOffset}, of a ring that is ready. */
  available(index: number): number;
  readOffset(index: number): number;
  /** The next {@link release} releases so many bytes of a ring that was ready. */
  consume(index: number, bytes: number): void;
  release(): void;
  /** Whether the last {@link release} released what was consumed in that ring; if not, data_head has moved back. */
  isReleased(index: number): boolean;
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
