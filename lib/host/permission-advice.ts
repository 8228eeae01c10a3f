import type { Capability } from '../abi/capability';
import { allows, processCapabilities } from './capabilities';
import { HOST_PATHS, type HostPaths } from './host-paths';
import { isAtLeast, kernelVersion } from './kernel-version';
import { lockdown } from './lockdown';
import { isInUserNamespace } from './namespaces';
import { HIGHEST_UPSTREAM_PARANOID, perfEventParanoid } from './perf-event-paranoid';
import { hasSeccompFilter } from './seccomp';

/**
 * What EPERM or EACCES means for a call that needs these capabilities: which of them are missing or, if none is, what
 * else may forbid the call. Causes that are ruled out are not listed.
 */
export function permissionAdvice(needed: readonly Capability[], paths: HostPaths = HOST_PATHS): string {
  const capabilities = processCapabilities(paths);
  const missing =
    capabilities === null ? needed : needed.filter((name) => !allows(capabilities.effective, name));
  const names = missing.join(' and ');
  if (missing.length === 0) {
    return `forbidden although this process has ${needed.join(' and ')}: ${listOf(causes(needed, paths))} denies it`;
  }
  if (isInUserNamespace(paths)) {
    return `needs ${names} in the initial user namespace; capabilities in this one (a rootless container?) do not count: run it outside, as root`;
  }
  return `needs ${names}, which this process does not have; run it as root, or with these capabilities`;
}

function causes(needed: readonly Capability[], paths: HostPaths): string[] {
  const found: string[] = [];
  const paranoid = perfEventParanoid(paths) ?? 0;
  const isAdmin = processCapabilities(paths)?.effective.has('CAP_SYS_ADMIN') === true;
  if (needed.includes('CAP_PERFMON') && !isAdmin && paranoid > HIGHEST_UPSTREAM_PARANOID) {
    found.push(`kernel.perf_event_paranoid=${paranoid} (lower it to ${HIGHEST_UPSTREAM_PARANOID})`);
  }
  if (hasSeccompFilter(paths) !== false) found.push('a seccomp filter');
  const level = lockdown(paths);
  if (level !== null && level !== 'none') found.push(`kernel lockdown (${level})`);
  // Before Linux 5.11 maps and programs counted as locked memory.
  if (!isAtLeast(kernelVersion(), 5, 11)) found.push('the limit of locked memory (ulimit -l)');
  found.push('a security module');
  return found;
}

/** `a`, `a or b`, `a, b or c` */
function listOf(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`;
}
