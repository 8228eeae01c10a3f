import { readFileSync } from 'node:fs';
import { systemError } from '../abi/errno';
import { errnoAdvice } from './errno-advice';

/** These say nothing about the file: to take it for absent would be to guess. */
const EXHAUSTED: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/**
 * A small file of the kernel, trimmed; `null` where it is absent or must not be read.
 * @throws PerfSystemError EMFILE, ENFILE, ENOMEM
 */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const { code, errno } = error as { code?: unknown; errno?: unknown };
    if (!EXHAUSTED.has(code)) return null;
    const advice = errnoAdvice(code, 'open');
    throw systemError(Number(errno), 'open', `reading ${path}: ${advice}`, { cause: error });
  }
}

/** A file that holds one whole number (`-1`, `516`); `null` where it is absent, unreadable or holds something else. */
export function readInteger(path: string): number | null {
  const text = readText(path);
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : null;
}
