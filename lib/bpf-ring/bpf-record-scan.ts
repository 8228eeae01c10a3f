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
  /** Runs of equal headers in the last call of `equal`; 0 after a call of `mixed`. */
  runs = 0;
  /** SCAN_LIMIT, SCAN_STOPPED, SCAN_FAULT or SCAN_THREW. */
  outcome = 0;
  /** What the visitor threw (SCAN_THREW). The record it was thrown for counts as visited. */
  thrown: unknown = undefined;
}

/**
 * Visits committed records in place, oldest first, from `state.position` on.
 * @param limit most records to visit, 1 to 2^27
 */
export type BpfScan = (state: BpfScanState, limit: number, visitor: RecordVisitor) => void;

export interface BpfScans {
  /**
   * For runs of records with equal headers: one comparison is enough for each but the first, and the next position
   * comes from a register. Ends after 32 runs.
   */
  readonly equal: BpfScan;
  /** For records of changing sizes: checks each header. */
  readonly mixed: BpfScan;
}

/**
 * The hot loops of a BPF ring buffer. The data area is mapped twice in a row, so neither a record nor a run of records
 * wraps.
 *
 * The records were acquired before (BpfRingCursors.committed). Here plain loads read their headers, and they are
 * checked: every read must stay within what is published, whatever the memory holds.
 *
 * In a copy of the loops for one ring and visitor, the ring's values are constants to V8. The function uses nothing
 * outside itself, so that lib/ring/specialise.ts can make such copies.
 */
export function bpfScansOf(cursor: RecordCursor): BpfScans {
  const stop = Symbol.for('perfring.stop');
  const words = cursor.words;
  const record = cursor.record;
  const half = cursor.capacityBytes >>> 1;

  const equal: BpfScan = (state, limit, visitor) => {
    let position = state.position | 0;
    const end = (position + state.left) | 0;
    let records = 0;
    let runs = 0;
    let outcome = 1;
    // Where the last record begins.
    let start = position;
    try {
      while (position < end && records < limit && runs < 32) {
        const header = words[position >> 2];
        // The memory was detached.
        if (header === undefined) break;
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
        runs = (runs + 1) | 0;
        cursor.size = size;
        // The last place where a record of this run may begin.
        const last = Math.min(end - step, position + (limit - records - 1) * step) | 0;
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
        if (outcome !== 1) break;
      }
    } catch (error) {
      outcome = 4;
      state.thrown = error;
    }
    state.left = end - position;
    state.lastBytes = position - start;
    state.position = position & (half - 1);
    state.records = records;
    state.runs = runs;
    state.outcome = outcome;
  };

  const mixed: BpfScan = (state, limit, visitor) => {
    let position = state.position | 0;
    const end = (position + state.left) | 0;
    // A record has at least 8 bytes, so no more than `limit` records begin before `last`.
    const last = Math.min(end, position + limit * 8) | 0;
    let records = 0;
    let outcome = 1;
    // Where the last record begins.
    let start = position;
    try {
      while (position < last) {
        const header = words[position >> 2];
        // The memory was detached.
        if (header === undefined) break;
        const size = header & 0x3fff_ffff;
        const next = (position + ((size + 15) & ~7)) | 0;
        // One branch for what is rare: the header is busy (bit 31), discarded (bit 30), or beyond the end.
        if ((header | (end - next)) >>> 30 !== 0) {
          if (header < 0 || next > end) {
            outcome = 3;
            break;
          }
          start = position;
          position = next;
          continue;
        }
        cursor.base = (position + 8) | 0;
        cursor.size = size;
        start = position;
        position = next;
        records = (records + 1) | 0;
        if (visitor(record) === stop || cursor.closed === true) {
          outcome = 2;
          break;
        }
      }
    } catch (error) {
      outcome = 4;
      state.thrown = error;
    }
    state.left = end - position;
    state.lastBytes = position - start;
    state.position = position & (half - 1);
    state.records = records;
    state.runs = 0;
    state.outcome = outcome;
  };

  return { equal, mixed };
}
