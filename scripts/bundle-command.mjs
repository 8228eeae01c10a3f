/**
 * Bundles the command, as tsc has compiled it, into one file: dist/cli/main.js and everything it loads into
 * dist/bin/perfring.js, the package's `bin`, which is loaded in half the time (docs/decisions.md). Beside it go the
 * licences of the packages that are in it.
 *
 * `node scripts/bundle-command.mjs [DIST]`, after tsc; DIST is where that wrote, dist when not given.
 *
 * Nothing is minified: `--debug` shows stacks, and lib/ring/specialise.ts copies loops by their source.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from './shared/programs.mjs';
import { runScript, ScriptError } from './shared/script.mjs';

/** As deep as dist/addon and dist/cli, whose sources look for the package two directories up. */
const BUNDLE = 'bin/perfring.js';
const LICENSES = 'bin/LICENSES.txt';

/** @param dist the directory that tsc has written to */
async function bundleCommand(dist) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [join(dist, 'cli/main.js')],
    outfile: join(dist, BUNDLE),
    bundle: true,
    platform: 'node',
    target: 'node20',
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  const [{ inputs }] = Object.values(metafile.outputs);
  mkdirSync(dirname(join(dist, BUNDLE)), { recursive: true });
  writeFileSync(join(dist, BUNDLE), asciiOf(labelled(outputFiles[0].text, dist)), { mode: 0o755 });
  writeFileSync(join(dist, LICENSES), licensesOf(packagesIn(Object.keys(inputs))));
}

/** The same wherever it was compiled: each part is labelled with its path. */
function labelled(code, dist) {
  return code.replaceAll(`${relative(ROOT, dist)}/`, 'dist/');
}

/** esbuild leaves other characters in comments alone, and one of them makes V8 hold the whole file in two bytes a character. */
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
    if (file === undefined) throw new ScriptError(`${name} brings no licence, and so can't be bundled`);
    return `${name} ${version}\n\n${readFileSync(join(ROOT, directory, file), 'utf8').trim()}\n`;
  });
  return `perfring.js holds these packages, each under its licence.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

await runScript('bundle-command', ([dist = 'dist']) => bundleCommand(resolve(ROOT, dist)));
