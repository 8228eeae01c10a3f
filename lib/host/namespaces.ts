/**
 * The namespaces this process is in. Capabilities and process ids count within one; the kernel's own checks, and what
 * a BPF program sees, are those of the initial ones.
 *
 * @see https://man7.org/linux/man-pages/man7/namespaces.7.html
 */

import { readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { HOST_PATHS, type HostPaths } from './host-paths';

/**
 * The initial namespaces have fixed inodes.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/linux/proc_ns.h PROC_PID_INIT_INO, PROC_USER_INIT_INO
 */
const INITIAL_INODES = { pid: 0xefff_fffc, user: 0xefff_fffd } as const;

/** A PID namespace other than the initial one, as bpf_get_ns_current_pid_tgid() wants it named. */
export interface PidNamespace {
  /** The device of nsfs in the kernel's own encoding, major << 20 | minor, which is not that of stat(2). */
  readonly device: bigint;
  readonly inode: bigint;
}

/** A namespace of this process, as /proc names it: `pid:[4026531836]`. */
export interface OwnNamespace {
  readonly name: string;
  readonly isInitial: boolean;
}

/** @returns `null` where /proc does not tell */
export function ownNamespace(
  type: keyof typeof INITIAL_INODES,
  paths: HostPaths = HOST_PATHS,
): OwnNamespace | null {
  try {
    const name = readlinkSync(join(paths.proc, 'self/ns', type));
    return { name, isInitial: name === `${type}:[${INITIAL_INODES[type]}]` };
  } catch {
    return null;
  }
}

/** Whether this process is known to be in a user namespace that is not the initial one, as in a rootless container. */
export function isInUserNamespace(paths: HostPaths = HOST_PATHS): boolean {
  return ownNamespace('user', paths)?.isInitial === false;
}

/** The PID namespace of this process; `null` for the initial one, and where /proc does not tell. */
export function pidNamespace(paths: HostPaths = HOST_PATHS): PidNamespace | null {
  return ownNamespace('pid', paths)?.isInitial === false ? pidNamespaceOf('self', paths) : null;
}

/**
 * The PID namespace a process is in.
 * @throws an error of node:fs: EACCES without CAP_SYS_PTRACE for a process of another user
 */
export function pidNamespaceOf(process: number | 'self', paths: HostPaths = HOST_PATHS): PidNamespace {
  const { dev, ino } = statSync(join(paths.proc, String(process), 'ns/pid'), { bigint: true });
  return { device: kernelDevice(dev), inode: ino };
}

/**
 * @param dev as stat(2) has it: new_encode_dev()
 * @see https://github.com/torvalds/linux/blob/v6.12/include/linux/kdev_t.h
 */
export function kernelDevice(dev: bigint): bigint {
  const major = (dev >> 8n) & 0xfffn;
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xfff00n);
  return (major << 20n) | minor;
}
