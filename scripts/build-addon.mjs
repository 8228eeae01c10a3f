/**
 * Builds the addon: `node scripts/build-addon.mjs [--cmake | --gyp | --asan | --arm64]`.
 *
 * Nothing is downloaded. If cmake is installed, cmake-js runs it (in a checkout) or this script does (in an installed
 * package, which has no cmake-js). Otherwise npm's node-gyp builds the addon with the headers of the installed Node.
 * The result is build/Release/perfring.node, or build-asan/… and build-arm64/….
 */

import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { isProgram, missingPrograms, ROOT } from './shared/programs.mjs';
import { attempt, isMain, runScript, ScriptError } from './shared/script.mjs';

const require = createRequire(import.meta.url);

/** Variant of the build -> its directory, its compiler, and its arguments for CMake. */
const VARIANTS = {
  release: { directory: 'build', compiler: 'c++', defines: {} },
  asan: { directory: 'build-asan', compiler: 'c++', defines: { PERFRING_SANITIZE: 'ON' } },
  arm64: {
    directory: 'build-arm64',
    compiler: 'aarch64-linux-gnu-g++',
    defines: {
      CMAKE_SYSTEM_NAME: 'Linux',
      CMAKE_SYSTEM_PROCESSOR: 'aarch64',
      CMAKE_CXX_COMPILER: 'aarch64-linux-gnu-g++',
    },
  },
};

/**
 * @param {{ variant?: keyof VARIANTS, tool?: 'cmake' | 'gyp' }} [options] by default the tool that is installed is used
 * @returns {string} the path of the binary
 * @throws ScriptError
 */
export function buildAddon({ variant = 'release', tool } = {}) {
  const chosen = tool ?? (variant !== 'release' || isProgram('cmake') || !hasGypFile() ? 'cmake' : 'gyp');
  if (chosen === 'cmake') buildWithCmake(VARIANTS[variant]);
  else buildWithGyp();
  const binary = join(ROOT, VARIANTS[variant].directory, 'Release', 'perfring.node');
  if (!existsSync(binary)) throw new ScriptError(`the build succeeded but did not create ${binary}`);
  return binary;
}

function buildWithCmake({ directory, defines, compiler }) {
  const missing = missingPrograms(['cmake', compiler]);
  if (missing !== undefined) throw new ScriptError(`cannot build the addon: ${missing}`);
  forgetOtherSources(directory);
  const build = () => {
    const cmakeJs = findCmakeJs();
    return cmakeJs === undefined ? runCmake(directory, defines) : runCmakeJs(cmakeJs, directory, defines);
  };
  let result = build();
  // node-gyp, or cmake with another generator, may have built in this directory before.
  if (result.failed && result.output.includes('Does not match the generator')) {
    rmSync(join(ROOT, directory), { recursive: true, force: true });
    result = build();
  }
  if (result.failed) {
    throw new ScriptError(
      `cannot build the addon with cmake and ${compiler}, which must know C++20`,
      result.output,
    );
  }
}

/**
 * Removes a build directory that cmake has configured for another checkout. After a checkout was copied or moved, cmake
 * would still compile the sources of the first one.
 */
function forgetOtherSources(directory) {
  const cache = join(ROOT, directory, 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const [, sources] = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8')) ?? [];
  if (sources !== undefined && existsSync(sources) && realpathSync(sources) === realpathSync(ROOT)) return;
  rmSync(join(ROOT, directory), { recursive: true });
}

function findCmakeJs() {
  try {
    return join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  } catch {
    return undefined;
  }
}

function runCmakeJs(cmakeJs, directory, defines) {
  const options = Object.entries(defines).map(([name, value]) => `--CD${name}=${value}`);
  return runWithThisNode(process.execPath, [
    cmakeJs,
    'compile',
    '-l',
    'error',
    '-O',
    join(ROOT, directory),
    ...options,
  ]);
}

function runCmake(directory, defines) {
  const all = {
    CMAKE_BUILD_TYPE: 'Release',
    CMAKE_LIBRARY_OUTPUT_DIRECTORY: join(ROOT, directory, 'Release'),
    ...defines,
  };
  const options = Object.entries(all).map(([name, value]) => `-D${name}=${value}`);
  const configured = runWithThisNode('cmake', ['-S', ROOT, '-B', join(ROOT, directory), ...options]);
  return configured.failed
    ? configured
    : runWithThisNode('cmake', ['--build', join(ROOT, directory), '--parallel']);
}

function buildWithGyp() {
  const nodeGyp = findNodeGyp();
  const headers = findNodeHeaders();
  const missing = [
    ...['python3', 'make', 'g++'].filter((name) => !isProgram(name)),
    ...(nodeGyp === undefined ? ["npm's node-gyp"] : []),
    ...(headers === undefined ? [`the headers of Node ${nodeMajor()}`] : []),
  ];
  if (missing.length > 0) {
    throw new ScriptError(
      `cannot build the addon without cmake, and node-gyp lacks ${missing.join(', ')}: apt-get install cmake g++`,
    );
  }
  // `rebuild` removes the build directory first, so nothing of another checkout is left in it.
  const result = runWithThisNode(process.execPath, [
    nodeGyp,
    'rebuild',
    '--loglevel=error',
    `--nodedir=${headers}`,
  ]);
  if (result.failed)
    throw new ScriptError(
      'cannot build the addon with node-gyp and g++, which must know C++20',
      result.output,
    );
}

/** binding.gyp is not in the package under this name: with it, npm would build the addon during the installation. */
function hasGypFile() {
  return existsSync(join(ROOT, 'binding.gyp'));
}

/**
 * The path of npm's node-gyp. In scripts that npm runs it is in an environment variable; otherwise it is next to npm.
 */
function findNodeGyp() {
  const prefix = join(dirname(process.execPath), '..');
  return [
    process.env.npm_config_node_gyp,
    join(prefix, 'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js'),
    join(prefix, 'share/nodejs/node-gyp/bin/node-gyp.js'),
  ].find((path) => path && existsSync(path));
}

/** A directory with include/node of this Node's major version. Without it node-gyp would download the headers. */
function findNodeHeaders() {
  const version = new RegExp(`^#define NODE_MAJOR_VERSION ${nodeMajor()}$`, 'm');
  return [process.env.npm_config_nodedir, join(dirname(process.execPath), '..'), '/usr', '/usr/local'].find(
    (prefix) => {
      const header = join(prefix ?? '', 'include/node/node_version.h');
      return prefix && existsSync(header) && version.test(readFileSync(header, 'utf8'));
    },
  );
}

function nodeMajor() {
  return process.versions.node.split('.')[0];
}

/** CMakeLists.txt and binding.gyp call `node`. This makes it the running Node. */
function runWithThisNode(command, args) {
  const PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
  return attempt(command, args, { env: { ...process.env, PATH } });
}

function main(args) {
  const flags = {
    '--cmake': { tool: 'cmake' },
    '--gyp': { tool: 'gyp' },
    '--asan': { variant: 'asan' },
    '--arm64': { variant: 'arm64' },
  };
  const [flag, ...rest] = args;
  if (rest.length > 0 || (flag !== undefined && !(flag in flags))) {
    throw new ScriptError(`usage: build-addon.mjs [${Object.keys(flags).join(' | ')}]`);
  }
  console.log(buildAddon(flags[flag] ?? {}));
}

if (isMain(import.meta.url)) await runScript('build-addon', main);
