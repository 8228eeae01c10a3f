import type { SampleVisitor } from './bulk-visitor';
import type { RecordVisitor, RingRecord } from './record';
import type { LoopCounts, RecordRing } from './record-ring';

/**
 * Records of one ring or of many, in one order. They are read in batches: begin, then visit or next as often as wanted,
 * then finish.
 */
export interface RecordSource {
  /** The rings that are read; the same from the beginning of a batch to its end. */
  readonly rings: readonly RecordRing[];
  /** Begins a batch: acquires what is published in every ring. @returns bytes found */
  beginBatch(): number;
  /** A batch is open. */
  readonly inBatch: boolean;
  /**
   * Visits up to `limit` records of the batch. What the visitor throws is passed on, its record consumed.
   * @returns records visited: fewer than `limit` when it {@link stopped}, or nothing is due any more
   */
  visit(sample: SampleVisitor, other: RecordVisitor, limit: number): number;
  /** Consumes the records of the batch up to the next sample, which is lent until the next call; null when none is due. */
  next(): RingRecord | null;
  /** The visitor of the last visit asked to stop, or closed the ring. */
  readonly stopped: boolean;
  /** Records of the batch remain that are due. */
  readonly more: boolean;
  /** Records remain that are not due yet: in the order of time those of the last moments. */
  readonly holdsBack: boolean;
  /** Bytes visited or skipped in these rings so far. */
  readonly consumedBytes: number;
  /** Finishes the batch: gives back what was consumed, in every ring that is still open. */
  finishBatch(): void;
  /** Nothing more will be written: from the next batch on nothing is held back. */
  endOfWriting(): void;
  /** Which loops have delivered the records. */
  readonly loopCounts: LoopCounts;
}

/** The sum over rings. */
export function consumedBytesOf(rings: readonly RecordRing[]): number {
  let bytes = 0;
  for (const { counters } of rings) bytes += counters.consumedBytes;
  return bytes;
}
