import { readFileSync } from 'node:fs';

/** A small file of the kernel, trimmed; `null` where it is absent or must not be read. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

/** A file that holds one whole number (`-1`, `516`); `null` where it is absent, unreadable or holds something else. */
export function readInteger(path: string): number | null {
  const text = readText(path);
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : null;
}
