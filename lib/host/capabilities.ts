/**
 * The capabilities of this process.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/include/linux/capability.h perfmon_capable(), bpf_capable()
 */

import { join } from 'node:path';
import { CAPABILITIES, type Capability } from '../abi/capability';
import { HOST_PATHS, type HostPaths } from './host-paths';
import { isInUserNamespace } from './namespaces';
import { readText } from './read-text';

/**
 * Capabilities that are valid in the initial user namespace. In any other user namespace both sets are empty, even
 * though /proc shows capabilities there.
 */
export interface ProcessCapabilities {
  /** The capabilities that the process can use now. */
  readonly effective: ReadonlySet<Capability>;
  /** The capabilities that this process and its children can ever get. */
  readonly bounding: ReadonlySet<Capability>;
}

const NONE: ProcessCapabilities = { effective: new Set(), bounding: new Set() };

/** The capabilities of this process; `null` when /proc/self/status can't be read. */
export function processCapabilities(paths: HostPaths = HOST_PATHS): ProcessCapabilities | null {
  const status = readText(join(paths.proc, 'self/status'));
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  if (effective === undefined || bounding === undefined) return null;
  if (isInUserNamespace(paths)) return NONE;
  return { effective: parseCapabilities(effective), bounding: parseCapabilities(bounding) };
}

/** @param mask hexadecimal, as in /proc/self/status; bits without a name are ignored */
export function parseCapabilities(mask: string): ReadonlySet<Capability> {
  const bits = BigInt(`0x${mask}`);
  return new Set(CAPABILITIES.filter((_name, bit) => (bits >> BigInt(bit)) & 1n));
}

/**
 * Whether the set contains the capability, or one that includes it: CAP_SYS_ADMIN includes CAP_BPF and CAP_PERFMON,
 * which Linux 5.8 separated from it.
 */
export function allows(set: ReadonlySet<Capability>, capability: Capability): boolean {
  if (set.has(capability)) return true;
  return (capability === 'CAP_BPF' || capability === 'CAP_PERFMON') && set.has('CAP_SYS_ADMIN');
}
