import { addon, addonAvailable } from '../../lib/addon/load';
import type { RingGeometry } from '../../lib/ring/geometry';
import { atomicsHelpers, MemoryCursors } from '../../lib/ring/memory-cursors';

/** The loops that visit samples (lib/ring/record-scan.ts): `describe.each(LOOPS)('… by the loop for %s samples', …)`. */
export const LOOPS = ['equal', 'mixed'] as const;
export type LoopName = (typeof LOOPS)[number];

export type MakeCursors = (geometry: RingGeometry) => MemoryCursors;

const ATOMICS: [string, MakeCursors] = ['Atomics', (geometry) => new MemoryCursors(geometry, atomicsHelpers)];
const NATIVE: [string, MakeCursors] = ['native helpers', (geometry) => new MemoryCursors(geometry, addon())];

const { CI } = process.env;

/**
 * The cursors with which the protocol is tested: `describe.each(CURSOR_KINDS)('… with %s', (_, cursors) => …)`. Without
 * the addon (npm run build:addon) only those in TypeScript. Under CI a missing addon is a failure.
 */
export const CURSOR_KINDS: [string, MakeCursors][] = addonAvailable() || CI ? [ATOMICS, NATIVE] : [ATOMICS];

/** `describe.each(READING_KINDS)('… with %s and the loop for %s samples', (_, loop, cursors) => …)`. */
export const READING_KINDS = CURSOR_KINDS.flatMap(([name, cursors]) =>
  LOOPS.map((loop): [string, LoopName, MakeCursors] => [name, loop, cursors]),
);
