/**
 * Mutation testing: `nice node scripts/mutate.mjs [--seed S] [--mutants N] [--seconds N] [--stages near,unit] lib/ring
 * lib/merge`. Makes small changes to the source, one at a time and chosen by the seed, in a copy of the tree, and runs
 * the tests that depend on the changed file, in stages: `near`, the unit tests of the same folder; `unit`, the other
 * ones; `integration`, as root. In a stage, the quickest file runs first, and the first failure ends the run;
 * properties run a twentieth of their cases, unless PERFRING_PROPERTY_RUNS says otherwise. A change is killed when a
 * test fails or does not end. A change that survives needs a test, unless it has no effect. A mutant takes 3 to 60
 * seconds. For two CPUs, start it twice, with other folders or another seed. Exit code 1 when a mutant survives.
 */

import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const { parseSync } = createRequire(import.meta.url)('@swc/core');
/** Large directories that do not change: they are linked and not copied. */
const NOT_COPIED = new Set(['.git', 'node_modules']);

/** Operator -> its replacement. */
const OPERATORS = new Map(
  '< <=, <= <, > >=, >= >, === !==, !== ===, + -, - +, * /, / *, % *, & |, | &, ^ |, << >>, >> <<, >>> >>, && ||, || &&, ?? &&, += -=, -= +=, |= &=, &= |=, ^= |=, ++ --, -- ++'
    .split(', ')
    .map((pair) => pair.split(' ')),
);
/** Statements that are left out. */
const REMOVED = new Set(['ExpressionStatement', 'ThrowStatement', 'BreakStatement', 'ContinueStatement']);
const CONDITIONS = new Set(['IfStatement', 'WhileStatement', 'DoWhileStatement', 'ConditionalExpression']);
/** Types, and texts for messages. */
const SKIPPED = /^(Ts(?!AsExpression|NonNull|Const|Satisfies)|Import|TemplateLiteral|StringLiteral)/;

/** All possible changes of one file: the place, and the new text. */
function mutantsOf(file) {
  const bytes = readFileSync(join(copy, file));
  const { body, span } = parseSync(bytes.toString(), { syntax: 'typescript', target: 'es2022' });
  // Spans count bytes from 1 on, over all files that this process has parsed; the module's begins at its first token.
  const first = /^(?:\s|\/\*[\s\S]*?\*\/|\/\/.*)*/.exec(bytes.toString())[0];
  const base = span.start - Buffer.byteLength(first);
  const found = [];
  const add = (from, to, text) => found.push({ file, from: from - base, to: to - base, text });
  const source = (from, to) => bytes.subarray(from - base, to - base).toString();
  const operator = (node, from, to) => {
    const at = source(from, to).indexOf(node.operator);
    const other = OPERATORS.get(node.operator);
    const start = from + Buffer.byteLength(source(from, to).slice(0, at));
    if (at >= 0 && other !== undefined) add(start, start + node.operator.length, other);
  };
  const walk = (node) => {
    if (Array.isArray(node)) for (const one of node) walk(one);
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
    const { type, span: at } = node;
    if (typeof type === 'string' && SKIPPED.test(type)) return;
    if (type === 'BinaryExpression' || type === 'AssignmentExpression')
      operator(node, node.left.span.end, node.right.span.start);
    if (type === 'UpdateExpression') operator(node, at.start, at.end);
    if (type === 'NumericLiteral') add(at.start, at.end, String(node.value === 1 ? 0 : node.value + 1));
    if (type === 'BooleanLiteral') add(at.start, at.end, String(!node.value));
    if (type === 'UnaryExpression' && /^[!~-]$/.test(node.operator)) add(at.start, at.start + 1, ' ');
    if (CONDITIONS.has(type))
      add(node.test.span.start, node.test.span.end, `!(${source(node.test.span.start, node.test.span.end)})`);
    if (REMOVED.has(type) || (type === 'ReturnStatement' && node.argument == null))
      add(at.start, at.end, ';');
    for (const child of Object.values(node)) walk(child);
  };
  walk(body);
  return found;
}

