import { addon, addonAvailable } from '../../lib/addon/load';
import { AtomicsCursors } from '../../lib/ring/atomics-cursors';
import type { RingGeometry } from '../../lib/ring/geometry';
import { NativeMemoryCursors } from '../../lib/ring/native-memory-cursors';
import type { RingCursors } from '../../lib/ring/ring-cursors';
import { mappedCursorsOver } from './memory-mapping';

/** The loops that visit samples (lib/ring/record-scan.ts): `describe.each(LOOPS)('… by the loop for %s samples', …)`. */
export const LOOPS = ['equal', 'mixed'] as const;
export type LoopName = (typeof LOOPS)[number];

export type MakeCursors = (geometry: RingGeometry) => RingCursors;

const ATOMICS: [string, MakeCursors] = ['Atomics', (geometry) => new AtomicsCursors(geometry)];
const NATIVE: [string, MakeCursors] = [
  'native helpers',
  (geometry) => new NativeMemoryCursors(addon(), geometry),
];

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

/** The cursors for tests that only read. Those of a mapped ring can't write. */
export const READING_CURSOR_KINDS: [string, MakeCursors][] =
  CURSOR_KINDS.length === 1 ? CURSOR_KINDS : [...CURSOR_KINDS, ['those of a mapping', mappedCursorsOver]];
