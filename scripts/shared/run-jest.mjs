/** Runs jest, in any node, and prints its counts in one line. Every script that runs tests, and .ci/run, count by this. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ROOT } from './programs.mjs';

export const JEST = join(ROOT, 'node_modules/jest/bin/jest.js');

/** Units share one process: that is several times faster, and needs no privilege that could be left changed. */
export const UNITS = ['--selectProjects', 'unit', '--runInBand'];

/**
 * @param {object} run
 * @param {string} run.title begins the line
 * @param {string[][]} run.parts arguments of jest, once for each time it is run
 * @param {string} [run.node] the binary; by default that of this process
 * @param {string[]} [run.flags] of node and V8, for jest and its workers
 * @param {Record<string, string>} [run.environment] beside this process's
 * @returns {boolean} whether every test passed. Under CI one that is skipped counts as failed.
 */
export function runJest({ title, parts, node = process.execPath, flags = [], environment = {} }) {
  const directory = mkdtempSync(join(tmpdir(), 'perfring-jest-'));
  const begin = performance.now();
  const sum = { passed: 0, failed: 0, skipped: 0 };
  try {
    for (const part of parts) {
      const { counts, output } = runOnce(join(directory, 'outcome.json'), node, flags, environment, part);
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

function runOnce(outcome, node, flags, environment, args) {
  rmSync(outcome, { force: true });
  const result = spawnSync(
    node,
    ['--expose-gc', ...flags, JEST, ...args, '--json', '--outputFile', outcome],
    {
      cwd: ROOT,
      encoding: 'utf8',
      // The JSON goes to stdout as well, whatever the file.
      stdio: ['ignore', 'ignore', 'pipe'],
      maxBuffer: 2 ** 28,
      env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}`, ...environment },
    },
  );
  const counts = countsIn(outcome);
  // Something after the last test: a sanitizer that found a leak, a crash at exit.
  if (result.status !== 0 && counts.failed === 0) counts.failed = 1;
  return { counts, output: `${result.stderr}${result.signal ?? ''}\n` };
}

/** A file that fails as a whole, and a run that leaves no outcome, count as one failure. */
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
