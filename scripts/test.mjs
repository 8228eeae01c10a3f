/**
 * `npm test`: the set-up, then the tests. Arguments go to jest: `npm test -- --selectProjects unit`, `npm test -- merge`.
 * Without privilege what needs it is skipped, and says what is missing; with CI=true a skip is a failure.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setupOrExit } from './setup.mjs';
import { ROOT } from './shared/programs.mjs';

setupOrExit();
const jest = join(ROOT, 'node_modules/jest/bin/jest.js');
const run = spawnSync(process.execPath, ['--expose-gc', jest, ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exit(run.status ?? 1);
