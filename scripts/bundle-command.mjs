/**
 * Bundles the compiled command, dist/cli/main.js and everything it loads, into one file: dist/bin/perfring.js, the
 * package's `bin`. One file loads in half the time (docs/decisions.md). The licences of the bundled packages are
 * written next to it.
 *
 * `node scripts/bundle-command.mjs [DIST]`, after tsc; DIST is the output directory of tsc, by default dist.
 *
 * Nothing is minified: `--debug` shows stacks, and lib/ring/specialise.ts copies loops by their source.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from './shared/programs.mjs';
import { runScript, ScriptError } from './shared/script.mjs';

/** At the same depth as dist/addon and dist/cli, because their code looks for the package two directories up. */
const BUNDLE = 'bin/perfring.js';
const LICENSES = 'bin/LICENSES.txt';

/** @param dist the output directory of tsc */
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

/** Makes the paths in the bundle's comments relative, so that the bundle does not depend on where it was built. */
function labelled(code, dist) {
  return code.replaceAll(`${relative(ROOT, dist)}/`, 'dist/');
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

await runScript('bundle-command', ([dist = 'dist']) => bundleCommand(resolve(ROOT, dist)));
