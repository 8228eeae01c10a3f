import type { RecordVisitor } from './record';

/** @hidden */
export declare const takesSamples: unique symbol;

/** Takes the samples of a batch at once, in place of a function that is called with each: {@link prepareQuery} makes them. */
export interface BulkVisitor {
  /** Only for the type checker: no object has it. Without it every object would pass for a bulk visitor. @hidden */
  readonly [takesSamples]: true;
}

/** What can be given the samples of a batch. */
export type SampleVisitor = RecordVisitor | BulkVisitor;

/**
 * What each bulk visitor does with a ring: lib/ring/bulk-scan.ts. It is kept here and not in the object, for it reaches the
 * ring's memory, and no object of a user's may lead there.
 */
const scans = new WeakMap<object, object>();

/** Makes a bulk visitor of an object: there are no others. */
export function setBulkScan(visitor: object, scan: object): void {
  scans.set(visitor, scan);
}

/** What a bulk visitor does; undefined for everything else. */
export function bulkScanOf(visitor: unknown): object | undefined {
  return typeof visitor === 'object' && visitor !== null ? scans.get(visitor) : undefined;
}
