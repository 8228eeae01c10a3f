import { bulkScanOf, setBulkScan } from '../records/bulk-visitor';
import type { RecordVisitor } from '../records/record';
import type { RecordCursor } from './record-cursor';
import { SCAN_END, SCAN_LIMIT, type ScanState, visitOne } from './record-scan';

/** What a {@link BulkVisitor} does in a ring. It gets the ring's memory with the cursor, so it must not leave the library. */
export interface BulkScan {
  /**
   * Takes samples from `state.position` on: `limit`, all that are left, or up to a record that it can't take. Sets position,
   * left and records of the state, and SCAN_STOPPED as the outcome when it wants no more.
   */
  take(cursor: RecordCursor, state: ScanState, limit: number): void;
  /** A sample is stepped over that take() could not take: a hostile writer has changed it meanwhile. */
  leaveOut(): void;
}

/** Makes a bulk visitor of an object. */
export function becomeBulkVisitor(visitor: object, scan: BulkScan): void {
  setBulkScan(visitor, scan);
}

/** As scanAll(), for a bulk visitor: samples by take(), all other records one by one. */
export function scanInBulk(
  visitor: object,
  cursor: RecordCursor,
  state: ScanState,
  limit: number,
  other: RecordVisitor,
): void {
  const scan = bulkScanOf(visitor) as BulkScan;
  let records = 0;
  let others = 0;
  let singles = 0;
  try {
    state.outcome = SCAN_LIMIT;
    while (state.left > 0 && records < limit && state.outcome === SCAN_LIMIT) {
      state.records = 0;
      scan.take(cursor, state, limit - records);
      records += state.records;
      if (state.outcome !== SCAN_LIMIT || state.left === 0 || records >= limit) continue;
      others += visitOne(cursor, state, () => scan.leaveOut(), other);
      records += state.records;
      singles += state.records;
    }
    if (state.outcome === SCAN_LIMIT && state.left === 0) state.outcome = SCAN_END;
  } finally {
    // Also when take() throws.
    state.records = records;
    state.others = others;
    state.singles = singles;
  }
}
