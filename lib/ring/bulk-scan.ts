import { bulkScanOf, setBulkScan } from '../records/bulk-visitor';
import type { RecordVisitor } from '../records/record';
import type { RecordCursor } from './record-cursor';
import { SCAN_END, SCAN_LIMIT, SCAN_ODD, type ScanState, visitOne } from './record-scan';

/** What a {@link BulkVisitor} does in a ring. It gets the ring's memory with the cursor, so it must not leave the library. */
export interface BulkScan {
  /**
   * Takes samples from `state.position` on, up to `limit`, to the end of the batch, or to a record that it can't take.
   * Sets position, left, records and outcome of the state: SCAN_ODD before that record.
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
    do {
      state.records = 0;
      scan.take(cursor, state, limit - records);
      records += state.records;
      if (state.outcome !== SCAN_ODD) continue;
      visitOne(cursor, state, () => scan.leaveOut(), other);
      records += state.records;
      singles += state.records;
      others += state.others;
    } while (state.left > 0 && records < limit && state.outcome <= SCAN_LIMIT);
    if (state.outcome === SCAN_END && state.left > 0) state.outcome = SCAN_LIMIT;
  } finally {
    // Also when take() throws.
    state.records = records;
    state.others = others;
    state.singles = singles;
  }
}
