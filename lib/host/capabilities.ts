/**
 * What this process may do.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/include/linux/capability.h perfmon_capable(), bpf_capable()
 */

import { join } from 'node:path';
import { CAPABILITIES, type Capability } from '../abi/capability';
import { HOST_PATHS, type HostPaths } from './host-paths';
import { isInUserNamespace } from './namespaces';
import { readText } from './read-text';

/**
 * Capabilities that count for the kernel as a whole: both sets are empty in a user namespace that is not the initial
 * one, whatever /proc shows there.
 */
export interface ProcessCapabilities {
  /** What may be done now. */
  readonly effective: ReadonlySet<Capability>;
  /** What this process and its children can ever gain. */
  readonly bounding: ReadonlySet<Capability>;
}

const NONE: ProcessCapabilities = { effective: new Set(), bounding: new Set() };

/** Those of this process; `null` where /proc/self/status does not tell. */
export function processCapabilities(paths: HostPaths = HOST_PATHS): ProcessCapabilities | null {
  const status = readText(join(paths.proc, 'self/status'));
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  if (effective === undefined || bounding === undefined) return null;
  if (isInUserNamespace(paths)) return NONE;
  return { effective: parseCapabilities(effective), bounding: parseCapabilities(bounding) };
}

/** @param mask hexadecimal, as /proc shows it; bits without a name are left out */
export function parseCapabilities(mask: string): ReadonlySet<Capability> {
  const bits = BigInt(`0x${mask}`);
  return new Set(CAPABILITIES.filter((_name, bit) => (bits >> BigInt(bit)) & 1n));
}

/**
 * Whether the set allows what the capability stands for: since Linux 5.8 CAP_BPF and CAP_PERFMON are parts of
 * CAP_SYS_ADMIN, which still does for both.
 */
export function allows(set: ReadonlySet<Capability>, capability: Capability): boolean {
  if (set.has(capability)) return true;
  return (capability === 'CAP_BPF' || capability === 'CAP_PERFMON') && set.has('CAP_SYS_ADMIN');
}
