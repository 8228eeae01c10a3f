import { errnoName, systemError } from '../abi/errno';
import type { Capability } from '../abi/capability';
import type { PerfSystemError } from '../errors';
import { errnoAdvice } from './errno-advice';
import { permissionAdvice } from './permission-advice';

/** What a call knows of its errnos beside the table of {@link errnoAdvice}. */
export interface CallAdvice {
  /** Which capabilities the call needs: what EPERM and EACCES mean. */
  readonly needs?: readonly Capability[];
  /** By the errno's name; before everything else. */
  readonly advice?: Readonly<Record<string, string>>;
}

/**
 * The error of a failed system call, with what to do.
 * @param errno the negative errno that native returned
 * @param syscall the call, with its command where it has one: `bpf(BPF_MAP_CREATE)`
 * @param what was tried, with its values: `creating the map "counts"`
 */
export function failedCall(
  errno: number,
  syscall: string,
  what: string,
  known: CallAdvice = {},
): PerfSystemError {
  const advice = adviceFor(errnoName(errno), syscall, known);
  return systemError(errno, syscall, advice === undefined ? `${what} failed` : `${what}: ${advice}`);
}

function adviceFor(
  name: string,
  syscall: string,
  { needs = [], advice = {} }: CallAdvice,
): string | undefined {
  if (Object.hasOwn(advice, name)) return advice[name];
  const isPermission = name === 'EPERM' || name === 'EACCES';
  return isPermission && needs.length > 0 ? permissionAdvice(needs) : errnoAdvice(name, syscall);
}
