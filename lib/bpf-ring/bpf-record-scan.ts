import type { RecordVisitor } from '../records/record';
import type { RecordCursor } from '../ring/record-cursor';

/** The position and the results of a scan: read and written once per scan, not once per record. */
export class BpfScanState {
  /** Offset of the next record in the data area. */
  position = 0;
  /** Bytes of committed records from `position` on. */
  left = 0;
  /** Records visited by this scan. */
  records = 0;
  /** Bytes of the last record before `position`, also a discarded one; 0 when the scan passed no record. */
  lastBytes = 0;
  /** SCAN_END, SCAN_LIMIT, SCAN_STOPPED, SCAN_FAULT or SCAN_THREW. */
  outcome = 0;
  /** What the visitor threw (SCAN_THREW). The record it was thrown for counts as visited. */
  thrown: unknown = undefined;
}

/** Visits committed records in place, oldest first, from `state.position` on. @param limit most records to visit */
export type BpfScan = (state: BpfScanState, limit: number, visitor: RecordVisitor) => void;

/**
 * The hot loop of a BPF ring buffer. The data area is mapped twice in a row, so neither a record nor a run of records
 * wraps.
 *
 * The headers were acquired before (BpfRingCursors.committed). Here plain loads read them again, and they are checked:
 * a hostile process that maps the map can change them, and every read must stay within what is published. Most records
 * have the same header as the record before. Then one comparison is enough, and the next position comes from a
 * register.
 *
 * In a copy of the loop for one ring and visitor, the ring's values are constants to V8. The function uses nothing
 * outside itself, so that lib/ring/specialise.ts can make such copies.
 */
export function bpfScanOf(cursor: RecordCursor): BpfScan {
  const stop = Symbol.for('perfring.stop');
  const words = cursor.words;
  const record = cursor.record;
  const half = cursor.capacityBytes >>> 1;
  return (state, limit, visitor) => {
    let position = state.position | 0;
    const end = (position + state.left) | 0;
    let records = 0;
    let outcome = 0;
    // Where the current record begins.
    let start = position;
    try {
      while (position < end) {
        const header = words[position >> 2];
        if (header === undefined) {
          // The memory was detached.
          outcome = 1;
          break;
        }
        // The header of a busy record is negative.
        const size = header & 0x3fff_ffff;
        const step = (size + 15) & ~7;
        if (header < 0 || step > end - position) {
          outcome = 3;
          break;
        }
        if (header > size) {
          // Discarded.
          start = position;
          position = (position + step) | 0;
          continue;
        }
        if (records >= limit) {
          outcome = 1;
          break;
        }
        cursor.size = size;
        // The last place where a record of this run may begin.
        let last = (end - step) | 0;
        if ((limit - records) * step < end - position) last = (position + (limit - records - 1) * step) | 0;
        do {
          cursor.base = (position + 8) | 0;
          start = position;
          position = (position + step) | 0;
          records = (records + 1) | 0;
          if (visitor(record) === stop || cursor.closed === true) {
            outcome = 2;
            break;
          }
        } while (position <= last && words[position >> 2] === header);
        if (outcome !== 0) break;
      }
    } catch (error) {
      outcome = 4;
      state.thrown = error;
    }
    state.left = end - position;
    state.lastBytes = position - start;
    state.position = position & (half - 1);
    state.records = records;
    state.outcome = outcome;
  };
}
