/**
 * Of {@link BpfRingCursors.committed}: the next record is reserved, and neither submitted nor discarded yet; or another
 * reader of the map has moved consumer_pos.
 */
export const BUSY = -1;
/** Of {@link BpfRingCursors.committed}: the next header could not be. */
export const CORRUPT = -2;

/**
 * The two positions of a BPF ring buffer and its record headers, with the order of memory around them. Positions are
 * 64-bit counters that only grow; TypeScript handles differences (at most the capacity) and offsets.
 *
 * Acquire and release live in native/system/bpf_ring_cursor.h, where each access names its partner.
 *
 * Every call throws ERR_PERF_CLOSED when the memory is gone.
 */
export interface BpfRingCursors {
  /** Acquires producer_pos; answers producer_pos - consumer_pos. More than the capacity, or negative: corrupt. */
  available(): number;
  /** The low 32 bits of consumer_pos, unsigned: the offset in the data, and whether another reader has moved it. */
  consumer(): number;
  /**
   * Acquires record headers, from `from` bytes after consumer_pos on. The data of these records may be read then.
   * @param consumer the low 32 bits of consumer_pos, as the caller left it
   * @param limit bytes after which to stop: the last record may end after it
   * @returns bytes of whole records that are committed; 0 where nothing is published; {@link BUSY}, {@link CORRUPT}
   */
  committed(consumer: number, from: number, limit: number): number;
  /**
   * Releases consumer_pos + bytes, with a full barrier: a commit that does not see it, and so does not wake, is seen by the
   * next call of {@link committed}.
   * @throws PerfRingError ERR_PERF_RING_CORRUPT when producer_pos is not that far ahead; nothing is released
   */
  consume(bytes: number): void;
  /** Releases consumer_pos = producer_pos; answers the bytes skipped. */
  skipToProducer(): number;
}
