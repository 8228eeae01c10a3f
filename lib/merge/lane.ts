import { HEADER_BYTES, HEADER_MISC, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import type { RingRecord } from '../records/record';
import { ABSENT } from '../records/record-format';
import { FIRST_USER_TYPE } from '../records/record-view';
import type { ReadSide } from '../ring/read-side';
import type { RecordCursor } from '../ring/record-cursor';

/**
 * Times are two 32-bit words, high and low: exact, without BigInt. Each word is stored minus 2^31 (biased): comparing
 * two biased words as signed integers gives the order of the unsigned words.
 */
const SIGN = 0x8000_0000;
export const LEAST_WORD = -0x8000_0000;
export const GREATEST_WORD = 0x7fff_ffff;

/** Converts an unsigned word to its biased form. */
export function biased(word: number): number {
  return word ^ SIGN;
}

/** Converts a biased time to its 64-bit value, nanoseconds. */
export function unbiasedTime(high: number, low: number): bigint {
  return (BigInt(biased(high) >>> 0) << 32n) | BigInt(biased(low) >>> 0);
}

/**
 * One ring in a merge. It copies what the merge needs when it changes to this ring: reading further objects could be a
 * cache miss each. A lane waits while it has records left in the batch.
 */
export class Lane {
  readonly ring: ReadSide;
  readonly cursor: RecordCursor;
  /** The view that visitors read through too: using the same object avoids a cache miss. */
  readonly view: DataView<ArrayBufferLike>;
  /** Offset of the next record, and of the batch's end, bytes. `end` may exceed the capacity. */
  position = 0;
  end = 0;
  /** header.size and raw_size of the last sample checked (size -1: none), see lib/ring/record-scan.ts. */
  size = -1;
  raw = 0;
  /** Biased time of the record at `position`; for a record without a time, the time of the record before it. */
  high = LEAST_WORD;
  low = LEAST_WORD;
  /** The ring's least limit in this batch: no record of an earlier time should still come. */
  quietHigh = LEAST_WORD;
  quietLow = LEAST_WORD;
  readonly capacityBytes: number;
  readonly rawOffset: number;
  readonly timeOffset: number;
  /** For records other than samples: bytes from the time to the record's end, and the least size of one with a time. */
  readonly timeFromEnd: number;
  readonly timedBytes: number;
  /** Records delivered since the ring was lent; how many are not samples; how many were late. */
  records = 0;
  others = 0;
  late = 0;
  /** Position among the rings: of equal times, the lower index comes first. */
  readonly index: number;
  /** Whether the ring is lent to the merge, see {@link lend}. */
  #lent = false;

  constructor(ring: ReadSide, index: number) {
    const { cursor } = ring;
    this.ring = ring;
    this.cursor = cursor;
    this.view = cursor.view;
    this.capacityBytes = cursor.capacityBytes;
    this.rawOffset = cursor.format.rawOffset;
    this.timeOffset = cursor.timeOffset;
    this.timeFromEnd = cursor.timeFromEnd;
    this.timedBytes = HEADER_BYTES + cursor.format.sampleIdBytes;
    this.index = index;
  }

  /** Whether this lane's next record comes before the other lane's. */
  isBefore(other: Lane): boolean {
    if (this.high !== other.high) return this.high < other.high;
    if (this.low !== other.low) return this.low < other.low;
    return this.index < other.index;
  }

  /** Takes the ring's position at the start of a batch and after a fault. @returns whether the lane waits */
  enter(): boolean {
    const { bytesLeft, state } = this.ring;
    this.position = state.position;
    this.end = state.position + bytesLeft;
    this.size = -1;
    return bytesLeft > 0;
  }

  /** Lends the ring to the merge, if a batch is open in it: until {@link giveBack} the merge moves the position. */
  lend(): void {
    this.#lent = this.ring.inBatch;
    if (this.#lent) this.ring.lend();
  }

  /** Returns the ring with the new position and counts, and forgets the header: other code may now move the cursor. */
  giveBack(): void {
    this.size = -1;
    if (!this.#lent) return;
    this.#lent = false;
    this.ring.takeBack(this.position, this.end - this.position);
    if (this.records === 0) return;
    const { counters } = this.ring;
    counters.samples += this.records - this.others;
    counters.others += this.others;
    counters.late += this.late;
    this.records = 0;
    this.others = 0;
    this.late = 0;
  }

  /** Counts a delivered record that is not a sample. */
  countOther(record: RingRecord): void {
    this.others++;
    this.ring.counters.countLost(record);
  }

  /** Whether the next record has a time. Its header has not been checked yet. */
  get isTimed(): boolean {
    return this.position < this.end && this.#timeOffset() !== ABSENT;
  }

  /** Reads the time of the next record; without one, the time stays that of the record before it. */
  readTime(): void {
    if (!this.isTimed) return;
    // Words, not the view, which would throw if the memory is detached. The mask keeps every offset in the ring.
    const { words } = this.cursor;
    const mask = this.capacityBytes - 1;
    const at = (this.position + this.#timeOffset()) & mask;
    this.low = biased(words[at >> 2] ?? 0);
    this.high = biased(words[((at + 4) & mask) >> 2] ?? 0);
  }

  /** Offset of the time in the next record, bytes, or ABSENT. */
  #timeOffset(): number {
    const { position, timeOffset, timeFromEnd, timedBytes } = this;
    const { words } = this.cursor;
    const type = (words[position >> 2] ?? 0) >>> 0;
    const bytes = (words[(position + HEADER_MISC) >> 2] ?? 0) >>> 16;
    if (type === PERF_RECORD_SAMPLE) return timeOffset >= 0 && bytes >= timeOffset + 8 ? timeOffset : ABSENT;
    const isTimed = timeFromEnd !== ABSENT && type < FIRST_USER_TYPE && bytes >= timedBytes;
    return isTimed ? bytes - timeFromEnd : ABSENT;
  }
}
