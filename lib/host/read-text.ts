import { readFileSync } from 'node:fs';
import { systemError } from '../abi/errno';
import { errnoAdvice } from './errno-advice';

/** These errnos say nothing about the file, so it must not be treated as absent. */
const EXHAUSTED: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/**
 * The trimmed text of a small file in proc or sysfs; `null` when it is absent or not readable.
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

/** The integer in a file (`-1`, `516`); `null` when the file is absent, not readable or contains something else. */
export function readInteger(path: string): number | null {
  const text = readText(path);
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : null;
}
