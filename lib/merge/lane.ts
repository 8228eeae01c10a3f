import { HEADER_BYTES } from '../abi/perf-event';
import type { RecordCursor } from '../ring/record-cursor';
import type { ScanState } from '../ring/record-scan';

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
  /** Delivered from this ring since whoever counts them set them to 0. */
  records = 0;
  others = 0;
  late = 0;
  /** Equal times keep the order of the rings. */
  readonly index: number;
  readonly state: ScanState;

  constructor(cursor: RecordCursor, state: ScanState, index: number) {
    this.cursor = cursor;
    this.view = cursor.view;
    this.capacityBytes = cursor.capacityBytes;
    this.rawOffset = cursor.format.rawOffset;
    this.timeOffset = cursor.timeOffset;
    this.timeFromEnd = cursor.timeFromEnd;
    this.timedBytes = HEADER_BYTES + cursor.format.sampleIdBytes;
    this.index = index;
    this.state = state;
  }

  /** Whether its record comes before the other lane's. */
  isBefore(other: Lane): boolean {
    if (this.high !== other.high) return this.high < other.high;
    if (this.low !== other.low) return this.low < other.low;
    return this.index < other.index;
  }
}
