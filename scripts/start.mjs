/**
 * `npm start`: the set-up, then samples of the default built-in program for a few seconds. Arguments go to collect:
 * `npm start -- --builtin sys_enter --duration 10s`.
 * Without the privilege to collect it shows what `doctor` says, and the one command to run instead; exit code 1.
 */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setupOrExit } from './setup.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const MAIN = join(ROOT, 'dist/cli/main.js');
const COLLECT = ['collect', '--duration', '3s'];

setupOrExit();

const require = createRequire(import.meta.url);
const { diagnose } = require(join(ROOT, 'dist/index.js'));
const { run } = require(join(ROOT, 'dist/cli/run.js'));

if (diagnose().ready) {
  process.exitCode = await run([...COLLECT, ...process.argv.slice(2)]);
} else {
  // What doctor advises names the program that runs: this is to be the command itself.
  process.argv[1] = MAIN;
  process.exitCode = await run(['doctor']);
  process.stdout.write(`\n${instead()}\n`);
}

function instead() {
  const command = [process.execPath, MAIN, ...COLLECT, ...process.argv.slice(2)].map(shellQuote).join(' ');
  return process.getuid() === 0
    ? `Where root may not either, a container forbids it. Mend that, then run: ${command}`
    : `Run instead: sudo ${command}`;
}

function shellQuote(text) {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
