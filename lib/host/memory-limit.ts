/**
 * How much memory perf rings may lock. The metadata page of each ring counts as well. First the user's allowance is
 * used (perf_event_mlock_kb times the online CPUs, shared by all processes of the user), then the process's
 * RLIMIT_MEMLOCK. When both are used up, mmap(2) fails with EPERM.
 *
 * @see perf_mmap() in https://github.com/torvalds/linux/blob/v6.12/kernel/events/core.c
 */

import { join } from 'node:path';
import { allows, type ProcessCapabilities } from './capabilities';
import { HOST_PATHS, type HostPaths } from './host-paths';
import { readInteger, readText } from './read-text';

/** The kernel's default of perf_event_mlock_kb with 4 KiB pages. Used when the file can't be read. */
const DEFAULT_MLOCK_KIBIBYTES = 516;

export interface MemoryLimit {
  /** kernel.perf_event_mlock_kb in bytes, times the online CPUs: what one user may lock for rings. */
  readonly userBytes: number;
  /** The soft RLIMIT_MEMLOCK in bytes: what this process may lock in addition; Infinity when unlimited. */
  readonly processBytes: number;
  /** Why there is no limit, or `null` when there is one. */
  readonly unlimitedBy: 'CAP_IPC_LOCK' | 'perf_event_paranoid' | 'RLIMIT_MEMLOCK' | null;
}

/**
 * What the kernel allows a process with these capabilities. Memory that the process or its user has already locked is
 * not subtracted.
 * @param capabilities null when unknown
 */
export function memoryLimit(
  onlineCpuCount: number,
  capabilities: ProcessCapabilities | null,
  paths: HostPaths = HOST_PATHS,
): MemoryLimit {
  const kibibytes =
    readInteger(join(paths.proc, 'sys/kernel/perf_event_mlock_kb')) ?? DEFAULT_MLOCK_KIBIBYTES;
  const processBytes = lockedMemoryLimit(paths);
  const paranoid = readInteger(join(paths.proc, 'sys/kernel/perf_event_paranoid'));
  let unlimitedBy: MemoryLimit['unlimitedBy'] = null;
  if (capabilities !== null && allows(capabilities.effective, 'CAP_IPC_LOCK')) unlimitedBy = 'CAP_IPC_LOCK';
  else if (paranoid !== null && paranoid < 0) unlimitedBy = 'perf_event_paranoid';
  else if (processBytes === Number.POSITIVE_INFINITY) unlimitedBy = 'RLIMIT_MEMLOCK';
  return { userBytes: kibibytes * 1024 * onlineCpuCount, processBytes, unlimitedBy };
}

/**
 * The largest size that `ringCount` rings of equal size can have within the limit.
 * @param pageSize bytes
 * @returns the size of one data area in bytes, a power of two of pages; Infinity without a limit; 0 when no ring fits
 */
export function largestRingBytes(limit: MemoryLimit, ringCount: number, pageSize: number): number {
  if (limit.unlimitedBy !== null) return Number.POSITIVE_INFINITY;
  // One ring can use pages of both allowances: the last ones of the first and the first ones of the second.
  const pages = Math.floor(limit.userBytes / pageSize) + Math.floor(limit.processBytes / pageSize);
  const dataPages = Math.floor(pages / ringCount) - 1;
  return dataPages < 1 ? 0 : 2 ** Math.floor(Math.log2(dataPages)) * pageSize;
}

/** The soft limit in bytes, from the line `Max locked memory  67108864  67108864  bytes`; 0 when it can't be read. */
function lockedMemoryLimit(paths: HostPaths): number {
  const limits = readText(join(paths.proc, 'self/limits')) ?? '';
  const soft = /^Max locked memory\s+(\d+|unlimited)\s/m.exec(limits)?.[1];
  if (soft === undefined) return 0;
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
