/**
 * Prepares a fresh clone: installs the dependencies, builds the addon and compiles the TypeScript. Steps that are up to
 * date are skipped. It imports no dependency, because it runs before they are installed.
 *
 * `node scripts/setup.mjs`, or setup() from another script. It writes one line to stderr for each step that it runs.
 * Only samples go to the stdout of `npm start`.
 */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildAddon } from './build-addon.mjs';
import { ROOT } from './shared/programs.mjs';
import { attempt, isMain, run, ScriptError } from './shared/script.mjs';

const STAMPS = join(ROOT, '.setup');

/** @throws ScriptError */
export function setup() {
  installDependencies();
  step('addon', 'building the addon', addonInputs(), join(ROOT, 'build/Release/perfring.node'), () => {
    buildAddon();
  });
  const bundle = join(ROOT, 'dist/bin/perfring.js');
  step('typescript', 'compiling the TypeScript', typescriptInputs(), bundle, () => {
    // Without this, files that were renamed in lib would stay in dist under their old names.
    rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], 'the TypeScript does not compile');
    run(process.execPath, ['scripts/bundle.mjs'], 'the package cannot be bundled');
  });
}

/** setup() for scripts: after a failure it writes the message to stderr and ends the process with exit code 1. */
export function setupOrExit() {
  try {
    setup();
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    process.stderr.write(`${error.output}${error.output && '\n'}setup: ${error.message}\n`);
    process.exit(1);
  }
}

function installDependencies() {
  if (dependenciesAreInstalled()) return;
  say('installing the dependencies (npm ci)');
  // Includes the development dependencies even if NODE_ENV or npm's settings exclude them.
  const quiet = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const clean = attempt('npm', ['ci', ...quiet]);
  if (!clean.failed) return;
  // npm ci fails when the lock file does not list the optional packages of every platform, which happens when the
  // registry lacks some of them. npm install uses the same versions and accepts such a lock file.
  if (!clean.output.includes('EUSAGE')) throw new ScriptError('npm ci failed', clean.output);
  run('npm', ['install', '--no-save', ...quiet], 'npm install failed');
}

/**
 * Whether node_modules contains the packages of package-lock.json. npm writes the list of installed packages to a file
 * there. Optional packages for other machines may be missing.
 */
function dependenciesAreInstalled() {
  const installedLock = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { integrity, optional, version }]) => {
    const found = installed[path];
    if (path === '' || (found === undefined && optional)) return true;
    return found !== undefined && found.version === version && found.integrity === integrity;
  });
}

/** Builds the addon. It uses Node-API, so one binary works in every version of Node. The headers are a dependency. */
function addonInputs() {
  return [
    ...filesUnder('native'),
    'CMakeLists.txt',
    'binding.gyp',
    'scripts/build-addon.mjs',
    'scripts/shared/programs.mjs',
    'scripts/shared/script.mjs',
    'package-lock.json',
  ];
}

function typescriptInputs() {
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  return [...filesUnder('lib'), ...settings, 'scripts/bundle.mjs'];
}

/**
 * Runs a step when its inputs have changed since it was last run, or its output is missing. `npm run build:ts` removes
 * the stamp, because the sources it compiled may be changed back before the next set-up.
 */
function step(name, description, inputs, output, action) {
  const stamp = join(STAMPS, name);
  const hash = hashOf(inputs);
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  say(description);
  action();
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(stamp, hash);
}

function hashOf(files) {
  const hash = createHash('sha256').update(`${process.versions.node.split('.')[0]} ${process.arch}\0`);
  for (const file of files) {
    const content = readFileSync(join(ROOT, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

function filesUnder(directory) {
  return readdirSync(join(ROOT, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(ROOT.length + 1))
    .sort();
}

function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

if (isMain(import.meta.url)) setupOrExit();
