/**
 * What a bundled application is told. A bundler copies the code of the package and leaves its addon behind.
 *
 * index.ts imports this module first, and it imports nothing of Node: in an ES module made by a bundler, `require` of
 * a Node module fails before the addon is looked for.
 */

import { PerfRingError } from '../errors';

/** What to do about it, as `doctor` shows it. */
export const BUNDLED_REMEDY =
  'mark perfring as external in the bundler (esbuild: --external:perfring) and install it beside the bundle';

/** @param file the file that holds the code of this package now */
export function bundledMessage(file: string): string {
  return `perfring was bundled into ${file}, which cannot hold its native addon; ${BUNDLED_REMEDY}`;
}

// The package is CommonJS, which has a __dirname. An ES module made of it has none.
if (typeof __dirname === 'undefined') {
  throw new PerfRingError('ERR_PERF_ADDON_MISSING', bundledMessage('an ES module'));
}
