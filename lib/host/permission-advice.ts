import type { Capability } from '../abi/capability';
import { allows, processCapabilities } from './capabilities';
import { isAtLeast, kernelVersion } from './kernel-version';

/**
 * What an EPERM or EACCES means for who needs these capabilities: that they are missing, or when they are not, that
 * something else forbids it.
 */
export function permissionAdvice(needed: readonly Capability[]): string {
  const capabilities = processCapabilities();
  const missing =
    capabilities === null ? needed : needed.filter((name) => !allows(capabilities.effective, name));
  if (missing.length === 0) {
    // Maps and programs counted as locked memory until Linux 5.11.
    const orLimit = isAtLeast(kernelVersion(), 5, 11) ? '' : ', or the limit of locked memory (ulimit -l),';
    return `forbidden although this process has ${needed.join(' and ')}: a seccomp filter, a security module or kernel lockdown${orLimit} denies it`;
  }
  return `needs ${missing.join(' and ')}, which this process does not have; run it as root, or with these capabilities`;
}
