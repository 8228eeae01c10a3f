import type { RecordVisitor } from '../records/record';
import { GREATEST_WORD, type Lane, LEAST_WORD } from './lane';
import { Tournament } from './tournament';

/** Input and results of a merge loop. Times are biased words, see lib/merge/lane.ts. */
export class MergeState {
  tournament = new Tournament(0);
  /** Number of lanes that have records left in the batch. */
  count = 0;
  /** Bound: records with a later time are not delivered in this batch. */
  boundHigh = GREATEST_WORD;
  boundLow = GREATEST_WORD;
  /**
   * Clock after the heads were acquired, plus slack: a later time is invalid, and its record keeps its place in its
   * ring.
   */
  futureHigh = GREATEST_WORD;
  futureLow = GREATEST_WORD;
  /** Latest time delivered so far. */
  lastHigh = LEAST_WORD;
  lastLow = LEAST_WORD;
  records = 0;
  late = 0;
  outcome = 0;
  /** Words read only to load them into the caches; stored so that V8 does not drop the reads. The value has no use. */
  ahead = 0;
  thrown: unknown = undefined;
}

/**
 * Visits records in time order, up to the bound.
 * @param limit most records to visit
 */
export type Merge = (limit: number, sample: RecordVisitor, other: RecordVisitor) => void;

/**
 * Makes the main loop of the merge: it visits the records of many rings in time order, up to the bound.
 *
 * The ring with the earliest record stays current while its times are before the next ring's; that needs no matches. A
 * change of rings needs log2(rings) matches, all of the lane that was current. When a ring runs out, the bound is
 * lowered to the later of: the time of its last record; its least limit in this batch.
 *
 * The function uses nothing from outside, so that lib/ring/specialise.ts can copy its source. In a copy, the
 * tournament's nodes are constants.
 */
