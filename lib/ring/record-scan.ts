import type { RecordCursor } from './record-cursor';
import type { RecordVisitor } from './record';

/** Why a scan ended. */
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
 * Visits records in place, oldest first. THE hot loop of the library.
 *
 * Headers repeat: nearly every sample has the type, size and raw_size of the one before. So a header that was
 * checked once (RecordCursor.load) is afterwards only compared, word by word, and the next position is
 * computed from the value in a register: the processor does not wait for a load to know where the next
 * header is, which is what bounds a C loop over the same ring. A header that differs takes the full check.
 *
 * The function names nothing outside itself, so that lib/ring/specialise.ts can make copies of it.
 *
 * @param rawOffset offset of raw_size in a sample
 * @param limit most records to visit
 */
export function scanRecords(
  cursor: RecordCursor,
  state: ScanState,
  rawOffset: number,
  limit: number,
  sample: RecordVisitor,
  other: RecordVisitor,
): void {
  const words = cursor.words;
  const capacity = cursor.capacityBytes | 0;
  const payloadStart = (rawOffset + 4) | 0;
  let position = state.position | 0;
  // `end` may lie beyond the capacity; `edge` is where the linear part stops.
  let end = (position + state.left) | 0;
  let edge = end < capacity ? end : capacity;
  let records = 0;
  let others = 0;
  let outcome = 0;
  // A run: samples with equal headers from `runStart` on, `size` apart. Its length is divided out, not counted.
  let runStart = position;
  let size = 8;
  cursor.late = false;
  try {
    for (;;) {
      if (position >= edge) {
        if (position >= end) break;
        position = (position - capacity) | 0;
        end = (end - capacity) | 0;
        edge = end < capacity ? end : capacity;
        runStart = position;
      }
      if (records >= limit) {
        outcome = 1;
        break;
      }
      const loaded = cursor.load(position, (end - position) | 0) | 0;
      if (loaded === 0) {
        outcome = 3;
        break;
      }
      size = loaded;
      if (cursor.type !== 9) {
        position = (position + size) | 0;
        runStart = position;
        records++;
        others++;
        if (other(cursor) === false || cursor.closed) {
          outcome = 2;
          break;
        }
        continue;
      }
      // The last place where another record of the run may begin.
      let last = cursor.repeats ? edge - size : -1;
      if (limit - records < capacity >> 3) {
        const lastAllowed = position + (limit - records - 1) * size;
        if (lastAllowed < last) last = lastAllowed;
      }
      const raw = cursor.size | 0;
      for (;;) {
        position = (position + size) | 0;
        if (sample(cursor) === false || cursor.closed) {
          outcome = 2;
          break;
        }
        if (
          position > last ||
          (words[(position + 4) >> 2] as number) >>> 16 !== size ||
          words[position >> 2] !== 9 ||
          words[(position + rawOffset) >> 2] !== raw
        ) {
          break;
        }
        cursor.base = (position + payloadStart) | 0;
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
}
