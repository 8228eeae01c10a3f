/**
 * Tests native/system as plain C++ programs: `node scripts/test-native.mjs [sanitizers] [threads] [uv] [tidy]`, all of
 * them when none is named.
 *
 * - sanitizers: test/native under AddressSanitizer and UndefinedBehaviorSanitizer
 * - threads: the same tests, and two threads on one ring, under ThreadSanitizer
 * - uv: the poller compiles with the real uv.h, so what native/binding/uv_abi.h declares is true
 * - tidy: clang-tidy finds nothing in native
 *
 * A check whose tools are missing is skipped, and the message says what is missing. In CI it fails.
 */

import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { missingPrograms, ROOT } from './shared/programs.mjs';
import { run, runScript, ScriptError } from './shared/script.mjs';

const OUTPUT = join(ROOT, 'build-native');
const require = createRequire(import.meta.url);

const FLAGS = [
  '-std=c++20',
  '-Wall',
  '-Wextra',
  '-Wconversion',
  '-Werror',
  '-O1',
  '-g',
  '-fno-omit-frame-pointer',
];
const SYSTEM_INCLUDES = ['-Inative'];
const BINDING_INCLUDES = [
  ...SYSTEM_INCLUDES,
  ...[require('node-addon-api').include_dir, require('node-api-headers').include_dir].flatMap((directory) => [
    '-isystem',
    directory,
  ]),
];
const BINDING_DEFINES = [
  '-DNAPI_VERSION=9',
  '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
  '-DNODE_ADDON_API_DISABLE_DEPRECATED',
];

const CHECKS = { sanitizers, threads, uv, tidy };

/** Something that a check needs is missing on this machine. */
class Missing extends ScriptError {}

function sanitizers() {
  runShown(
    compile('native-tests', testSources(), ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']),
    [],
  );
}

function threads() {
  // ThreadSanitizer does not support fences (-Wtsan). The tests that use one have only one thread.
  const flags = ['-fsanitize=thread', '-Wno-tsan', '-pthread'];
  const programs = [
    compile('native-tests-tsan', testSources(), flags),
    compile('native-threads', ['native/system/ring_group.cc', 'test/native/ring_cursor_threads.cc'], flags),
  ];
  // Without address randomisation: ThreadSanitizer does not support all address layouts of newer kernels.
  for (const program of programs) runShown('setarch', ['-R', program]);
}

function testSources() {
  return [...sourcesIn('native/system'), ...sourcesIn('test/native')].filter(
    // This file is only for the addon. In a test program it would hide glibc's own symbols.
    (file) => !file.endsWith('glibc_floor.cc') && !file.endsWith('_threads.cc'),
  );
}

function uv() {
  const candidates = [
    process.env.npm_config_nodedir,
    join(dirname(process.execPath), '..'),
    '/usr',
    '/usr/local',
  ];
  const headers = candidates
    .filter((prefix) => prefix)
    .map((prefix) => join(prefix, 'include/node'))
    .find((directory) => existsSync(join(directory, 'uv.h')));
  if (headers === undefined) throw new Missing("Node's uv.h is not there");
  const flags = [
    ...FLAGS,
    ...BINDING_INCLUDES,
    ...BINDING_DEFINES,
    '-DPERFRING_REAL_UV',
    '-isystem',
    headers,
  ];
  runShown('c++', ['-fsyntax-only', ...flags, 'native/binding/poller.cc']);
}

function tidy() {
  const missing = missingPrograms(['clang-tidy']);
  if (missing !== undefined) throw new Missing(missing);
  const sources = [...sourcesIn('native'), ...sourcesIn('native/binding'), ...sourcesIn('native/system')];
  const flags = ['-std=c++20', ...BINDING_INCLUDES, ...BINDING_DEFINES];
  inParallel(sources.map((source) => ['clang-tidy', '--quiet', source, '--', ...flags]));
}

function sourcesIn(directory) {
  return readdirSync(join(ROOT, directory))
    .filter((file) => file.endsWith('.cc'))
    .map((file) => join(directory, file))
    .sort();
}

function compile(name, sources, flags) {
  const directory = join(OUTPUT, name);
  mkdirSync(directory, { recursive: true });
  const objects = sources.map((source) => join(directory, `${source.replaceAll('/', '-')}.o`));
  const common = [...FLAGS, ...flags, ...SYSTEM_INCLUDES, '-Itest/native'];
  inParallel(sources.map((source, index) => ['c++', '-c', ...common, source, '-o', objects[index]]));
  const program = join(directory, name);
  runShown('c++', [...common, ...objects, '-o', program]);
  return program;
}

/**
 * Runs as many commands at a time as there are CPUs. If one fails, the others still run, and then an error is thrown.
 */
function inParallel(commands) {
  const lines = commands.map((words) => words.join(' ')).join('\n');
  runShown('xargs', ['-P', String(availableParallelism()), '-I', '{}', 'sh', '-c', '{}'], lines);
}

/** The output is shown as it comes. */
function runShown(command, args, input = '') {
  run(command, args, `${command} failed`, { input, stdio: ['pipe', 'inherit', 'inherit'] });
}

function main(names) {
  const unknown = names.filter((name) => !(name in CHECKS));
  if (unknown.length > 0)
    throw new ScriptError(`no check named ${unknown}; there are ${Object.keys(CHECKS).join(', ')}`);
  for (const name of names.length > 0 ? names : Object.keys(CHECKS)) {
    try {
      CHECKS[name]();
      console.log(`test-native: ${name}: ok`);
    } catch (error) {
      if (!(error instanceof Missing) || process.env.CI) throw error;
      console.log(`test-native: ${name}: skipped, ${error.message}`);
    }
  }
}

await runScript('test-native', main);
