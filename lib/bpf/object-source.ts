import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Btf } from '../btf/btf';
import { checkEveryType } from '../btf/check-types';
import { elfSections } from '../btf/elf-sections';
import { PerfRingError } from '../errors';
import { failedCall } from '../host/failed-call';
import { named, shown } from '../input/shown';
import { isUint8Array, ownCopy } from '../input/view-span';

/** The default name of an object. */
export function nameOf(source: unknown): string {
  return typeof source === 'string' ? basename(source) : 'object';
}

/**
 * An object's name as the prefix of map names in the kernel; libbpf appends the section: `exec.rodata`. Dots are
 * replaced, because what follows a dot would look like a section.
 */
export function kernelName(name: string): string {
  return name.replace(/(\.bpf)?\.o$/, '').replaceAll('.', '_');
}

/**
 * The bytes of an object, checked.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT; ERR_PERF_OBJECT_DAMAGED and ERR_PERF_BTF_DAMAGED for damage that
 *   could crash libbpf; PerfSystemError for a file that cannot be read
 */
export function bytesOf(source: string | Uint8Array): Uint8Array {
  const bytes = copyOf(source);
  checkObject(bytes);
  return bytes;
}

/**
 * libbpf 1.1 checks the places of sections and symbols, but not the numbers of types and the offsets of names in BTF;
 * from 1.3 on it checks those too.
 */
function checkObject(bytes: Uint8Array): void {
  const types = elfSections(bytes).filter(({ name }) => name === '.BTF');
  for (const section of types) checkEveryType(Btf.parse(section.bytes));
}

function copyOf(source: string | Uint8Array): Uint8Array {
  if (typeof source === 'string') return readObject(source);
  if (!isUint8Array(source)) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      `source must be the path of an object, or a Uint8Array of its bytes, got ${shown(source)}`,
    );
  }
  return ownCopy(source);
}

function readObject(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { errno, code } = error as { errno?: unknown; code?: unknown };
    if (typeof errno !== 'number') {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `no path of a file: ${named(path)} (${String(code)})`,
      );
    }
    throw failedCall(errno, 'open', `reading the BPF object ${named(path)}`, {
      advice: { ENOENT: 'there is none', EISDIR: 'it is a directory' },
    });
  }
}
