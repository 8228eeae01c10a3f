/**
 * Checks for arm64 that work on another machine: the memory barriers of native/system/ring_cursor.h compile to the
 * expected instructions, and the whole addon compiles. Needs Debian's g++-aarch64-linux-gnu. Without it the check is
 * skipped; in CI it fails.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildAddon } from './build-addon.mjs';
import { missingPrograms, ROOT } from './shared/programs.mjs';
import { run, runScript, ScriptError } from './shared/script.mjs';

const OUTPUT = join(ROOT, 'build-arm64', 'check');
const COMPILER = 'aarch64-linux-gnu-g++';

/**
 * Each access as a small function, and the instruction that its code must contain. `ldar` is a load-acquire (`ldapr` a
 * weaker one), `stlr` a store-release, `dmb ishld` a barrier after loads.
 */
const ACCESSES = {
  acquire_head: {
    code: 'uint64_t f(RingCursor cursor) { return cursor.AcquireHead(); }',
    expected: /\bldap?r\b/,
  },
  release_tail: {
    code: 'void f(RingCursor cursor, uint64_t to) { cursor.ReleaseTail(to); }',
    expected: /\bstlr\b/,
  },
  acquire_tail: {
    code: 'uint64_t f(RingCursor cursor) { return cursor.AcquireTail(); }',
    expected: /\bldap?r\b/,
  },
  release_head: {
    code: 'void f(RingCursor cursor, uint64_t to) { cursor.ReleaseHead(to); }',
    expected: /\bstlr\b/,
  },
  head_after_reads: {
    code: 'uint64_t f(RingCursor cursor) { return cursor.HeadAfterReads(); }',
    expected: /\bdmb\s+ishld\b[\s\S]*\bldr\b/,
  },
  own_tail: { code: 'uint64_t f(RingCursor cursor) { return cursor.OwnTail(); }', expected: /\bldr\b/ },
};

function checkAccess(name, { code, expected }) {
  const source = join(OUTPUT, `${name}.cc`);
  const assembly = join(OUTPUT, `${name}.s`);
  const lines = [
    '#include "system/ring_cursor.h"',
    'using perfring::system::RingCursor;',
    code.replace('f(', `${name}(`),
  ];
  writeFileSync(source, `${lines.join('\n')}\n`);
  const flags = [
    '-std=c++20',
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-fno-asynchronous-unwind-tables',
    '-Inative',
  ];
  run(COMPILER, [...flags, '-S', source, '-o', assembly], `${name} does not compile for arm64`);
  const instructions = readFileSync(assembly, 'utf8')
    .split('\n')
    .filter((line) => /^\t[a-z]/.test(line));
  const listing = instructions.map((line) => line.trim().replaceAll('\t', ' ')).join('\n');
  if (!expected.test(listing))
    throw new ScriptError(`${name}: the compiled code has no ${expected}`, listing);
  console.log(`check-arm64: ${name}: ${listing.replaceAll('\n', '; ')}`);
}

function checkAddon() {
  const binary = buildAddon({ variant: 'arm64' });
  const header = readFileSync(binary).subarray(0, 20);
  // e_machine of the ELF header: EM_AARCH64 is 183.
  if (header.readUInt16LE(18) !== 183) throw new ScriptError(`${binary} is not for arm64`);
  console.log('check-arm64: the addon compiles');
}

function main() {
  const missing = missingPrograms([COMPILER]);
  if (missing !== undefined) {
    if (process.env.CI) throw new ScriptError(missing);
    console.log(`check-arm64: skipped, ${missing}`);
    return;
  }
  mkdirSync(OUTPUT, { recursive: true });
  for (const [name, access] of Object.entries(ACCESSES)) checkAccess(name, access);
  checkAddon();
}

await runScript('check-arm64', main);
