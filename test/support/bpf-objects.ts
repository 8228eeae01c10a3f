import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';

const SOURCES = join(__dirname, 'bpf');

/** The machine in the macros of kernel headers, and the folder where Debian has its headers. */
const MACHINE =
  arch() === 'arm64' ? { target: 'arm64', folder: 'aarch64' } : { target: 'x86', folder: 'x86_64' };
const FLAGS = ['-g', '-O2', '-Wall', '-Werror', `-D__TARGET_ARCH_${MACHINE.target}`];
const HEADERS = `-I/usr/include/${MACHINE.folder}-linux-gnu`;

/**
 * Compiles a program of test/support/bpf by clang.
 * @param name of the source, without `.bpf.c`
 * @param target `bpfeb` for the other byte order
 * @returns the bytes of the object file
 */
export function compiledObject(name: string, target: 'bpf' | 'bpfeb' = 'bpf'): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'perfring-bpf-'));
  try {
    return readFileSync(compile(name, target, directory));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

let directory: string | undefined;
const paths = new Map<string, string>();

/**
 * As {@link compiledObject}, once for each name.
 * @param sources the folder of the source
 * @returns the path of the file, which exists until the process ends
 */
export function objectPath(name: string, sources = SOURCES): string {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'perfring-bpf-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    directory = made;
  }
  const path = paths.get(name) ?? compile(name, 'bpf', directory, sources);
  paths.set(name, path);
  return path;
}

function compile(name: string, target: string, folder: string, sources = SOURCES): string {
  const object = join(folder, `${name}.bpf.o`);
  const source = join(sources, `${name}.bpf.c`);
  execFileSync('clang', [...FLAGS, HEADERS, '-target', target, '-c', source, '-o', object], {
    stdio: 'pipe',
  });
  return object;
}
