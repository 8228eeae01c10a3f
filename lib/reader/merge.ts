import type { RecordVisitor } from '../ring/record';
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

/** One ring in a merge. */
export class Lane {
  /** Time of the record at `position`; for a record without a time, the one before it in the ring. */
  high = LEAST_WORD;
  low = LEAST_WORD;
  /** The header last checked (size -1: none), see lib/ring/record-scan.ts. */
  size = -1;
  raw = 0;
  /** Offset of the next record; `end` may lie beyond the capacity. */
  position = 0;
  end = 0;
  /** Delivered from this ring since whoever counts them set them to 0. */
  records = 0;
  others = 0;
  late = 0;
  constructor(
    readonly cursor: RecordCursor,
    readonly state: ScanState,
    /** Equal times keep the order of the rings. */
    readonly index: number,
  ) {}
}

/** What a merge reads and leaves behind. */
export class MergeState {
  /** A binary heap by (time, index), the first `count` of it. */
  readonly heap: Lane[] = [];
  count = 0;
  /** Nothing later than this may be delivered. */
  boundHigh = GREATEST_WORD;
  boundLow = GREATEST_WORD;
  /** Clock before heads, minus slack: what a ring's silence vouches for. */
  quietHigh = LEAST_WORD;
  quietLow = LEAST_WORD;
  /** Clock after heads, plus slack: no honest time is later, and one that is keeps its place in its ring. */
  futureHigh = GREATEST_WORD;
  futureLow = GREATEST_WORD;
  /** Latest time delivered so far. */
  lastHigh = LEAST_WORD;
  lastLow = LEAST_WORD;
  records = 0;
  others = 0;
  late = 0;
  outcome = 0;
  thrown: unknown = undefined;
}

/**
 * Visits records up to the bound.
 * @param limit most records to visit
 */
export type Merge = (limit: number, sample: RecordVisitor, other: RecordVisitor) => void;

/**
 * Visits the records of many rings in time order, up to the bound. THE loop of the merge.
 *
 * The ring with the earliest record stays current while its times do not pass the next ring's: a run costs no heap
 * work, a change of rings one sift of log(rings). A ring that runs out lowers the bound to what it vouches for: the
 * time of its last record, or, if that is later, the clock before heads less the slack.
 *
 * The function names nothing outside itself, so that lib/ring/specialise.ts can make copies of it.
 */
