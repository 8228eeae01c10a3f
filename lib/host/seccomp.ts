import { join } from 'node:path';
import { HOST_PATHS, type HostPaths } from './host-paths';
import { readText } from './read-text';

/** Whether a seccomp filter is active in this process; `null` when /proc can't be read. */
export function hasSeccompFilter(paths: HostPaths = HOST_PATHS): boolean | null {
  const mode = /^Seccomp:\s*(\d)$/m.exec(readText(join(paths.proc, 'self/status')) ?? '')?.[1];
  return mode === undefined ? null : mode !== '0';
}
