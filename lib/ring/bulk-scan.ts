import { bulkScanOf, setBulkScan } from '../records/bulk-visitor';
import type { RecordVisitor } from '../records/record';
import type { RecordCursor } from './record-cursor';
import { SCAN_END, SCAN_LIMIT, type ScanState, visitOne } from './record-scan';

/** What a {@link BulkVisitor} does in a ring. The cursor gives access to the ring's memory: never pass it to users. */
export interface BulkScan {
  /**
   * Takes samples from `state.position` on, until `limit` samples are taken, the batch ends, or it meets a record that
   * it can't take. Sets `position`, `left` and `records` of the state; sets the outcome SCAN_STOPPED to end the scan.
   */
  take(cursor: RecordCursor, state: ScanState, limit: number): void;
  /** Called for a sample that take() could not take and that is skipped: a hostile writer has changed it meanwhile. */
  leaveOut(): void;
}

/** Turns an object into a bulk visitor. */
export function becomeBulkVisitor(visitor: object, scan: BulkScan): void {
  setBulkScan(visitor, scan);
}

/** Like scanAll(), for a bulk visitor: take() gets the samples, all other records are visited one by one. */
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
