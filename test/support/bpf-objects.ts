import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SOURCES = join(__dirname, 'bpf');

/**
 * Compiles a program of test/support/bpf by clang.
 * @param name of the source, without `.bpf.c`
 * @param target `bpfeb` for the other byte order
 * @returns the bytes of the object file
 */
export function compiledObject(name: string, target: 'bpf' | 'bpfeb' = 'bpf'): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'perfring-bpf-'));
  try {
    const object = join(directory, `${name}.bpf.o`);
    const args = ['-g', '-O2', '-Wall', '-Werror', '-target', target, '-c', join(SOURCES, `${name}.bpf.c`)];
    execFileSync('clang', [...args, '-o', object], { stdio: 'pipe' });
    return readFileSync(object);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