export function mergeOf(merge: MergeState): Merge {
  const stop = Symbol.for('perfring.stop');
  const tournament = merge.tournament;
  const lanes = tournament.lanes;
  const nodes = tournament.nodes;
  const greatest = 0x7fff_ffff;
  return (limit, sample, other) => {
    let count = merge.count;
    let boundHigh = merge.boundHigh;
    let boundLow = merge.boundLow;
    let lastHigh = merge.lastHigh;
    let lastLow = merge.lastLow;
    let records = 0;
    let late = 0;
    let outcome = 0;
    let ahead = 0;
    // The times are past the epoch, where all keys are equal and matches are slow: start a new epoch.
    if (count > 0 && nodes[0] === tournament.far) tournament.play();
    const leaves = tournament.leaves | 0;
    const levels = 31 - Math.clz32(leaves);
    let boundKey = tournament.keyOf(boundHigh, boundLow);
    let key = (nodes[0] as number) | 0;
    let index = (nodes[1] as number) | 0;
    while (count > 0) {
      if (records >= limit) {
        outcome = 1;
        break;
      }
      const lane = lanes[index] as Lane;
      // A visitor of another ring's records may have closed this ring: the caller removes it from the merge.
      if (lane.cursor.closed === true) {
        outcome = 3;
        break;
      }
      let high = lane.high | 0;
      let low = lane.low | 0;
      if (high > boundHigh || (high === boundHigh && low > boundLow)) break;
      // This ring stays current while its key is below limitKey; -1: not computed yet.
      let limitKey = -1;
      const cursor = lane.cursor;
      const view = lane.view;
      const capacity = lane.capacityBytes | 0;
      const rawOffset = lane.rawOffset | 0;
      const timeOffset = lane.timeOffset | 0;
      const timeEnd = (timeOffset + 8) | 0;
      const timeFromEnd = lane.timeFromEnd | 0;
      const timedBytes = lane.timedBytes | 0;
      let position = lane.position | 0;
      let end = lane.end | 0;
      let size = lane.size | 0;
      let raw = lane.raw | 0;
      let step = size;
      let current = cursor;
      const recordsBefore = records;
      try {
        for (;;) {
          // ---- stand on the record at `position`, whose time is (high, low)
          const start = position;
          if (
            view.getUint16(position + 6, true) === size &&
            position + size <= capacity &&
            position + size <= end &&
            view.getInt32(position, true) === 9 &&
            view.getInt32(position + rawOffset, true) === raw
          ) {
            cursor.base = (position + rawOffset + 4) | 0;
            step = size;
            current = cursor;
          } else {
            step = cursor.load(position, end - position) | 0;
            if (step === 0) {
              outcome = 3;
              break;
            }
            current = cursor.current;
            size = (cursor.repeats ? step : -1) | 0;
            raw = cursor.size | 0;
          }
          position = (position + step) | 0;
          if (position >= capacity) {
            position = (position - capacity) | 0;
            end = (end - capacity) | 0;
          }
          records = (records + 1) | 0;
          if (high > lastHigh || (high === lastHigh && low >= lastLow)) {
            lastHigh = high;
            lastLow = low;
            current.late = false;
          } else if (
            current.type === 9
              ? timeOffset >= 0 && timeEnd <= step
              : timeFromEnd > 0 && timedBytes <= step && current.type < 64
          ) {
            current.late = true;
            late++;
            lane.late++;
          } else {
            current.late = false;
          }
          // ---- visit it
          if (current.type === 9) {
            if (sample(current.record) === stop) outcome = 2;
          } else {
            lane.countOther(current.record);
            if (other(current.record) === stop) outcome = 2;
          }
          if (cursor.closed === true) outcome = 2;
          // ---- while headers repeat and times stay within the limit: only visit
          if (
            key < limitKey &&
            size > 0 &&
            outcome === 0 &&
            !current.late &&
            timeOffset >= 0 &&
            timeEnd <= size
          ) {
            const doubles = cursor.doubles;
            const record = cursor.record;
            const header = doubles[start >> 3];
            const last = Math.min(capacity, end) - size;
            const limitLow = (low + (limitKey - key - 1)) | 0;
            while (
              position <= last &&
              records < limit &&
              doubles[position >> 3] === header &&
              view.getInt32(position + rawOffset, true) === raw
            ) {
              const nextLow = view.getInt32(position + timeOffset, true) ^ 0x8000_0000;
              const nextHigh = view.getInt32(position + timeOffset + 4, true) ^ 0x8000_0000;
              if (nextHigh !== high || nextLow < low || nextLow > limitLow) break;
              low = nextLow;
              lastLow = nextLow;
              cursor.base = (position + rawOffset + 4) | 0;
              position = (position + size) | 0;
              records = (records + 1) | 0;
              if (sample(record) === stop || cursor.closed === true) {
                outcome = 2;
                break;
              }
            }
            if (position >= capacity) {
              position = (position - capacity) | 0;
              end = (end - capacity) | 0;
            }
          }
          // The memory of a closed ring may be detached.
          if (position >= end || cursor.closed === true) break;
          // ---- the time of the next record
          if (timeOffset >= 0) {
            const mask = capacity - 1;
            const type = view.getUint32(position, true);
            const bytes = view.getUint16(position + 6, true);
            if (type === 9) {
              if (bytes >= timeEnd) {
                const at = (position + timeOffset) & mask;
                high = view.getInt32((at + 4) & mask, true) ^ 0x8000_0000;
                low = view.getInt32(at, true) ^ 0x8000_0000;
              }
            } else if (timeFromEnd > 0 && bytes >= timedBytes && type < 64) {
              // The header has not been checked, so the size may be anything: the mask keeps the read in the ring.
              const at = (position + bytes - timeFromEnd) & mask & -8;
              high = view.getInt32(at + 4, true) ^ 0x8000_0000;
              low = view.getInt32(at, true) ^ 0x8000_0000;
            }
          }
          key = tournament.keyOf(high, low) | 0;
          // Reads a word of the record after that, so that it is in the caches when this ring is current again.
          ahead ^= view.getInt32((position + step) & (capacity - 1), true);
          if (limitKey < 0) {
            // The next ring is one of those that lost to this one. Outside runs, the first one compared usually is it.
            limitKey = boundKey;
            for (let level = levels; level > 0; level--) {
              const rival = nodes[2 * ((leaves + index) >> level)] as number;
              if (rival < limitKey) limitKey = rival;
              if (rival <= key) break;
            }
          }
          if (key >= limitKey || outcome !== 0) break;
          if (records >= limit) {
            outcome = 1;
            break;
          }
        }
      } catch (error) {
        outcome = 4;
        merge.thrown = error;
        if (position >= capacity) {
          position = (position - capacity) | 0;
          end = (end - capacity) | 0;
        }
        [lane.position, lane.end, lane.high, lane.low] = [position, end, high, low];
        lane.readTime();
        high = lane.high;
        low = lane.low;
        key = tournament.keyOf(high, low) | 0;
      }
      lane.position = position;
      lane.end = end;
      lane.size = size;
      lane.raw = raw;
      lane.records += records - recordsBefore;
      if (outcome === 3) break;
      if (position < end) {
        // A time after `future` is not of this clock: the record keeps its place in its ring.
        if (high > merge.futureHigh || (high === merge.futureHigh && low > merge.futureLow)) {
          high = lastHigh;
          low = lastLow;
          key = tournament.keyOf(high, low) | 0;
        }
      } else {
        let newestHigh = high;
        let newestLow = low;
        if (
          newestHigh < lane.quietHigh ||
          (newestHigh === lane.quietHigh && newestLow < lane.quietLow) ||
          newestHigh > merge.futureHigh ||
          (newestHigh === merge.futureHigh && newestLow > merge.futureLow)
        ) {
          newestHigh = lane.quietHigh;
          newestLow = lane.quietLow;
        }
        if (newestHigh < boundHigh || (newestHigh === boundHigh && newestLow < boundLow)) {
          boundHigh = newestHigh;
          boundLow = newestLow;
          boundKey = tournament.keyOf(boundHigh, boundLow);
        }
        count--;
        key = (greatest - index) | 0;
      }
      lane.high = high;
      lane.low = low;
      // ---- the lane's matches, two per iteration: if `loses` is all ones, the lane and its opponent change places
      let node = (leaves + index) | 0;
      do {
        let at = node & -2;
        let opponentKey = nodes[at] as number;
        let opponent = nodes[at + 1] as number;
        let keys = (opponentKey - key) | 0;
        let loses = keys >> 31;
        if (keys === 0 && (lanes[opponent] as Lane).isBefore(lanes[index] as Lane)) loses = -1;
        keys = keys & loses;
        let both = (opponent - index) & loses;
        nodes[at] = (opponentKey - keys) | 0;
        nodes[at + 1] = (opponent - both) | 0;
        key = (key + keys) | 0;
        index = (index + both) | 0;
        node = node >> 1;
        at = node & -2;
        opponentKey = nodes[at] as number;
        opponent = nodes[at + 1] as number;
        keys = (opponentKey - key) | 0;
        loses = keys >> 31;
        if (keys === 0 && (lanes[opponent] as Lane).isBefore(lanes[index] as Lane)) loses = -1;
        keys = keys & loses;
        both = (opponent - index) & loses;
        nodes[at] = (opponentKey - keys) | 0;
        nodes[at + 1] = (opponent - both) | 0;
        key = (key + keys) | 0;
        index = (index + both) | 0;
        node = node >> 1;
      } while (node > 1);
      nodes[0] = key;
      nodes[1] = index;
      if (outcome !== 0) break;
    }
    merge.count = count;
    merge.boundHigh = boundHigh;
    merge.boundLow = boundLow;
    merge.lastHigh = lastHigh;
    merge.lastLow = lastLow;
    merge.records = records;
    merge.late = late;
    merge.outcome = outcome;
    merge.ahead = ahead;
  };
}
