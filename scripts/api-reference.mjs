/**
 * Makes docs/api from the doc comments of what lib/index.ts, lib/perf-data/index.ts and lib/testing/index.ts
 * export.
 *
 * `node scripts/api-reference.mjs` writes it; `--check` writes nothing and fails when docs/api is out of date. Both
 * fail when a public signature uses a type that isn't exported, a public item has no doc comment, a link is broken, or
 * a class or function has no example: neither in a ```ts block of a doc comment or document nor in a file of examples/.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './shared/programs.mjs';

const TOOL = join(ROOT, 'scripts/api-reference');
const REFERENCE = join(ROOT, 'docs/api');

/** The settings of typedoc for each module that users import -> its folder in the reference. */
const MODULES = [
  ['typedoc.json', '.'],
  ['typedoc-perf-data.json', 'perf-data'],
  ['typedoc-testing.json', 'testing'],
];

/** ReflectionKind of typedoc. */
const KINDS = { class: 128, function: 64, variable: 32 };

const isCheck = process.argv.includes('--check');
const scratch = mkdtempSync(join(tmpdir(), 'perfring-api-'));
try {
  installTool();
  const made = isCheck ? join(scratch, 'api') : REFERENCE;
  rmSync(made, { recursive: true, force: true });
  const problems = MODULES.flatMap(([settings, folder]) => {
    const json = join(scratch, `${settings}.api`);
    return [...generate(settings, join(made, folder), json), ...missingExamples(json)];
  });
  if (isCheck) problems.push(...differences(REFERENCE, made));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
}

function installTool() {
  const installed = join(TOOL, 'node_modules/.package-lock.json');
  if (existsSync(installed)) return;
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  const result = spawnSync('npm', ['ci', ...quiet], { cwd: TOOL, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`npm ci in scripts/api-reference failed\n${result.stderr}`);
}

/** @returns the warnings of typedoc */
function generate(settings, folder, json) {
  const typedoc = join(TOOL, 'node_modules/typedoc/bin/typedoc');
  const outputs = ['--out', folder, '--json', json];
  const result = spawnSync(process.execPath, [typedoc, '--options', join(TOOL, settings), ...outputs], {
    cwd: TOOL,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '' },
  });
  const lines = `${result.stdout}${result.stderr}`
    .split('\n')
    .filter((line) => /^\[(warning|error)\]/.test(line));
  if (result.status !== 0 && lines.length === 0) lines.push(`typedoc failed: ${result.stderr}`);
  return lines.filter((line) => !/^\[warning\] Found \d+ errors and \d+ warnings/.test(line));
}

function missingExamples(json) {
  if (!existsSync(json)) return [];
  const { children } = JSON.parse(readFileSync(json, 'utf8'));
  const text = exampleTexts().join('\n');
  return children
    .filter(({ kind }) => Object.values(KINDS).includes(kind))
    .filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(text))
    .map(({ name }) => `[error] ${name} occurs in no example`);
}

function exampleTexts() {
  const examples = filesIn('examples', '.ts');
  const documents = ['README.md', ...filesIn('docs', '.md').filter((file) => !file.startsWith('docs/api/'))];
  const blocks = [...documents, ...filesIn('lib', '.ts')].flatMap((file) => [
    ...readFileSync(join(ROOT, file), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g),
  ]);
  return [
    ...examples.map((file) => readFileSync(join(ROOT, file), 'utf8')),
    ...blocks.map(([, code]) => code),
  ];
}

function filesIn(folder, ending) {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

function differences(checkedIn, made) {
  const list = (folder) =>
    existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  const files = (folder) => list(folder).filter((name) => name.endsWith('.md'));
  const changed = [...new Set([...files(checkedIn), ...files(made)])].filter(
    (name) => textOf(join(checkedIn, name)) !== textOf(join(made, name)),
  );
  return changed.map((name) => `[error] docs/api/${name} is out of date: node scripts/api-reference.mjs`);
}

function textOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
