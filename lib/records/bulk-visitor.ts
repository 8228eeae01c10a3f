import type { RecordVisitor } from './record';

/** @hidden */
export declare const takesSamples: unique symbol;

/**
 * Takes many samples in one call, in place of a visitor function that is called with each sample. Made by
 * {@link prepareQuery}.
 */
export interface BulkVisitor {
  /** Only for the type checker: no object has it. Without it every object would pass for a bulk visitor. @hidden */
  readonly [takesSamples]: true;
}

/** What takes the samples of a batch: a visitor function or a query. */
export type SampleVisitor = RecordVisitor | BulkVisitor;

/**
 * The scan of each bulk visitor (BulkScan in lib/ring/bulk-scan.ts). It is stored here and not in the visitor, because
 * it can access the ring's memory, and users hold the visitor.
 */
const scans = new WeakMap<object, object>();

/** Turns an object into a bulk visitor. */
export function setBulkScan(visitor: object, scan: object): void {
  scans.set(visitor, scan);
}

/** The scan of a bulk visitor; undefined for any other value. */
export function bulkScanOf(visitor: unknown): object | undefined {
  return typeof visitor === 'object' && visitor !== null ? scans.get(visitor) : undefined;
}
