import { errnoName, systemError } from '../abi/errno';
import type { Capability } from '../abi/capability';
import type { PerfSystemError } from '../errors';
import { errnoAdvice } from './errno-advice';
import { permissionAdvice } from './permission-advice';

/** Advice for the errnos of one system call, in addition to the table of {@link errnoAdvice}. */
export interface CallAdvice {
  /** The capabilities that the call needs. They explain EPERM and EACCES. */
  readonly needs?: readonly Capability[];
  /** The errno's name -> advice. It takes precedence over `needs` and the table. */
  readonly advice?: Readonly<Record<string, string>>;
}

/**
 * The error for a failed system call. Its message says what to do.
 * @param errno the negative errno that the native function returned
 * @param syscall the call, with its command where it has one: `bpf(BPF_MAP_CREATE)`
 * @param what the operation, with its values: `creating the map "counts"`
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
