import type { RecordVisitor } from '../records/record';
import { ABSENT, recordFormat } from '../records/record-format';
import type { LoopCounts } from '../records/record-ring';
import { ringGeometry } from './geometry';
import { RecordCursor } from './record-cursor';
import { type SampleLoops, ScanState, sampleLoopsOf } from './record-scan';
import { LoopCache, LoopCopies } from './specialise';

const copies = new LoopCopies(sampleLoopsOf, (factory) => {
  const geometry = ringGeometry(new ArrayBuffer(4096), 1, 2048);
  const probe = new RecordCursor(geometry, recordFormat(), ABSENT, -1, false);
  const { equal, mixed } = factory(probe, null);
  for (const loop of [equal, mixed]) loop(new ScanState(), 1, () => undefined);
});

/**
 * The hot loops of one ring: the loops that all visitors share, and copies for single visitors.
 * @param counts where the records are counted, by loop
 */
export function ringLoops(cursor: RecordCursor, counts: LoopCounts): LoopCache<SampleLoops> {
  return new LoopCache(
    sampleLoopsOf(cursor, null),
    // For a literal, several visitors share the copy: each call passes its visitor.
    (visitor) =>
      copies.copyFor(visitor)?.(cursor, typeof visitor === 'function' ? (visitor as RecordVisitor) : null),
    counts,
  );
}
