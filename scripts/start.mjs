/**
 * `npm start`: the set-up, then samples of the default built-in program for a few seconds. Arguments go to collect:
 * `npm start -- --builtin sys_enter --duration 10s`.
 * Without the privilege to collect it prints the output of `doctor` and the command to run instead; exit code 1.
 */

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setupOrExit } from './setup.mjs';
import { ROOT } from './shared/programs.mjs';

const MAIN = join(ROOT, 'dist/bin/perfring.js');
const COLLECT = ['collect', '--duration', '3s', ...process.argv.slice(2)];

setupOrExit();

const require = createRequire(import.meta.url);
const { diagnose } = require(join(ROOT, 'dist/bundle/perfring.js'));

if (diagnose().ready) {
  // The command runs in this process, so that signals and the terminal reach it directly.
  process.argv = [process.execPath, MAIN, ...COLLECT];
  require(MAIN);
} else {
  const { status } = spawnSync(process.execPath, [MAIN, 'doctor'], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
  process.stdout.write(`\n${instead()}\n`);
}

function instead() {
  const command = [process.execPath, MAIN, ...COLLECT].map(shellQuote).join(' ');
  return process.getuid() === 0
    ? `Where root may not either, a container forbids it. Mend that, then run: ${command}`
    : `Run instead: sudo ${command}`;
}

function shellQuote(text) {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
