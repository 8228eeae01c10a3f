/**
 * Bundles the package into files that load fast (docs/decisions.md):
 * - dist/bundle/perfring.js, the library: lib/index.ts and everything it loads. It has a source map.
 * - dist/bundle/perf-data.js, `perfring/perf-data`: lib/perf-data/index.ts, likewise. It takes the error classes from
 *   perfring.js, so that a process has them once.
 * - dist/bundle/testing.js, `perfring/testing`: lib/testing/index.ts. It takes everything else from perfring.js.
 * - dist/bundle/register.js, `perfring/register`, and the hooks that it loads into a thread of their own.
 * - dist/bin/perfring.js, the command: dist/cli/main.js and everything it loads. The licences of the bundled packages
 *   are written next to it, and the manual page to dist/man/perfring.1.
 *
 * `node scripts/bundle.mjs [DIST]`, after tsc; DIST is the output directory of tsc, by default dist.
 *
 * Nothing is minified: stacks stay readable, and lib/ring/specialise.ts copies loops by their source.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from './shared/programs.mjs';
import { run, runScript, ScriptError } from './shared/script.mjs';

/** Both are at the same depth as dist/addon and dist/cli, because their code looks for the package two directories up. */
const LIBRARY = 'bundle/perfring.js';
const PERF_DATA = 'bundle/perf-data.js';
const TESTING = 'bundle/testing.js';
const REGISTER = 'bundle/register.js';
const REGISTER_HOOKS = 'bundle/register-hooks.js';
const COMMAND = 'bin/perfring.js';
const LICENSES = 'bin/LICENSES.txt';
const MAN_PAGE = 'man/perfring.1';

const SETTINGS = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  write: false,
  logLevel: 'warning',
};

/**
 * The library is bundled from its sources: all modules become one scope, which V8 reads once. Modules that tsc compiled
 * would stay functions, and V8 reads the inner functions of a function again when it is called.
 */
async function bundleLibrary(dist, entry, bundle, plugins = []) {
  const { outputFiles } = await build({
    ...SETTINGS,
    entryPoints: [entry],
    plugins,
    // Not DIST: the map names the sources relative to it.
    outfile: join('dist', bundle),
    // The dependencies are installed with the package.
    packages: 'external',
    // The map names files and lines; the sources themselves are not in the package.
    sourcemap: 'linked',
    sourcesContent: false,
  });
  for (const { path, text } of outputFiles) {
    const file = join(dist, dirname(bundle), basename(path));
    write(file, path.endsWith('.map') ? text : asciiOf(named(text)));
  }
}

/** Loads the error classes from the library. */
const SHARED_ERRORS = {
  name: 'shared-errors',
  setup(build) {
    build.onResolve({ filter: /^\.\.\/errors$/ }, () => ({ path: './perfring.js', external: true }));
  },
};

/** Loads everything that the library exports from it. */
const SHARED_LIBRARY = {
  name: 'shared-library',
  setup(build) {
    build.onResolve({ filter: /^\.\.\/index$/ }, () => ({ path: './perfring.js', external: true }));
  },
};

async function bundleCommand(dist) {
  const { outputFiles, metafile } = await build({
    ...SETTINGS,
    entryPoints: [join(dist, 'cli/main.js')],
    outfile: join(dist, COMMAND),
    metafile: true,
  });
  const [{ inputs }] = Object.values(metafile.outputs);
  write(join(dist, COMMAND), asciiOf(named(labelled(outputFiles[0].text, dist))), 0o755);
  write(join(dist, LICENSES), licensesOf(packagesIn(Object.keys(inputs))));
}

function write(path, text, mode = 0o644) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
}

/** Makes the paths in the bundle's comments relative, so that the bundle does not depend on where it was built. */
function labelled(code, dist) {
  return code.replaceAll(`${relative(ROOT, dist)}/`, 'dist/');
}

/**
 * Gives classes their names back: esbuild calls a class that mentions itself `_Name`, and stacks and inspect() would show
 * that. A space takes the place of the underscore, so that the columns in the source map stay right.
 */
function named(code) {
  const names = [...code.matchAll(/^ *var (\w+) = class _\1\b/gm)].map(([, name]) => name);
  return code.replace(new RegExp(`(?<![\\w.$])_(?=(?:${names.join('|')})\\b)`, 'g'), ' ');
}

/**
 * Removes non-ASCII characters in comments. One of them would make V8 store the whole file with two bytes a character.
 */
function asciiOf(code) {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Directories of the packages that these files belong to. */
function packagesIn(files) {
  const directories = files.map((file) => /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  return [...new Set(directories.filter((directory) => directory !== undefined))].sort();
}

function licensesOf(directories) {
  const texts = directories.map((directory) => {
    const { name, version } = JSON.parse(readFileSync(join(ROOT, directory, 'package.json'), 'utf8'));
    const file = readdirSync(join(ROOT, directory)).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new ScriptError(`${name} can't be bundled: it contains no licence file`);
    return `${name} ${version}\n\n${readFileSync(join(ROOT, directory, file), 'utf8').trim()}\n`;
  });
  return `perfring.js holds these packages, each under its licence.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** The manual page comes from the command itself, so it says what --help says. */
function writeManPage(dist) {
  write(
    join(dist, MAN_PAGE),
    run(process.execPath, [join(dist, COMMAND), 'man-page'], 'the manual page cannot be made'),
  );
}

await runScript('bundle', async ([given = 'dist']) => {
  const dist = resolve(ROOT, given);
  await bundleLibrary(dist, 'lib/index.ts', LIBRARY);
  await bundleLibrary(dist, 'lib/perf-data/index.ts', PERF_DATA, [SHARED_ERRORS]);
  await bundleLibrary(dist, 'lib/testing/index.ts', TESTING, [SHARED_LIBRARY]);
  await bundleLibrary(dist, 'lib/register/register.ts', REGISTER, [SHARED_LIBRARY]);
  await bundleLibrary(dist, 'lib/register/register-hooks.ts', REGISTER_HOOKS);
  await bundleCommand(dist);
  writeManPage(dist);
});
