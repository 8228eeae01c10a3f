/**
 * The numbers and names of errno, and the error for a failed system call.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/include/uapi/asm-generic/errno.h
 */

import { constants } from 'node:os';
import { PerfSystemError } from '../errors';

/** Errnos missing in `os.constants.errno` of node: ENOTSUPP of include/linux/errno.h, and ELIBACC of <errno.h>. */
const MISSING_IN_NODE: Readonly<Record<string, number>> = { ENOTSUPP: 524, ELIBACC: 79 };

/** Second names that <errno.h> has for a number. Messages use the kernel's name: EAGAIN, EOPNOTSUPP. */
const ALIASES = new Set(['EWOULDBLOCK', 'ENOTSUP']);

/** Made on first use. */
let names: ReadonlyMap<number, string> | undefined;

/**
 * @param number an errno, positive or negative
 * @returns its name, such as `EACCES`; `errno 4000` for a number without a name
 */
export function errnoName(number: number): string {
  const errno = Math.abs(number);
  names ??= namesByNumber();
  return names.get(errno) ?? `errno ${errno}`;
}

function namesByNumber(): Map<number, string> {
  const numbers = Object.entries({ ...constants.errno, ...MISSING_IN_NODE });
  return new Map(numbers.filter(([name]) => !ALIASES.has(name)).map(([name, number]) => [number, name]));
}

/**
 * @param name such as `EACCES`
 * @returns its positive number
 * @throws TypeError for an unknown name
 */
export function errnoNumber(name: string): number {
  const number = constants.errno[name as keyof typeof constants.errno] ?? MISSING_IN_NODE[name];
  if (number === undefined) throw new TypeError(`no errno is named ${name}`);
  return number;
}

/** Whether the result of a native call is the negative errno of that name. */
export function isErrno(result: unknown, name: string): boolean {
  return result === -errnoNumber(name);
}

/**
 * The error for a failed system call.
 * @param errno the negative errno that the native function returned
 * @param syscall the call, with its command where it has one: `bpf(BPF_MAP_CREATE)`
 * @param explanation what was tried, with the values, and what to do; the message is `SYSCALL ERRNO: EXPLANATION`
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
