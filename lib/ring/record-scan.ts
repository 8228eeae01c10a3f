import { PERF_RECORD_SAMPLE } from '../abi/perf-event';
import { type RecordVisitor, STOP } from '../records/record';
import type { RecordCursor } from './record-cursor';

/** Why a scan ended. */
export const SCAN_END = 0;
export const SCAN_LIMIT = 1;
export const SCAN_STOPPED = 2;
export const SCAN_FAULT = 3;
export const SCAN_THREW = 4;
/** Of a {@link Scan}: the next record is for {@link visitOne}. */
export const SCAN_ODD = 5;

/** Where a scan stands, and what it saw: read and written once a scan, not once a record. */
export class ScanState {
  /** Offset in the data area of the next record. */
  position = 0;
  /** Bytes published from there on. */
  left = 0;
  /** Records visited by this scan. */
  records = 0;
  /** Those of them that are no samples. */
  others = 0;
  /** Those of them that were visited one by one, and not by the loop. */
  singles = 0;
  outcome = SCAN_END;
  /** What the visitor threw (SCAN_THREW). The record it was thrown for counts as visited. */
  thrown: unknown = undefined;
}

/**
 * Visits samples in place, oldest first, from `state.position` on, up to the end of the data area at the most.
 * @param limit most records to visit
 */
export type Scan = (state: ScanState, limit: number, sample: RecordVisitor) => void;

/**
 * THE hot loop of the library, for one ring.
 *
 * Headers repeat: nearly every sample has the header and raw_size of the one before. So a header that was checked once
 * (RecordCursor.load) is afterwards only compared: type, misc and size as one 64-bit word, and raw_size; or, in rings of
 * the kernel, misc, size and raw_size as one. And the next position comes from a register: the processor does not wait for a load to know where the next header is, which is what bounds a C
 * loop over the same ring. Two headers are compared before their records are visited, so that two cache lines are
 * under way at once. A header that differs takes the full check.
 *
 * It goes up to where the ring wraps, its chunk ends, or a record is odd, and {@link scanAll} goes on. Short calls have V8
 * compile it whole, and not from the middle of a loop that it cannot leave, where less is known; and what is rare stays
 * outside, for with the way round the ring's end, or a call, in the loop V8 loads what is constant anew for each record.
 *
 * What belongs to the ring is constant to V8 in a copy made for one ring and visitor. The function names nothing
 * outside itself, so that lib/ring/specialise.ts can make such copies.
 */
export function scanOf(cursor: RecordCursor): Scan {
  const stop = Symbol.for('perfring.stop');
  const words = cursor.words;
  const doubles = cursor.doubles;
  const capacity = cursor.capacityBytes | 0;
  const rawOffset = cursor.format.rawOffset | 0;
  const payloadStart = (rawOffset + 4) | 0;
  const view = cursor.view;
  const record = cursor.record;
  const oneWordTells = cursor.oneWordTells;
  return (state, limit, sample) => {
    let position = state.position | 0;
    // `end` may lie beyond the capacity; `edge` is where the linear part stops.
    const end = (position + state.left) | 0;
    const edge = Math.min(end, capacity);
    let records = 0;
    let outcome = 0;
    // A run: samples with equal headers from `runStart` on, `size` apart. Its length is divided out, not counted.
    let runStart = position;
    let size = 8;
    cursor.late = false;
    try {
      while (position < edge) {
        if (records >= limit) {
          outcome = 1;
          break;
        }
        size = cursor.loadStraight(position, (end - position) | 0) | 0;
        if (size === 0) {
          // No sample, one that wraps or moves its payload, or no record at all.
          size = 8;
          outcome = 5;
          break;
        }
        // The last place where a record of the run may begin.
        let last = (edge - size) | 0;
        if (limit - records < capacity >> 3) {
          const lastAllowed = position + (limit - records - 1) * size;
          if (lastAllowed < last) last = lastAllowed;
        }
        const lastOfTwo = (last - size) | 0;
        const header = oneWordTells
          ? view.getFloat64(position + 4, true)
          : (doubles[position >> 3] as number);
        const raw = cursor.size | 0;
        // Up to where headers have been compared.
        let compared = (position + size) | 0;
        for (;;) {
          cursor.base = (position + payloadStart) | 0;
          position = (position + size) | 0;
          if (sample(record) === stop || cursor.closed === true) {
            outcome = 2;
            break;
          }
          if (position < compared) continue;
          if (
            position <= lastOfTwo &&
            (oneWordTells
              ? view.getFloat64(position + 4, true) === header &&
                view.getFloat64(position + size + 4, true) === header
              : doubles[position >> 3] === header &&
                doubles[(position + size) >> 3] === header &&
                words[(position + rawOffset) >> 2] === raw &&
                words[(position + size + rawOffset) >> 2] === raw)
          ) {
            compared = (position + 2 * size) | 0;
          } else if (
            position <= last &&
            (oneWordTells
              ? view.getFloat64(position + 4, true) === header
              : doubles[position >> 3] === header && words[(position + rawOffset) >> 2] === raw)
          ) {
            compared = (position + size) | 0;
          } else {
            break;
          }
        }
        records += position - runStart === size ? 1 : (position - runStart) / size;
        runStart = position;
        if (outcome !== 0) break;
      }
    } catch (error) {
      outcome = 4;
      state.thrown = error;
      records += (position - runStart) / size;
    }
    state.left = end - position;
    state.position = position & (capacity - 1);
    state.records = records;
    state.others = 0;
    state.outcome = outcome;
  };
}

/** Records a call of the loop: calls that return let V8 replace it by one that it has compiled better. */
const CHUNK = 1024;

/**
 * Visits up to `limit` records: runs of samples by the loop, what is odd one by one.
 * What a visitor throws is in the state; its record counts.
 */
export function scanAll(
  loop: Scan,
  cursor: RecordCursor,
  state: ScanState,
  limit: number,
  sample: RecordVisitor,
  other: RecordVisitor,
): void {
  let records = 0;
  let others = 0;
  let singles = 0;
  try {
    do {
      loop(state, Math.min(limit - records, CHUNK), sample);
      records += state.records;
      if (state.outcome !== SCAN_ODD) continue;
      visitOne(cursor, state, sample, other);
      records += state.records;
      singles += state.records;
      others += state.others;
    } while (state.left > 0 && records < limit && state.outcome <= SCAN_LIMIT);
    if (state.outcome === SCAN_END && state.left > 0) state.outcome = SCAN_LIMIT;
  } finally {
    // Also when a call exhausts the stack.
    state.records = records;
    state.others = others;
    state.singles = singles;
  }
}

/** Visits the next record, whatever it is. */
export function visitOne(
  cursor: RecordCursor,
  state: ScanState,
  sample: RecordVisitor,
  other: RecordVisitor,
): void {
  state.records = 0;
  state.others = 0;
  try {
    const size = cursor.load(state.position, state.left);
    if (size === 0) {
      state.outcome = SCAN_FAULT;
      return;
    }
    state.position = (state.position + size) & (cursor.capacityBytes - 1);
    state.left -= size;
    state.records = 1;
    const { current } = cursor;
    current.late = false;
    const { record } = current;
    const isSample = current.type === PERF_RECORD_SAMPLE;
    if (!isSample) state.others = 1;
    const answer = isSample ? sample(record) : other(record);
    state.outcome = answer === STOP || cursor.closed ? SCAN_STOPPED : SCAN_END;
  } catch (error) {
    state.outcome = SCAN_THREW;
    state.thrown = error;
  }
}
