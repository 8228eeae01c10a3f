/**
 * Runs the tests under other versions of Node: `node scripts/test-nodes.mjs [--all] [22] [24]`. The binaries come from
 * npm packages, into .setup; the addon is the one that is built already, and serves every version.
 *
 * Without --all it runs the tests that depend on the version of Node: units, native calls, waking, lifetimes. It leaves
 * out the floods and random runs, which test the protocol, and the command.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setup } from './setup.mjs';
import { NODE_VERSIONS } from './shared/node-versions.mjs';
import { ROOT } from './shared/programs.mjs';
import { FEWER_CASES, runJest, UNITS } from './shared/run-jest.mjs';
import { run, runScript, ScriptError } from './shared/script.mjs';

const CHOSEN = [
  '--selectProjects',
  'integration',
  'process',
  '--testPathPatterns',
  'test/integration/(?!perf-array/(perf-map-reader-(stress|random-runs)|flight-recorder-snapshots))',
  'test/process/(lifetimes|ring/engine|package/install)',
];
const EVERYTHING = ['--selectProjects', 'integration', 'process'];

/** @returns the path of the binary */
function install(major) {
  const name = `node-linux-${process.arch}`;
  const version = NODE_VERSIONS[major];
  const directory = join(ROOT, '.setup', `node-${major}`);
  const home = join(directory, 'node_modules', name);
  const manifest = join(home, 'package.json');
  if (!existsSync(manifest) || JSON.parse(readFileSync(manifest, 'utf8')).version !== version) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{ "private": true }\n');
    const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
    run(
      'npm',
      ['install', ...options, '--loglevel=error', `${name}@${version}`],
      `npm has no ${name}@${version}`,
      {
        cwd: directory,
      },
    );
  }
  return join(home, 'bin', 'node');
}

async function main(args) {
  const all = args.includes('--all');
  const named = args.filter((arg) => arg !== '--all');
  const unknown = named.filter((major) => !(major in NODE_VERSIONS));
  if (unknown.length > 0) {
    throw new ScriptError(`no version ${unknown}; there are ${Object.keys(NODE_VERSIONS).join(', ')}`);
  }
  setup();
  const runs = [UNITS, all ? EVERYTHING : CHOSEN];
  let passed = true;
  for (const major of named.length > 0 ? named : Object.keys(NODE_VERSIONS)) {
    const node = install(major);
    const title = `Node ${NODE_VERSIONS[major]}`;
    passed = (await runJest({ title, node, runs, environment: FEWER_CASES })) && passed;
  }
  process.exitCode = passed ? 0 : 1;
}

await runScript('test-nodes', main);
