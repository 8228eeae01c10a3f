/**
 * Runs the tests that pass through the addon with one built for AddressSanitizer and UndefinedBehaviorSanitizer:
 * `node scripts/test-sanitized.mjs`, in two parts, or `node scripts/test-sanitized.mjs ARGUMENTS-OF-JEST`, with leaks.
 *
 * - leaks: every test that calls the addon in jest's own process, which looks for leaks when it ends by itself;
 * - ends: tests that start processes and end them in every way. Not for leaks: process.exit() and a thread that is
 *   terminated leave node's own memory, and so do compilers that tests run.
 *
 * Left out are floods and random runs (test/integration/perf-array/perf-map-reader-stress and -random-runs), which an
 * addon several times slower makes into another load; the fuzzers themselves, whose findings are kept as tests and run
 * here; and tests that go nowhere near the addon, or start the one of the package.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildAddon } from './build-addon.mjs';
import { setup } from './setup.mjs';
import { ROOT } from './shared/programs.mjs';
import { runJest } from './shared/run-jest.mjs';
import { runScript } from './shared/script.mjs';

const LEAKS = {
  title: 'with sanitizers, leaks too',
  tests: [
    // One process for all: jest kills its workers, and what is killed looks for no leak.
    '--runInBand',
    '--testPathPatterns',
    'test/unit/(addon|storage)/',
    'test/integration/(addon|storage)/',
    // The test of sched_switch does not end with an addon built for AddressSanitizer; why is not known yet.
    'test/integration/bpf/(?!programs/sched-switch)',
    'test/integration/perf-array/(?!perf-map-reader-(stress|random-runs))',
    'test/process/lifetimes/closing',
    'test/process/ring/hostile-writer',
    'test/process/fuzz/found',
  ],
  asan: 'detect_leaks=1',
};

const ENDS = {
  title: 'with sanitizers, processes that end',
  tests: [
    '--testPathPatterns',
    'test/process/lifetimes/(ending|starting)',
    'test/integration/doctor',
    'test/process/faults',
  ],
  // Freed memory is kept for a while, to see who uses it; some tests see that memory does not grow.
  asan: 'detect_leaks=0:quarantine_size_mb=4',
};

/** The sanitizer's library must be there before node's own allocations: the addon alone could not bring it. */
function sanitizerLibrary() {
  return realpathSync(execFileSync('c++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim());
}

/** @returns {Promise<boolean>} whether every test passed, and no process had anything to report, children included */
async function runSanitized({ title, tests, asan }, addon) {
  const reports = mkdtempSync(join(tmpdir(), 'perfring-sanitized-'));
  const log = `log_path=${join(reports, 'report')}`;
  try {
    const passed = await runJest({
      title,
      runs: [tests],
      environment: {
        PERFRING_ADDON: addon,
        LD_PRELOAD: sanitizerLibrary(),
        ASAN_OPTIONS: `${asan}:${log}`,
        UBSAN_OPTIONS: `print_stacktrace=1:${log}`,
        LSAN_OPTIONS: `suppressions=${join(ROOT, 'test/native/leaks.supp')}:print_suppressions=0`,
      },
    });
    const found = readdirSync(reports);
    for (const name of found) process.stderr.write(readFileSync(join(reports, name), 'utf8'));
    if (found.length > 0) console.error(`test-sanitized: ${found.length} processes with a report, above`);
    return passed && found.length === 0;
  } finally {
    rmSync(reports, { recursive: true });
  }
}

await runScript('test-sanitized', async (args) => {
  setup();
  const runs = args.length > 0 ? [{ ...LEAKS, tests: ['--runInBand', ...args] }] : [LEAKS, ENDS];
  const addon = buildAddon({ variant: 'asan' });
  let passed = true;
  for (const one of runs) passed = (await runSanitized(one, addon)) && passed;
  process.exitCode = passed ? 0 : 1;
});