function sourcesIn(folder) {
  if (statSync(join(ROOT, folder)).isFile()) return [folder];
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
  return entries.flatMap(({ name }) =>
    name.includes('.') && !name.endsWith('.ts') ? [] : sourcesIn(join(folder, name)),
  );
}

/** Shuffles; the same seed gives the same order. */
function shuffled(list, seed) {
  let state = seed >>> 0;
  const random = (limit) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) % limit;
  };
  for (let last = list.length - 1; last > 0; last--) {
    const other = random(last + 1);
    [list[last], list[other]] = [list[other], list[last]];
  }
  return list;
}

/** Makes jest run the files in the order of the command line. By default it runs the longest first. */
const SEQUENCER = `
const Sequencer = require(${JSON.stringify(join(ROOT, 'node_modules/@jest/test-sequencer'))}).default;
const order = process.argv;
module.exports = class extends Sequencer {
  sort(tests) {
    return [...tests].sort((one, other) => order.indexOf(one.path) - order.indexOf(other.path));
  }
};
`;

const jest = (...args) => [
  '--max-old-space-size=2048',
  join(ROOT, 'node_modules/jest/bin/jest.js'),
  '--no-watchman',
  `--cacheDirectory=${copy}/.jest`,
  ...args,
];

/** The tests that depend on a file, by stage. A stage runs only when all tests of the earlier stages pass. */
function testsOf(file) {
  const { stdout } = spawnSync(process.execPath, jest('--listTests', '--findRelatedTests', file), {
    cwd: copy,
    encoding: 'utf8',
  });
  const paths = stdout.split('\n').filter((line) => line.startsWith('/'));
  const isNear = (path) => path.includes(`/test/unit/${basename(dirname(file))}/`);
  const all = {
    near: paths.filter(isNear),
    unit: paths.filter((path) => path.includes('/test/unit/') && !isNear(path)),
    integration: paths.filter((path) => path.includes('/test/integration/')),
  };
  return stages.map((stage) => all[stage]).filter((list) => list.length > 0);
}

/**
 * @param seconds the time limit of the run
 * @returns whether the tests passed (undefined: they reached the time limit), and the files that failed
 */
async function run(tests, seconds, ...options) {
  const log = join(copy, '.log');
  const output = openSync(log, 'w');
  const child = spawn(
    process.execPath,
    jest(
      '-i',
      '--silent',
      // A test of a broken loop may leave timers behind.
      '--forceExit',
      `--testSequencer=${join(copy, '.sequencer.cjs')}`,
      ...options,
      '--runTestsByPath',
      ...tests,
    ),
    {
      cwd: copy,
      stdio: ['ignore', output, output],
      detached: true,
      env: { PERFRING_PROPERTY_RUNS: '0.05', ...process.env },
    },
  );
  running = child;
  closeSync(output);
  const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), seconds * 1000);
  const [code] = await new Promise((resolve) => child.on('close', (...ended) => resolve(ended)));
  running = undefined;
  clearTimeout(timer);
  const failed = readFileSync(log, 'utf8').matchAll(/^FAIL \S+ (\S+)/gm);
  return {
    passed: code === null ? undefined : code === 0,
    failed: [...new Set([...failed].map(([, path]) => path))].join(' '),
  };
}

/** Runs the tests on the unchanged tree, where they must pass. @returns path -> its duration in seconds */
async function measure(tests) {
  const result = join(copy, '.result.json');
  const { passed, failed } = await run(tests, 3600, '--json', `--outputFile=${result}`);
  if (passed !== true) throw new Error(`these tests fail without any change: ${failed}`);
  const { testResults } = JSON.parse(readFileSync(result, 'utf8'));
  return new Map(testResults.map(({ name, startTime, endTime }) => [name, (endTime - startTime) / 1000]));
}

