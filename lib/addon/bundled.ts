/**
 * The error for a bundled application. A bundler copies the JavaScript of the package but not its addon.
 *
 * index.ts imports this module first, and it imports nothing of Node: in an ES module made by a bundler, `require` of
 * a Node module fails before the addon is loaded.
 */

import { PerfRingError } from '../errors';

/** What to do about it; `perfring doctor` shows the same text. */
export const BUNDLED_REMEDY =
  'mark perfring as external in the bundler (esbuild: --external:perfring) and install it beside the bundle';

/** @param file the bundle that contains the code of this package */
export function bundledMessage(file: string): string {
  return `perfring was bundled into ${file}, which cannot hold its native addon; ${BUNDLED_REMEDY}`;
}

// The package is CommonJS, where __dirname is defined. It is not defined when a bundler turned it into an ES module.
if (typeof __dirname === 'undefined') {
  throw new PerfRingError('ERR_PERF_ADDON_MISSING', bundledMessage('an ES module'));
}
