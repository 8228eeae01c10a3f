/**
 * A long read, as root: `node scripts/soak.mjs [--records N] [--order cpu|time]`. Producers write samples on every CPU
 * as fast as they can. The reader reads a hundred million of them by default and compares every byte. Then it prints
 * how many were received, lost and emitted, the duration, and the memory at the beginning and the end. Exit code 1 on
 * any error.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './shared/programs.mjs';

const SUPPORT = join(ROOT, 'test', 'support');

const { values } = parseArgs({
  options: { records: { type: 'string' }, order: { type: 'string' } },
});
const { records = '100000000', order = 'cpu' } = values;
const register = ['-r', join(SUPPORT, 'register-typescript.cjs'), join(SUPPORT, 'soak-main.ts')];
const task = JSON.stringify({ records: Number(records), order });
const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', ...register, task], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (status !== 0) process.exit(status ?? 1);

const report = JSON.parse(stdout.toString());
const { emitted, received, lost, unaccounted, payloadBytes, seconds, errors, memory } = report;
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
console.log(
  `order ${order}: ${emitted} emitted, ${received} received and every byte compared (${megabytes(payloadBytes)}), ` +
    `${lost} lost, ${unaccounted} unaccounted for, ${seconds.toFixed(1)} s`,
);
for (const { received: at, rss, heapUsed, external } of memory) {
  console.log(
    `  after ${at}: rss ${megabytes(rss)}, heap ${megabytes(heapUsed)}, external ${megabytes(external)}`,
  );
}
for (const error of errors) console.log(`  ${error}`);
if (errors.length > 0 || unaccounted !== 0) process.exitCode = 1;