async function verdictOn(mutant, lists, seconds) {
  const path = join(copy, mutant.file);
  const original = readFileSync(path);
  writeFileSync(
    path,
    Buffer.concat([
      original.subarray(0, mutant.from),
      Buffer.from(mutant.text),
      original.subarray(mutant.to),
    ]),
  );
  try {
    for (const tests of lists) {
      const usual = tests.reduce((sum, path) => sum + seconds.get(path), 0);
      const { passed, failed } = await run(tests, 30 + 4 * usual, '--bail');
      if (passed !== true) return { verdict: passed === undefined ? 'endless' : 'killed', failed };
    }
    return { verdict: 'SURVIVED', failed: '' };
  } finally {
    writeFileSync(path, original);
  }
}

/** A text with the original line and the change. */
function described({ file, from, to, text }) {
  const source = readFileSync(join(copy, file));
  const before = source.subarray(0, from).toString();
  const line = before.split('\n').length;
  const short = (what) => what.replace(/\s+/g, ' ').slice(0, 100);
  const whole = source.toString().split('\n')[line - 1].trim();
  return `${file}:${line}  ${short(source.subarray(from, to).toString())} -> ${short(text)}   in: ${short(whole)}`;
}

const { values, positionals: folders } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    mutants: { type: 'string' },
    seconds: { type: 'string' },
    stages: { type: 'string' },
  },
});
const { seed = String(Date.now() % 1e9), mutants: most = '100', seconds: limit = 'Infinity' } = values;
const stages = (values.stages ?? 'near,unit,integration').split(',');
if (folders.length === 0) throw new Error('name files or folders of lib: scripts/mutate.mjs lib/ring');
const copy = mkdtempSync(join(tmpdir(), 'perfring-mutants-'));
const counts = { killed: 0, endless: 0, SURVIVED: 0 };
const rows = new Map();
let running;
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
process.on('exit', () => {
  if (running !== undefined) process.kill(-running.pid, 'SIGKILL');
  rmSync(copy, { recursive: true, force: true, maxRetries: 5 });
});
cpSync(ROOT, copy, { recursive: true, filter: (path) => !NOT_COPIED.has(relative(ROOT, path)) });
symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
writeFileSync(join(copy, '.sequencer.cjs'), SEQUENCER);
const files = folders.flatMap((folder) => sourcesIn(relative(ROOT, join(process.cwd(), folder))));
const all = shuffled(files.flatMap(mutantsOf), Number(seed));
console.log(
  `seed ${seed}: ${Math.min(all.length, Number(most))} of ${all.length} mutants of ${files.length} files`,
);
const chosen = all.slice(0, Number(most));
const lists = new Map([...new Set(chosen.map(({ file }) => file))].map((file) => [file, testsOf(file)]));
const seconds = await measure([...new Set([...lists.values()].flat(2))]);
for (const stage of [...lists.values()].flat())
  stage.sort((one, other) => seconds.get(one) - seconds.get(other));
const start = performance.now();
for (const mutant of chosen) {
  if (performance.now() - start > Number(limit) * 1000) break;
  const { file } = mutant;
  const begun = performance.now();
  const { verdict, failed } = await verdictOn(mutant, lists.get(file), seconds);
  counts[verdict]++;
  const row = rows.get(file) ?? { killed: 0, endless: 0, SURVIVED: 0 };
  row[verdict]++;
  rows.set(file, row);
  const took = `${((performance.now() - begun) / 1000).toFixed(0)} s`;
  console.log(`${verdict.padEnd(8)} ${took.padStart(5)}  ${described(mutant)}   ${failed}`);
}
console.table(Object.fromEntries(rows));
const made = counts.killed + counts.endless + counts.SURVIVED;
console.log(`${made - counts.SURVIVED} of ${made} killed; a survivor has no effect, or needs a test`);
process.exitCode = counts.SURVIVED === 0 ? 0 : 1;
