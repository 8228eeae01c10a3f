/**
 * errno: numbers, names, and the error a failed system call becomes.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/include/uapi/asm-generic/errno.h
 */

import { constants } from 'node:os';
import { PerfSystemError } from '../errors';

/** Not in node's list: ENOTSUPP of include/linux/errno.h, which <errno.h> does not have either; ELIBACC of <errno.h>. */
const NOT_OF_NODE: Readonly<Record<string, number>> = { ENOTSUPP: 524, ELIBACC: 79 };

/** Second names of one number, which <errno.h> has as well: the kernel says the other. */
const ALIASES = new Set(['EWOULDBLOCK', 'ENOTSUP']);

const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries({ ...constants.errno, ...NOT_OF_NODE }));
const NAMES: ReadonlyMap<number, string> = new Map(
  [...NUMBERS].filter(([name]) => !ALIASES.has(name)).map(([name, number]) => [number, name]),
);

/**
 * @param number an errno, of either sign
 * @returns its name, `EACCES`; or `errno 4000` for a number without one
 */
export function errnoName(number: number): string {
  const errno = Math.abs(number);
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/**
 * @param name `EACCES`
 * @returns its positive number
 */
export function errnoNumber(name: string): number {
  const number = NUMBERS.get(name);
  if (number === undefined) throw new TypeError(`no errno is named ${name}`);
  return number;
}

/** Whether what native answered is the error of that name. */
export function isErrno(answer: unknown, name: string): boolean {
  return answer === -errnoNumber(name);
}

/**
 * The error of a failed system call.
 * @param errno the negative errno that native answered
 * @param syscall the call, with its command where it has one: `bpf(BPF_MAP_CREATE)`
 * @param explanation what was tried, with the values, and what to do; follows `SYSCALL ERRNO: `
 */
export function systemError(
  errno: number,
  syscall: string,
  explanation: string,
  options?: ErrorOptions,
): PerfSystemError {
  const name = errnoName(errno);
  return new PerfSystemError(name, errno, syscall, `${syscall} ${name}: ${explanation}`, options);
}
