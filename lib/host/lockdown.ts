import { join } from 'node:path';
import { HOST_PATHS, type HostPaths } from './host-paths';
import { readText } from './read-text';

/** The kernel's lockdown level: how far it restricts root. */
export type Lockdown = 'none' | 'integrity' | 'confidentiality';

/**
 * The level in brackets: `none [integrity] confidentiality` is `integrity`. `null` when the kernel has no lockdown or
 * securityfs is not mounted.
 * @see https://man7.org/linux/man-pages/man7/kernel_lockdown.7.html
 */
export function lockdown(paths: HostPaths = HOST_PATHS): Lockdown | null {
  const text = readText(join(paths.sys, 'kernel/security/lockdown')) ?? '';
  const level = /\[(none|integrity|confidentiality)\]/.exec(text)?.[1];
  return (level as Lockdown | undefined) ?? null;
}
