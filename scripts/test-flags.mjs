/**
 * Runs the tests in engines that behave otherwise: `node scripts/test-flags.mjs [jitless] [optimising] [collecting]
 * [strings]`, all of them when none is named.
 *
 * - jitless: no compiler at all, as where memory must not be executable
 * - optimising: every function is optimised at once, and optimised code is thrown away again and again
 * - collecting: garbage is collected every few thousand allocations, and moves what it can
 * - strings: no code from strings, as under a content policy; the loops that are copied for a visitor have to do without
 *
 * Each runs what is told from the engine in the process that has the flags. Left out everywhere:
 * - floods and random runs (test/integration/perf-array/perf-map-reader-stress and -random-runs): they try the protocol
 *   under load, and an engine many times slower makes another load of it;
 * - test/process but for the lifetimes in jest's own process: what those tests start is a node without the flags.
 *   test/process/ring/engine-flags.test.ts starts one with each.
 * Only jitless runs the command, the programs and the host as well. The others run what handles the bytes and the
 * memory of rings: the kinds of stress because they are five times slower still, with a tenth of the random cases; and
 * strings because only the loops make code from strings.
 */

import { join } from 'node:path';
import { setup } from './setup.mjs';
import { ROOT } from './shared/programs.mjs';
import { FEWER_CASES, runJest, UNITS } from './shared/run-jest.mjs';
import { runScript, ScriptError } from './shared/script.mjs';

const KERNEL = [
  '--selectProjects',
  'integration',
  'process',
  '--testPathPatterns',
  'test/integration/(?!perf-array/perf-map-reader-(stress|random-runs))',
  'test/process/lifetimes/closing',
];

const UNITS_OF_RINGS = [
  ...UNITS,
  '--testPathPatterns',
  'test/unit/(addon|layout|merge|records|ring|storage)/',
];
const KERNEL_AND_RINGS = [
  '--selectProjects',
  'integration',
  'process',
  '--testPathPatterns',
  'test/integration/(addon/(lifetimes|mapped-ring|poller)|storage)',
  'test/integration/perf-array/(perf-map-reader-(batches|closing|drain|moderation|reading|records)|flight-recorder\\.)',
  'test/process/lifetimes/closing',
];

/** Its tests make code from strings themselves, to see it copied. */
const COPIES = 'test/unit/ring/specialise';
const NO_STRINGS = ['--env', join(ROOT, 'test/support/no-code-from-strings-environment.cjs')];

const STRESSED = { PERFRING_PROPERTY_RUNS: '0.1' };

const RUNS = {
  jitless: {
    title: 'without a compiler',
    flags: ['--jitless'],
    environment: FEWER_CASES,
    runs: [UNITS, KERNEL],
  },
  optimising: {
    title: 'optimising and deoptimising',
    flags: ['--always-turbofan', '--deopt-every-n-times=50000'],
    environment: STRESSED,
    runs: [UNITS_OF_RINGS, KERNEL_AND_RINGS],
  },
  collecting: {
    title: 'collecting and compacting',
    flags: ['--gc-interval=3000', '--stress-compaction'],
    environment: STRESSED,
    runs: [UNITS_OF_RINGS, KERNEL_AND_RINGS],
  },
  strings: {
    title: 'without code from strings',
    environment: FEWER_CASES,
    runs: [
      [...UNITS_OF_RINGS, ...NO_STRINGS, '--testPathIgnorePatterns', COPIES],
      [...KERNEL_AND_RINGS, ...NO_STRINGS],
    ],
  },
};

async function main(names) {
  const unknown = names.filter((name) => !(name in RUNS));
  if (unknown.length > 0) {
    throw new ScriptError(`no run named ${unknown}; there are ${Object.keys(RUNS).join(', ')}`);
  }
  setup();
  const chosen = names.length > 0 ? names : Object.keys(RUNS);
  let passed = true;
  for (const name of chosen) passed = (await runJest(RUNS[name])) && passed;
  process.exitCode = passed ? 0 : 1;
}

await runScript('test-flags', main);
