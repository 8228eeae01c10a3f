import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { PerfRingError } from '../errors';
import { failedCall } from '../host/failed-call';
import { named, shown } from '../input/shown';
import { isUint8Array, spanOfArray } from '../input/view-span';

/** What an object is called that is given no name. */
export function nameOf(source: unknown): string {
  return typeof source === 'string' ? basename(source) : 'object';
}

/** As the prefix of the kernel's names: libbpf puts a map's section after it: `exec.rodata`. A dot in the name would look like a section. */
export function kernelName(name: string): string {
  return name.replace(/(\.bpf)?\.o$/, '').replaceAll('.', '_');
}

/** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, ERR_PERF_OBJECT_DAMAGED; PerfSystemError of a file that can't be read */
export function bytesOf(source: string | Uint8Array): Uint8Array {
  const bytes = copyOf(source);
  if (bytes.length >= HEADER_BYTES && MAGIC.every((byte, index) => bytes[index] === byte)) return bytes;
  throw new PerfRingError(
    'ERR_PERF_OBJECT_DAMAGED',
    `${nameOf(source)} is no object file: it does not begin with an ELF header`,
  );
}

/** `\x7fELF` */
const MAGIC = [0x7f, 0x45, 0x4c, 0x46];
/** sizeof(Elf64_Ehdr) */
const HEADER_BYTES = 64;

function copyOf(source: string | Uint8Array): Uint8Array {
  if (typeof source === 'string') return readObject(source);
  if (!isUint8Array(source)) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      `source must be the path of an object, or a Uint8Array of its bytes, got ${shown(source)}`,
    );
  }
  const { buffer, byteOffset, byteLength } = spanOfArray(source);
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
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
