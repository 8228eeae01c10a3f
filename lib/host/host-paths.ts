import { checkString, plainOptions } from '../input/plain-data';

/** Where proc and sysfs are mounted. Tests, and programs in a chroot, use other paths. */
export interface HostPaths {
  readonly proc: string;
  readonly sys: string;
}

export const HOST_PATHS: HostPaths = { proc: '/proc', sys: '/sys' };

/** @throws PerfRingError ERR_PERF_INVALID_ARGUMENT */
export function plainPaths(paths: HostPaths): HostPaths {
  const plain = plainOptions(paths, ['proc', 'sys'], 'ERR_PERF_INVALID_ARGUMENT', 'paths');
  checkString(plain.proc, 'paths.proc');
  checkString(plain.sys, 'paths.sys');
  return plain;
}