export function mergeOf(merge: MergeState): Merge {
  const heap = merge.heap;
  return (limit, sample, other) => {
    let count = merge.count;
    let boundHigh = merge.boundHigh;
    let boundLow = merge.boundLow;
    let lastHigh = merge.lastHigh;
    let lastLow = merge.lastLow;
    let records = 0;
    let others = 0;
    let late = 0;
    let outcome = 0;
    while (count > 0 && outcome === 0) {
      if (records >= limit) {
        outcome = 1;
        break;
      }
      const lane = heap[0] as Lane;
      // A visitor of another ring's records may have closed this one: whoever merges takes it out.
      if (lane.cursor.closed === true) {
        outcome = 3;
        break;
      }
      let high = lane.high;
      let low = lane.low;
      if (high > boundHigh || (high === boundHigh && low > boundLow)) break;
      // Up to where this ring may run: the next ring's time, exclusive when that ring comes first at equal times.
      let limitHigh = boundHigh;
      let limitLow = boundLow;
      if (count > 1) {
        let next = heap[1] as Lane;
        if (count > 2) {
          const third = heap[2] as Lane;
          if (
            third.high < next.high ||
            (third.high === next.high &&
              (third.low < next.low || (third.low === next.low && third.index < next.index)))
          ) {
            next = third;
          }
        }
        let nextHigh = next.high;
        let nextLow = next.low;
        if (next.index < lane.index) {
          if (nextLow > -0x8000_0000) nextLow -= 1;
          else {
            nextLow = 0x7fff_ffff;
            nextHigh = (nextHigh - 1) | 0;
          }
        }
        if (nextHigh < limitHigh || (nextHigh === limitHigh && nextLow < limitLow)) {
          limitHigh = nextHigh;
          limitLow = nextLow;
        }
      }
      const cursor = lane.cursor;
      const words = cursor.words;
      const doubles = cursor.doubles;
      const capacity = cursor.capacityBytes;
      const mask = capacity - 1;
      const rawOffset = cursor.format.rawOffset;
      const timeOffset = cursor.timeOffset;
      const timeEnd = timeOffset + 8;
      let position = lane.position;
      let end = lane.end;
      let size = lane.size;
      let raw = lane.raw;
      let step = size;
      let record = cursor;
      let header = 0;
      const recordsBefore = records;
      const othersBefore = others;
      const lateBefore = late;
      try {
        for (;;) {
          // ---- stand on the record at `position`, whose time is (high, low)
          header = doubles[position >> 3] as number;
          if (
            (words[(position + 4) >> 2] as number) >>> 16 === size &&
            position + size <= capacity &&
            position + size <= end &&
            words[position >> 2] === 9 &&
            words[(position + rawOffset) >> 2] === raw
          ) {
            cursor.base = position + rawOffset + 4;
            step = size;
            record = cursor;
          } else {
            step = cursor.load(position, end - position);
            if (step === 0) {
              outcome = 3;
              break;
            }
            record = cursor.current;
            size = cursor.repeats ? step : -1;
            raw = cursor.size | 0;
          }
          position += step;
          if (position >= capacity) {
            position -= capacity;
            end -= capacity;
          }
          records++;
          if (high > lastHigh || (high === lastHigh && low >= lastLow)) {
            lastHigh = high;
            lastLow = low;
            record.late = false;
          } else if (record.type === 9 && timeOffset >= 0 && timeEnd <= step) {
            record.late = true;
            late++;
          } else {
            record.late = false;
          }
          // ---- visit it
          if (record.type === 9) {
            if (sample(record) === false) outcome = 2;
          } else {
            others++;
            if (other(record) === false) outcome = 2;
          }
          if (cursor.closed === true) outcome = 2;
          // ---- as long as headers repeat and times go on within the limit: nothing but the visit
          if (size > 0 && outcome === 0 && !record.late && timeOffset >= 0 && timeEnd <= size) {
            const last = Math.min(capacity, end) - size;
            const limitLowHere = high < limitHigh ? 0x7fff_ffff : limitLow;
            while (
              position <= last &&
              records < limit &&
              doubles[position >> 3] === header &&
              words[(position + rawOffset) >> 2] === raw
            ) {
              const nextLow = (words[(position + timeOffset) >> 2] as number) ^ 0x8000_0000;
              const nextHigh = (words[(position + timeOffset + 4) >> 2] as number) ^ 0x8000_0000;
              if (nextHigh !== high || nextLow < low || nextLow > limitLowHere) break;
              low = nextLow;
              lastLow = nextLow;
              cursor.base = (position + rawOffset + 4) | 0;
              position = (position + size) | 0;
              records++;
              if (sample(cursor) === false || cursor.closed === true) {
                outcome = 2;
                break;
              }
            }
            if (position >= capacity) {
              position -= capacity;
              end -= capacity;
            }
          }
          // ---- the time of the next one
          if (position < end) {
            if (
              timeOffset >= 0 &&
              words[position >> 2] === 9 &&
              (words[(position + 4) >> 2] as number) >>> 16 >= timeEnd
            ) {
              const at = (position + timeOffset) & mask;
              high = (words[((at + 4) & mask) >> 2] as number) ^ 0x8000_0000;
              low = (words[at >> 2] as number) ^ 0x8000_0000;
              if (high > limitHigh || (high === limitHigh && low > limitLow)) break;
            }
          } else {
            break;
          }
          if (outcome !== 0) break;
          if (records >= limit) {
            outcome = 1;
            break;
          }
        }
      } catch (error) {
        outcome = 4;
        merge.thrown = error;
        if (position >= capacity) {
          position -= capacity;
          end -= capacity;
        }
      }
      lane.position = position;
      lane.end = end;
      lane.size = size;
      lane.raw = raw;
      lane.records += records - recordsBefore;
      lane.others += others - othersBefore;
      lane.late += late - lateBefore;
      if (outcome === 3) {
        merge.count = count;
        break;
      }
      if (
        outcome === 4 &&
        position < end &&
        timeOffset >= 0 &&
        words[position >> 2] === 9 &&
        (words[(position + 4) >> 2] as number) >>> 16 >= timeEnd
      ) {
        const at = (position + timeOffset) & mask;
        high = (words[((at + 4) & mask) >> 2] as number) ^ 0x8000_0000;
        low = (words[at >> 2] as number) ^ 0x8000_0000;
      }
      // ---- the ring's new place in the heap
      let moving = lane;
      if (position < end) {
        // A time from the future is no time of this clock: the record keeps its place in its ring.
        if (high > merge.futureHigh || (high === merge.futureHigh && low > merge.futureLow)) {
          high = lastHigh;
          low = lastLow;
        }
        lane.high = high;
        lane.low = low;
      } else {
        lane.high = high;
        lane.low = low;
        let newestHigh = high;
        let newestLow = low;
        if (
          newestHigh < merge.quietHigh ||
          (newestHigh === merge.quietHigh && newestLow < merge.quietLow) ||
          newestHigh > merge.futureHigh ||
          (newestHigh === merge.futureHigh && newestLow > merge.futureLow)
        ) {
          newestHigh = merge.quietHigh;
          newestLow = merge.quietLow;
        }
        if (newestHigh < boundHigh || (newestHigh === boundHigh && newestLow < boundLow)) {
          boundHigh = newestHigh;
          boundLow = newestLow;
        }
        count--;
        moving = heap[count] as Lane;
        heap[count] = lane;
      }
      let hole = 0;
      for (;;) {
        let child = 2 * hole + 1;
        if (child >= count) break;
        let least = heap[child] as Lane;
        if (child + 1 < count) {
          const right = heap[child + 1] as Lane;
          if (
            right.high < least.high ||
            (right.high === least.high &&
              (right.low < least.low || (right.low === least.low && right.index < least.index)))
          ) {
            least = right;
            child++;
          }
        }
        if (
          moving.high < least.high ||
          (moving.high === least.high &&
            (moving.low < least.low || (moving.low === least.low && moving.index < least.index)))
        ) {
          break;
        }
        heap[hole] = least;
        hole = child;
      }
      if (count > 0) heap[hole] = moving;
    }
    merge.count = count;
    merge.boundHigh = boundHigh;
    merge.boundLow = boundLow;
    merge.lastHigh = lastHigh;
    merge.lastLow = lastLow;
    merge.records = records;
    merge.others = others;
    merge.late = late;
    merge.outcome = outcome;
  };
}
