import { HEADER_BYTES, HEADER_MISC, PERF_RECORD_SAMPLE } from '../abi/perf-event';
import type { RingRecord } from '../records/record';
import { ABSENT } from '../records/record-format';
import { FIRST_USER_TYPE } from '../records/record-view';
import type { ReadSide } from '../ring/read-side';
import type { RecordCursor } from '../ring/record-cursor';

/**
 * Times are two 32-bit words, high and low: exact, and no BigInt. Each is kept less 2^31, so that it is a small integer to
 * V8 and compares as the unsigned word does.
 */
const SIGN = 0x8000_0000;
export const LEAST_WORD = -0x8000_0000;
export const GREATEST_WORD = 0x7fff_ffff;

/** The word as a merge keeps it. */
export function biased(word: number): number {
  return word ^ SIGN;
}

/** A biased time as the 64-bit value it stands for. */
export function unbiasedTime(high: number, low: number): bigint {
  return (BigInt(biased(high) >>> 0) << 32n) | BigInt(biased(low) >>> 0);
}

/** One ring in a merge. What a change of rings needs is here and not behind the cursor: each object may be a cache miss. */
export class Lane {
  readonly ring: ReadSide;
  readonly cursor: RecordCursor;
  /** What a visitor reads by as well, and so another object less to fetch than words of its own. */
  readonly view: DataView<ArrayBufferLike>;
  /** Offset of the next record; `end` may lie beyond the capacity. The lane waits while there is one. */
  position = 0;
  end = 0;
  /** The header last checked (size -1: none), see lib/ring/record-scan.ts. */
  size = -1;
  raw = 0;
  /** Time of the record at `position`; for a record without a time, the one before it in the ring. */
  high = LEAST_WORD;
  low = LEAST_WORD;
  readonly capacityBytes: number;
  readonly rawOffset: number;
  readonly timeOffset: number;
  /** Of records that are no samples, see RecordCursor; and the least size of one that has a time. */
  readonly timeFromEnd: number;
  readonly timedBytes: number;
  /** Delivered since the ring was lent. */
  records = 0;
  others = 0;
  late = 0;
  /** Equal times keep the order of the rings. */
  readonly index: number;
  /** The merge moves the ring's position, see {@link lend}. */
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

  /** Whether its record comes before the other lane's. */
  isBefore(other: Lane): boolean {
    if (this.high !== other.high) return this.high < other.high;
    if (this.low !== other.low) return this.low < other.low;
    return this.index < other.index;
  }

  /** Takes the position over from the ring at the beginning of a batch, and after a fault. @returns whether it waits */
  enter(): boolean {
    const { bytesLeft, state } = this.ring;
    this.position = state.position;
    this.end = state.position + bytesLeft;
    this.size = -1;
    return bytesLeft > 0;
  }

  /** Lends the ring to the merge, if it has a batch. */
  lend(): void {
    this.#lent = this.ring.inBatch;
    if (this.#lent) this.ring.lend();
  }

  /** Gives the ring back, with what was delivered since it was lent, and forgets the header: others may move the cursor now. */
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

  /** A record that is no sample is delivered. */
  countOther(record: RingRecord): void {
    this.others++;
    this.ring.counters.sawOther(record);
  }

  /** Offset of the time from the start of the next record, whose header has not been checked; ABSENT without one. */
  timeOffsetOfNext(): number {
    const { position, timeOffset, timeFromEnd, timedBytes } = this;
    const { words } = this.cursor;
    const type = (words[position >> 2] ?? 0) >>> 0;
    const bytes = (words[(position + HEADER_MISC) >> 2] ?? 0) >>> 16;
    if (type === PERF_RECORD_SAMPLE) return bytes >= timeOffset + 8 ? timeOffset : ABSENT;
    const isTimed = timeFromEnd !== ABSENT && type < FIRST_USER_TYPE && bytes >= timedBytes;
    return isTimed ? bytes - timeFromEnd : ABSENT;
  }
}
