import { join } from 'node:path';
import { HOST_PATHS, type HostPaths } from './host-paths';
import { readInteger } from './read-text';

/**
 * The highest level of upstream kernels. At higher levels, kernels of Debian and Ubuntu refuse every event without
 * CAP_SYS_ADMIN.
 */
export const HIGHEST_UPSTREAM_PARANOID = 2;

/** sysctl kernel.perf_event_paranoid; `null` when it can't be read. */
export function perfEventParanoid(paths: HostPaths = HOST_PATHS): number | null {
  return readInteger(join(paths.proc, 'sys/kernel/perf_event_paranoid'));
}
