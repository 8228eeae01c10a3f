/**
 * `npm test`: the set-up, then the tests. Arguments go to jest: `npm test -- --selectProjects unit`, `npm test --
 * merge`. Without privilege what needs it is skipped, and says what is missing; with CI=true a skip is a failure.
 *
 * `npm test -- --count …` prints only the counts, and the output of what failed: for .ci/run.
 */

import { spawnSync } from 'node:child_process';
import { setupOrExit } from './setup.mjs';
import { ROOT } from './shared/programs.mjs';
import { JEST, runJest, UNITS } from './shared/run-jest.mjs';

setupOrExit();
const [, , first, ...rest] = process.argv;
if (first === '--count') {
  const runs = rest.length > 0 ? [rest] : [UNITS, ['--selectProjects', 'integration', 'process']];
  process.exitCode = (await runJest({ title: 'npm test', runs })) ? 0 : 1;
} else {
  const run = spawnSync(process.execPath, ['--expose-gc', JEST, ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  process.exitCode = run.status ?? 1;
}
