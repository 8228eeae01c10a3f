import type { SampleVisitor } from './bulk-visitor';
import type { RecordVisitor, RingRecord } from './record';
import type { LoopCounts, RecordRing } from './record-ring';

/**
 * Records of one or more rings as one stream, read in batches: call beginBatch, then visit or next any number of times,
 * then finishBatch.
 */
export interface RecordSource {
  /** The rings that are read; does not change during a batch. */
  readonly rings: readonly RecordRing[];
  /** Begins a batch: acquires the head of every ring. @returns bytes found */
  beginBatch(): number;
  /** Whether a batch is open. */
  readonly inBatch: boolean;
  /**
   * Visits up to `limit` records of the batch. Throws what a visitor throws; its record is consumed.
   * @returns records visited: fewer than `limit` if {@link stopped} or no more records are due
   */
  visit(sample: SampleVisitor, other: RecordVisitor, limit: number): number;
  /**
   * Consumes records up to and including the next sample, and returns it, valid until the next call. Null: none is due.
   */
  next(): RingRecord | null;
  /** Whether the last visit ended because its visitor returned STOP or closed the ring. */
  readonly stopped: boolean;
  /** Whether records of the batch are left that are due. */
  readonly more: boolean;
  /** Whether records are left that are not due yet: in time order, the newest ones. */
  readonly holdsBack: boolean;
  /** Bytes visited or skipped in these rings so far. */
  readonly consumedBytes: number;
  /** Finishes the batch: releases what was consumed, in every ring that is still open. */
  finishBatch(): void;
  /** Call it when no more records will be written: from the next batch on, no record is held back. */
  endOfWriting(): void;
  /** Number of records that each loop has delivered. */
  readonly loopCounts: LoopCounts;
}

/** Sum of the bytes consumed in all rings. */
export function consumedBytesOf(rings: readonly RecordRing[]): number {
  let bytes = 0;
  for (const { counters } of rings) bytes += counters.consumedBytes;
  return bytes;
}

/** Finishes the batch of every ring, even when one of them throws, and then throws the first error. */
export function finishBatches(rings: readonly RecordRing[]): void {
  let failure: { readonly error: unknown } | undefined;
  for (const ring of rings) {
    try {
      ring.finishBatch();
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure !== undefined) throw failure.error;
}
