/** Runs jest in a given Node and prints the counts on one line. Every script that runs tests, and .ci/run, use it. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ROOT } from './programs.mjs';

export const JEST = join(ROOT, 'node_modules/jest/bin/jest.js');

/** Unit tests share a process: that is several times faster, and they change nothing that another one could notice. */
export const UNITS = ['--selectProjects', 'unit', '--runInBand'];

/**
 * Environment of runs beside `npm test`, which tries every case: the same properties with a fifth of the random cases.
 */
export const FEWER_CASES = { PERFRING_PROPERTY_RUNS: '0.2' };

/**
 * @param {object} run
 * @param {string} run.title begins the line
 * @param {string[][]} run.runs arguments of jest for each run; all runs go on at once
 * @param {string} [run.node] the binary; by default that of this process
 * @param {string[]} [run.flags] of node and V8, for jest and its workers
 * @param {Record<string, string>} [run.environment] beside this process's
 * @returns {Promise<boolean>} whether every test passed. Under CI one that is skipped counts as failed.
 */
export async function runJest({ title, runs, node = process.execPath, flags = [], environment = {} }) {
  const directory = mkdtempSync(join(tmpdir(), 'perfring-jest-'));
  const begin = performance.now();
  const sum = { passed: 0, failed: 0, skipped: 0 };
  try {
    const outcomes = runs.map((args, number) =>
      runOnce(join(directory, `${number}.json`), node, flags, environment, args),
    );
    for (const { counts, output } of await Promise.all(outcomes)) {
      if (counts.failed > 0) process.stderr.write(output);
      for (const kind of Object.keys(sum)) sum[kind] += counts[kind];
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  console.log(`${title}: ${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped (${seconds} s)`);
  return sum.failed === 0 && (sum.skipped === 0 || !process.env.CI);
}

async function runOnce(outcome, node, flags, environment, args) {
  const child = spawn(node, ['--expose-gc', ...flags, JEST, ...args, '--json', '--outputFile', outcome], {
    cwd: ROOT,
    // The JSON goes to stdout as well, whatever the file.
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}`, ...environment },
  });
  const [errors, [status, signal]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  const counts = countsIn(outcome);
  // Something failed after the last test: a sanitizer found a leak, or the process crashed at exit.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  return { counts, output: `${errors}${signal ?? ''}\n` };
}

/** A file that can't be run, and a run that writes no result, count as one failure each. */
function countsIn(outcome) {
  let report;
  try {
    report = JSON.parse(readFileSync(outcome, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length + (report.numTotalTests === 0 ? 1 : 0),
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
