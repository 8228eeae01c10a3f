import type { RecordVisitor } from './record';
import type { RecordCursor } from './record-cursor';

/** Why a scan ended. SCAN_END: what was published, or the linear part of the ring, has been visited. */
export const SCAN_END = 0;
export const SCAN_LIMIT = 1;
export const SCAN_STOPPED = 2;
export const SCAN_FAULT = 3;
export const SCAN_THREW = 4;

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
  outcome = SCAN_END;
  /** What the visitor threw (SCAN_THREW). The record it was thrown for counts as visited. */
  thrown: unknown = undefined;
}

/**
 * Visits records in place, oldest first, from `state.position` on, up to the end of the data area at the most.
 * @param limit most records to visit
 */
export type Scan = (state: ScanState, limit: number, sample: RecordVisitor, other: RecordVisitor) => void;

/**
 * THE hot loop of the library, for one ring.
 *
 * Headers repeat: nearly every sample has the header and raw_size of the one before. So a header that was checked once
 * (RecordCursor.load) is afterwards only compared, type, misc and size as one 64-bit word, and the next position comes
 * from a register: the processor does not wait for a load to know where the next header is, which is what bounds a C
 * loop over the same ring. Two headers are compared before their records are visited, so that two cache lines are
 * under way at once. A header that differs takes the full check.
 *
 * It goes up to where the ring wraps, or its chunk ends, and PerfRing.scan calls it again. Short calls have V8 compile
 * it whole, and not from the middle of a loop that it cannot leave, where less is known; and with the way round the
 * ring's end inside it, what is constant is not known to be.
 *
 * What belongs to the ring is constant to V8 in a copy made for one ring and visitor. The function names nothing
 * outside itself, so that lib/ring/specialise.ts can make such copies.
 */
export function scanOf(cursor: RecordCursor): Scan {
  const words = cursor.words;
  const doubles = cursor.doubles;
  const capacity = cursor.capacityBytes | 0;
  const rawOffset = cursor.format.rawOffset | 0;
  const payloadStart = (rawOffset + 4) | 0;
  return (state, limit, sample, other) => {
    let position = state.position | 0;
    // `end` may lie beyond the capacity; `edge` is where the linear part stops.
    const end = (position + state.left) | 0;
    const edge = Math.min(end, capacity);
    let records = 0;
    let others = 0;
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
        size = cursor.load(position, (end - position) | 0) | 0;
        if (size === 0) {
          size = 8;
          outcome = 3;
          break;
        }
        if (!cursor.repeats) {
          // No sample, or one that wraps or moves its payload.
          position = (position + size) | 0;
          runStart = position;
          records++;
          const record = cursor.current;
          if (record.type !== 9) others++;
          if ((record.type === 9 ? sample(record) : other(record)) === false || cursor.closed === true) {
            outcome = 2;
            break;
          }
          continue;
        }
        // The last place where a record of the run may begin.
        let last = (edge - size) | 0;
        if (limit - records < capacity >> 3) {
          const lastAllowed = position + (limit - records - 1) * size;
          if (lastAllowed < last) last = lastAllowed;
        }
        const lastOfTwo = (last - size) | 0;
        const header = doubles[position >> 3] as number;
        const raw = cursor.size | 0;
        // Up to where headers have been compared.
        let compared = (position + size) | 0;
        for (;;) {
          cursor.base = (position + payloadStart) | 0;
          position = (position + size) | 0;
          if (sample(cursor) === false || cursor.closed === true) {
            outcome = 2;
            break;
          }
          if (position < compared) continue;
          if (
            position <= lastOfTwo &&
            doubles[position >> 3] === header &&
            doubles[(position + size) >> 3] === header &&
            words[(position + rawOffset) >> 2] === raw &&
            words[(position + size + rawOffset) >> 2] === raw
          ) {
            compared = (position + 2 * size) | 0;
          } else if (
            position <= last &&
            doubles[position >> 3] === header &&
            words[(position + rawOffset) >> 2] === raw
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
    state.others = others;
    state.outcome = outcome;
  };
}
