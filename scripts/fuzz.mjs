/**
 * The long run of the fuzzers of test/process/fuzz, as root: `node scripts/fuzz.mjs [--seconds N] [--seed S] [--only
 * WHAT]`. N seconds for each of them (60 by default): `package` and `addon` call everything with hostile arguments;
 * `bytes`, `hostile` and `collector` read rings with contents that no kernel writes. A finding is printed with the seed
 * that reproduces it: `--seed S --seconds 1 --only WHAT`. The exit code is 1 after a finding.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './shared/programs.mjs';

const SUPPORT = join(ROOT, 'test', 'support');

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
});
const { seconds = '60', seed = String(Date.now() % 1e9), only } = values;
const args = [
  '-r',
  join(SUPPORT, 'register-typescript.cjs'),
  join(SUPPORT, 'fuzz-long-main.ts'),
  seconds,
  seed,
];
const { status } = spawnSync(process.execPath, only === undefined ? args : [...args, only], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
