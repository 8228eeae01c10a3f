/**
 * Builds the addon: `node scripts/build-addon.mjs [--cmake | --gyp | --asan | --arm64]`.
 *
 * Nothing is downloaded. With cmake, by cmake-js where that is installed (a checkout has it, an installed package does
 * not) and else by cmake itself; without, by npm's own node-gyp and the headers of an installed Node. The result is
 * build/Release/perfring.node, or build-asan/… and build-arm64/….
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);

/** What a build is called by the flags, where it goes, and what CMake is told for it. */
const VARIANTS = {
  release: { directory: 'build', defines: {} },
  asan: { directory: 'build-asan', defines: { PERFRING_SANITIZE: 'ON' } },
  arm64: {
    directory: 'build-arm64',
    defines: {
      CMAKE_SYSTEM_NAME: 'Linux',
      CMAKE_SYSTEM_PROCESSOR: 'aarch64',
      CMAKE_CXX_COMPILER: 'aarch64-linux-gnu-g++',
    },
  },
};

/** A build that can't be or did not succeed: one line for whoever asked, and the tool's own output. */
export class BuildError extends Error {
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

/**
 * @param {{ variant?: keyof VARIANTS, tool?: 'cmake' | 'gyp' }} [options] the tool is chosen when not given
 * @returns {string} the path of the binary
 * @throws BuildError
 */
export function buildAddon({ variant = 'release', tool } = {}) {
  const { directory, defines } = VARIANTS[variant];
  const chosen = tool ?? (variant !== 'release' || isProgram('cmake') ? 'cmake' : 'gyp');
  if (chosen === 'cmake') buildWithCmake(directory, defines);
  else buildWithGyp();
  const binary = join(ROOT, directory, 'Release', 'perfring.node');
  if (!existsSync(binary)) throw new BuildError(`the build succeeded and left no ${binary}`);
  return binary;
}

function buildWithCmake(directory, defines) {
  if (!isProgram('cmake')) throw new BuildError('cmake is not installed: apt-get install cmake');
  const build = () => {
    const cmakeJs = findCmakeJs();
    return cmakeJs === undefined ? runCmake(directory, defines) : runCmakeJs(cmakeJs, directory, defines);
  };
  let result = build();
  // A directory that another generator, or a checkout elsewhere, has configured.
  if (result.failed && /Does not match the generator|is different than the directory/.test(result.output)) {
    rmSync(join(ROOT, directory), { recursive: true, force: true });
    result = build();
  }
  if (result.failed) {
    throw new BuildError(
      'cannot build the addon with cmake: it needs a C++20 compiler (apt-get install g++)',
      result.output,
    );
  }
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
  return run(process.execPath, [cmakeJs, 'compile', '-l', 'error', '-O', join(ROOT, directory), ...options]);
}

function runCmake(directory, defines) {
  const all = {
    CMAKE_BUILD_TYPE: 'Release',
    CMAKE_LIBRARY_OUTPUT_DIRECTORY: join(ROOT, directory, 'Release'),
    ...defines,
  };
  const options = Object.entries(all).map(([name, value]) => `-D${name}=${value}`);
  const configured = run('cmake', ['-S', ROOT, '-B', join(ROOT, directory), ...options]);
  return configured.failed ? configured : run('cmake', ['--build', join(ROOT, directory), '--parallel']);
}

function buildWithGyp() {
  const nodeGyp = findNodeGyp();
  const headers = findNodeHeaders();
  const missing = [
    ...(isProgram('python3') ? [] : ['python3']),
    ...(isProgram('make') ? [] : ['make']),
    ...(isProgram('g++') || isProgram('c++') ? [] : ['g++']),
    ...(nodeGyp === undefined ? ["npm's node-gyp"] : []),
    ...(headers === undefined ? [`the headers of Node ${nodeMajor()}`] : []),
  ];
  if (missing.length > 0) {
    throw new BuildError(
      `cannot build the addon without cmake, nor with node-gyp for want of ${missing.join(', ')}: apt-get install cmake g++`,
    );
  }
  const result = run(process.execPath, [nodeGyp, 'rebuild', '--loglevel=error', `--nodedir=${headers}`]);
  if (result.failed)
    throw new BuildError('cannot build the addon with node-gyp: it needs a C++20 compiler', result.output);
}

/** npm runs its scripts with the path of its own node-gyp; outside of them it is beside npm. */
function findNodeGyp() {
  const prefix = join(dirname(process.execPath), '..');
  return [
    process.env.npm_config_node_gyp,
    join(prefix, 'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js'),
    join(prefix, 'share/nodejs/node-gyp/bin/node-gyp.js'),
  ].find((path) => path && existsSync(path));
}

/** A prefix with include/node of this Node's major version: node-gyp looks for none by itself, and would download. */
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

function isProgram(name) {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)));
}

function run(command, args) {
  // CMakeLists.txt and binding.gyp ask `node`: it is to be this one.
  const PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
  const result = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', env: { ...process.env, PATH } });
  const output = result.error === undefined ? `${result.stdout}${result.stderr}` : String(result.error);
  return { failed: result.status !== 0, output };
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
    throw new BuildError(`usage: build-addon.mjs [${Object.keys(flags).join(' | ')}]`);
  }
  console.log(buildAddon(flags[flag] ?? {}));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`${error.output}${error.output && '\n'}build-addon: ${error.message}\n`);
    process.exitCode = 1;
  }
}
