import type { RecordVisitor } from '../records/record';
import type { Lane } from './lane';
import type { MergeState } from './merge';

/**
 * Visits the records of two lanes in time order while they are simple (see {@link pairMergeOf}), and leaves the rest to
 * the general merge. If it visited any, the caller must play the tournament again.
 * @param limit most records to visit
 */
export type PairMerge = (limit: number, sample: RecordVisitor) => void;

/**
 * Makes the merge loop for two rings. It keeps the state of both in registers: with two CPUs the rings alternate at
 * nearly every record, and lib/merge/merge.ts would load and store one lane's state for each record.
 *
 * A record is simple when the next record of its ring does not wrap, has an equal header, and a time that is not
 * earlier. So in this loop no lane runs out, no record wraps, and none is late. All times must have the same high word
 * (it changes every 4.3 seconds), so that comparing low words tells which ring is next.
 *
 * The function uses nothing from outside, so that lib/ring/specialise.ts can copy its source. In a copy, both rings are
 * constants.
 * @param first the lane whose records come first at equal times
 * @param own the only visitor of this loop, see sampleLoopsOf; null when each call passes its visitor
 */
export function pairMergeOf(
  merge: MergeState,
  first: Lane,
  second: Lane,
  own: RecordVisitor | null,
): PairMerge {
  const stop = Symbol.for('perfring.stop');
  const cursorA = first.cursor;
  const recordA = cursorA.record;
  const wordsA = cursorA.words;
  const doublesA = cursorA.doubles;
  const capacityA = cursorA.capacityBytes | 0;
  const rawA = cursorA.format.rawOffset | 0;
  const timeA = cursorA.timeOffset | 0;
  const cursorB = second.cursor;
  const recordB = cursorB.record;
  const wordsB = cursorB.words;
  const doublesB = cursorB.doubles;
  const capacityB = cursorB.capacityBytes | 0;
  const rawB = cursorB.format.rawOffset | 0;
  const timeB = cursorB.timeOffset | 0;
  return (limit, sample) => {
    merge.records = 0;
    merge.late = 0;
    merge.outcome = 0;
    // Detached memory is left to the general merge, which finds the ring and throws ERR_PERF_CLOSED.
    if (merge.count !== 2 || wordsA.length === 0 || wordsB.length === 0) return;
    let positionA = first.position | 0;
    let positionB = second.position | 0;
    const high = first.high;
    let lowA = first.low;
    let lowB = second.low;
    let lastLow = merge.lastLow;
    if (second.high !== high || merge.boundHigh < high || merge.futureHigh < high) return;
    // Late records, and times that are not of this clock, are left to the general merge.
    if (merge.lastHigh > high || (merge.lastHigh === high && (lowA < lastLow || lowB < lastLow))) return;
    // The cursors move from here on: the general merge must check the next headers again.
    first.size = -1;
    second.size = -1;
    const sizeA = cursorA.loadStraight(positionA, first.end - positionA) | 0;
    if (sizeA === 0 || timeA < 0 || timeA + 8 > sizeA) return;
    const sizeB = cursorB.loadStraight(positionB, second.end - positionB) | 0;
    if (sizeB === 0 || timeB < 0 || timeB + 8 > sizeB) return;
    const boundLow = merge.boundHigh > high ? 0x7fff_ffff : merge.boundLow;
    const futureLow = merge.futureHigh > high ? 0x7fff_ffff : merge.futureLow;
    // The high word as stored in the rings, unbiased.
    const highWord = high ^ 0x8000_0000;
    const headerA = doublesA[positionA >> 3] as number;
    const payloadA = cursorA.size | 0;
    const edgeA = (Math.min(first.end, capacityA) - sizeA) | 0;
    const headerB = doublesB[positionB >> 3] as number;
    const payloadB = cursorB.size | 0;
    const edgeB = (Math.min(second.end, capacityB) - sizeB) | 0;
    const startA = positionA;
    const startB = positionB;
    let records = 0;
    let outcome = 0;
    cursorA.late = false;
    cursorB.late = false;
    try {
      for (;;) {
        if (records >= limit) {
          outcome = 1;
          break;
        }
        if (lowA <= lowB) {
          if (lowA > boundLow) break;
          const next = (positionA + sizeA) | 0;
          if (next > edgeA || doublesA[next >> 3] !== headerA || wordsA[(next + rawA) >> 2] !== payloadA) {
            break;
          }
          const low = (wordsA[(next + timeA) >> 2] as number) ^ 0x8000_0000;
          if (wordsA[(next + timeA + 4) >> 2] !== highWord || low < lowA || low > futureLow) break;
          cursorA.base = (positionA + rawA + 4) | 0;
          lastLow = lowA;
          positionA = next;
          lowA = low;
          records = (records + 1) | 0;
          if ((own === null ? sample(recordA) : own(recordA)) === stop || cursorA.closed === true)
            outcome = 2;
        } else {
          if (lowB > boundLow) break;
          const next = (positionB + sizeB) | 0;
          if (next > edgeB || doublesB[next >> 3] !== headerB || wordsB[(next + rawB) >> 2] !== payloadB) {
            break;
          }
          const low = (wordsB[(next + timeB) >> 2] as number) ^ 0x8000_0000;
          if (wordsB[(next + timeB + 4) >> 2] !== highWord || low < lowB || low > futureLow) break;
          cursorB.base = (positionB + rawB + 4) | 0;
          lastLow = lowB;
          positionB = next;
          lowB = low;
          records = (records + 1) | 0;
          if ((own === null ? sample(recordB) : own(recordB)) === stop || cursorB.closed === true)
            outcome = 2;
        }
        if (outcome !== 0 || cursorA.closed === true || cursorB.closed === true) break;
      }
    } catch (error) {
      outcome = 4;
      merge.thrown = error;
    }
    first.position = positionA;
    first.low = lowA;
    first.records += (positionA - startA) / sizeA;
    second.position = positionB;
    second.low = lowB;
    second.records += (positionB - startB) / sizeB;
    if (records > 0) {
      merge.lastHigh = high;
      merge.lastLow = lastLow;
    }
    merge.records = records;
    merge.outcome = outcome;
  };
}
