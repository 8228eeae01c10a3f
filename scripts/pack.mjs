/**
 * `npm pack` and `npm publish` run this first (prepack). It compiles lib into dist again, bundles it, and builds the addon
 * for every architecture into prebuilds/linux-ARCH/perfring.node, so that an installation compiles nothing. "files" in package.json lists what is packed. Needs an x64 machine with cmake, g++ and
 * g++-aarch64-linux-gnu.
 *
 * It writes only to stderr, because `npm pack` prints the tarball's name to stdout.
 */

import { copyFileSync, cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildAddon } from './build-addon.mjs';
import { setup } from './setup.mjs';
import { FOR_PACKING, missingPrograms, ROOT } from './shared/programs.mjs';
import { run, runScript, ScriptError } from './shared/script.mjs';

/** Architecture -> the prefix of its binutils, and the variant of the build. */
const ARCHITECTURES = {
  x64: { variant: 'release', binutils: '' },
  arm64: { variant: 'arm64', binutils: 'aarch64-linux-gnu-' },
};

/** The glibc that the oldest supported Node needs. The addon must not need a newer one. */
const OLDEST_GLIBC = '2.28';

/**
 * Compiles into another directory and then moves it: dist must have no old files, and must be complete while others use
 * it.
 */
function compileTypeScript() {
  const dist = join(ROOT, 'dist');
  // Beside dist: the command looks for package.json two directories up.
  const [fresh, former] = ['dist-new', 'dist-old'].map((name) => join(ROOT, name));
  for (const directory of [fresh, former]) rmSync(directory, { recursive: true, force: true });
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', fresh]);
  run(process.execPath, ['scripts/bundle.mjs', fresh]);
  renameSync(dist, former);
  renameSync(fresh, dist);
  rmSync(former, { recursive: true });
}

function prebuild(architecture) {
  const { variant, binutils } = ARCHITECTURES[architecture];
  const directory = join(ROOT, 'prebuilds', `linux-${architecture}`);
  const binary = join(directory, 'perfring.node');
  mkdirSync(directory, { recursive: true });
  copyFileSync(buildAddon({ variant, tool: 'cmake' }), binary);
  run(`${binutils}strip`, ['--strip-unneeded', binary]);

  const floor = glibcFloor(run(`${binutils}objdump`, ['-T', binary]));
  if (newer(floor, OLDEST_GLIBC)) {
    throw new ScriptError(
      `${binary} needs glibc ${floor}, newer than ${OLDEST_GLIBC}: see native/system/glibc_floor.cc`,
    );
  }
  const libraries = neededLibraries(run(`${binutils}objdump`, ['-p', binary]));
  const foreign = libraries.filter((name) => !/^(libc\.so\.6|ld-linux-.*)$/.test(name));
  if (foreign.length > 0)
    throw new ScriptError(`${binary} needs ${foreign.join(', ')}: it may need only libraries of glibc`);
  say(`linux-${architecture}: needs glibc ${floor} or newer, and no other library`);
}

/**
 * Copies the headers of Node-API and their licences into the package. Only a build of the addon from the installed
 * package needs them, so they are not dependencies.
 */
function copyHeaders() {
  const include = join(ROOT, 'prebuilds', 'include');
  rmSync(include, { recursive: true, force: true });
  const copied = {
    'node-addon-api': ['napi.h', 'napi-inl.h', 'napi-inl.deprecated.h', 'LICENSE.md'],
    'node-api-headers': ['include', 'LICENSE'],
  };
  for (const [name, files] of Object.entries(copied)) {
    for (const file of files) {
      cpSync(join(ROOT, 'node_modules', name, file), join(include, name, file), { recursive: true });
    }
  }
}

/** The newest version of glibc that the binary's symbols need: `… (GLIBC_2.17) read`. */
function glibcFloor(symbols) {
  const versions = [...symbols.matchAll(/\bGLIBC_(\d+(?:\.\d+)+)/g)].map(([, version]) => version);
  if (versions.length === 0) throw new ScriptError('objdump shows no symbol of glibc', symbols);
  return versions.reduce((one, other) => (newer(other, one) ? other : one));
}

function neededLibraries(headers) {
  return [...headers.matchAll(/^\s*NEEDED\s+(\S+)$/gm)].map(([, name]) => name);
}

function newer(one, other) {
  return one.localeCompare(other, 'en', { numeric: true }) > 0;
}

function say(line) {
  process.stderr.write(`pack: ${line}\n`);
}

await runScript('pack', () => {
  if (process.arch !== 'x64')
    throw new ScriptError('packing needs an x64 machine: the other binaries are cross-compiled');
  const missing = missingPrograms(FOR_PACKING);
  if (missing !== undefined) throw new ScriptError(missing);
  setup();
  compileTypeScript();
  copyHeaders();
  for (const architecture of Object.keys(ARCHITECTURES)) prebuild(architecture);
});
