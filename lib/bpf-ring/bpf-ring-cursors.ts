/**
 * A result of {@link BpfRingCursors.committed}: the next record is reserved, and neither submitted nor discarded yet;
 * or another reader of the map has moved consumer_pos.
 */
export const BUSY = -1;
/** A result of {@link BpfRingCursors.committed}: the next header is invalid. */
export const CORRUPT = -2;

/**
 * The two positions of a BPF ring buffer and its record headers, with memory ordering. Positions are 64-bit counters
 * that only grow; TypeScript uses differences (at most the capacity) and offsets.
 *
 * Acquire and release are in native/system/bpf_ring_cursor.h, where each access names its partner.
 *
 * Every method throws ERR_PERF_CLOSED when the memory is gone.
 */
export interface BpfRingCursors {
  /** Acquires producer_pos; returns producer_pos - consumer_pos. Negative, or more than the capacity: corrupt. */
  available(): number;
  /**
   * The low 32 bits of consumer_pos, unsigned. They give the offset in the data, and show whether another reader moved
   * it.
   */
  consumer(): number;
  /**
   * Acquires record headers, from `from` bytes after consumer_pos on. After that the data of these records may be read.
   * @param consumer the low 32 bits of consumer_pos, as this reader last wrote them
   * @param limit bytes after which to stop; the last record may end after it
   * @returns bytes of whole committed records; 0 when nothing is published; {@link BUSY}, {@link CORRUPT}
   */
  committed(consumer: number, from: number, limit: number): number;
  /**
   * Releases consumer_pos + bytes, with a full barrier. A commit that does not see the new position does not wake; the
   * next call of {@link committed} sees that commit.
   * @throws PerfRingError ERR_PERF_RING_CORRUPT when producer_pos is not that far ahead; nothing is released
   */
  consume(bytes: number): void;
  /** Releases consumer_pos = producer_pos; returns the bytes skipped. */
  skipToProducer(): number;
}
