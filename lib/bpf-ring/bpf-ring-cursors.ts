/** A result of {@link BpfRingCursors.committed}: the next record is reserved, and neither submitted nor discarded yet. */
export const BUSY = -1;
/** A result of {@link BpfRingCursors.committed}: the next header is invalid. */
export const CORRUPT = -2;
/** A result of {@link BpfRingCursors.committed}: another reader of the map has moved consumer_pos. */
export const MOVED = -3;

/**
 * The two positions of a BPF ring buffer and its record headers, with memory ordering. Positions are 64-bit counters
 * that only grow; TypeScript uses differences (at most the capacity) and offsets.
 *
 * Acquire and release are in native/system/bpf_ring_cursor.h, where each access names its partner.
 *
 * `consumer` is everywhere the low 32 bits of consumer_pos, unsigned, as this reader last wrote them.
 *
 * Every method throws ERR_PERF_CLOSED when the memory is gone.
 */
export interface BpfRingCursors {
  /**
   * Acquires producer_pos; returns producer_pos - consumer_pos, of their low 32 bits. Negative, or more than the
   * capacity: the positions are invalid, or another reader has moved consumer_pos.
   */
  available(consumer: number): number;
  /** They give the offset in the data, and show whether another reader moved consumer_pos. */
  consumer(): number;
  /**
   * Acquires records, from `from` bytes after consumer_pos on: then their headers and data may be read.
   * @param published as {@link available} returned it
   * @param limit bytes after which a walk over headers stops; the last record may end after it
   * @returns bytes of whole committed records; 0 when nothing is published; {@link BUSY}, {@link CORRUPT},
   *   {@link MOVED}
   */
  committed(consumer: number, from: number, published: number, limit: number): number;
  /**
   * A header was found that belongs to no committed record: from now on {@link committed} walks over the headers.
   * @returns false when it did so before
   */
  walkHeaders(): boolean;
  /**
   * Releases consumer_pos + bytes, with a full barrier. A commit that does not see the new position does not wake; the
   * next call of {@link committed} sees that commit.
   * @returns false when another reader has moved consumer_pos; nothing is released
   */
  consume(consumer: number, bytes: number): boolean;
  /** Releases consumer_pos = producer_pos; returns the bytes skipped. */
  skipToProducer(): number;
}
