import type { SampleVisitor } from './bulk-visitor';
import type { RecordVisitor, RingRecord } from './record';

/**
 * Records of one ring or of many, in one order. They are read in batches: begin, then visit or next as often as wanted,
 * then finish.
 */
export interface RecordSource {
  /** Begins a batch: acquires what is published in every ring. @returns bytes found */
  beginBatch(): number;
  /** A batch is open. */
  readonly inBatch: boolean;
  /**
   * Visits up to `limit` records of the batch and counts them. What the visitor throws is passed on, its record consumed.
   * @returns records visited: fewer than `limit` when it `stopped`, or nothing is due any more
   */
  visit(sample: SampleVisitor, other: RecordVisitor, limit: number): number;
  /** The next sample of the batch, lent until the next call; null when nothing is due. */
  next(): RingRecord | null;
  /** The visitor asked to stop. */
  readonly stopped: boolean;
  /** Records of the batch remain that are due. */
  readonly more: boolean;
  /** Records remain that are not due yet: in the order of time those of the last moments. */
  readonly holdsBack: boolean;
  /** Finishes the batch: gives back what was visited, in every ring that is still open. */
  finishBatch(): void;
}
