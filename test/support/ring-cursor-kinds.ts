import { addon, addonAvailable } from '../../lib/addon/load';
import { AtomicsCursors } from '../../lib/ring/atomics-cursors';
import type { RingGeometry } from '../../lib/ring/geometry';
import { NativeMemoryCursors } from '../../lib/ring/native-memory-cursors';
import type { RingCursors } from '../../lib/ring/ring-cursors';
import { mappedCursorsOver } from './memory-mapping';

export type MakeCursors = (geometry: RingGeometry) => RingCursors;

const ATOMICS: [string, MakeCursors] = ['Atomics', (geometry) => new AtomicsCursors(geometry)];
const NATIVE: [string, MakeCursors] = [
  'native helpers',
  (geometry) => new NativeMemoryCursors(addon(), geometry),
];

const { CI } = process.env;

/**
 * The cursors the protocol is tested with: `describe.each(CURSOR_KINDS)('… with %s', (_, cursors) => …)`.
 * Without the addon (npm run build:addon) only those in TypeScript; where CI promises a build, its lack fails.
 */
export const CURSOR_KINDS: [string, MakeCursors][] = addonAvailable() || CI ? [ATOMICS, NATIVE] : [ATOMICS];

/** Those of a mapped ring can only read. */
export const READING_CURSOR_KINDS: [string, MakeCursors][] =
  CURSOR_KINDS.length === 1 ? CURSOR_KINDS : [...CURSOR_KINDS, ['those of a mapping', mappedCursorsOver]];
