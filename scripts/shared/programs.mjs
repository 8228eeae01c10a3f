/**
 * The project's folder, and the programs that its scripts call: whether they are installed, and which of Debian's
 * packages has them. No script names a package by itself. Packed with build-addon.mjs, so it imports nothing else.
 */

import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Program -> Debian package. One that is not here has a package of its own name. */
const PACKAGES = {
  'c++': 'g++',
  'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu',
  'aarch64-linux-gnu-strip': 'binutils-aarch64-linux-gnu',
  'aarch64-linux-gnu-objdump': 'binutils-aarch64-linux-gnu',
  strip: 'binutils',
  objdump: 'binutils',
  perf: 'linux-perf',
  setarch: 'util-linux',
  setpriv: 'util-linux',
  busybox: 'busybox-static',
  '/usr/include/bpf/bpf_helpers.h': 'libbpf-dev',
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-system-aarch64': 'qemu-system-arm',
};

/** What the addon is built with, by cmake or by node-gyp. */
export const FOR_BUILDING = ['cmake', 'g++', 'make', 'python3'];

/** What the BPF objects of the tests are compiled with. The headers bring the library, libbpf.so.1. */
export const FOR_OBJECTS = ['clang', '/usr/include/bpf/bpf_helpers.h'];

/** What `npm test` needs so that nothing is skipped, packing included. README.md has the same line. */
export const FOR_TESTS = [...FOR_BUILDING, 'aarch64-linux-gnu-g++', 'perf', 'bpftool', ...FOR_OBJECTS];

/** What scripts/pack.mjs builds both binaries of the package with. */
export const FOR_PACKING = [
  'cmake',
  'c++',
  'strip',
  'objdump',
  'aarch64-linux-gnu-g++',
  'aarch64-linux-gnu-strip',
  'aarch64-linux-gnu-objdump',
];

/** What scripts/test-kernels.mjs boots its machines with. */
export const FOR_KERNELS = ['qemu-system-x86_64', 'qemu-system-aarch64', 'busybox', 'cpio'];

/** @param name of a program, or the path of a file */
export function isProgram(name) {
  if (name.startsWith('/')) return existsSync(name);
  return (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)));
}

/** @returns the Debian packages that hold these programs, each once */
export function packagesOf(programs) {
  return [...new Set(programs.map((name) => PACKAGES[name] ?? name))];
}

/**
 * What to say of these programs if any is not installed: `cmake and g++ are not installed: apt-get install cmake g++`.
 * @returns {string | undefined} undefined when all are installed
 */
export function missingPrograms(programs) {
  const missing = programs.filter((name) => !isProgram(name));
  if (missing.length === 0) return undefined;
  const verb = missing.length === 1 ? 'is' : 'are';
  return `${missing.join(' and ')} ${verb} not installed: apt-get install ${packagesOf(missing).join(' ')}`;
}
