/**
 * The namespaces of this process. Capabilities and process ids are relative to a namespace; the kernel's checks, and
 * the ids that a BPF program sees, are relative to the initial one.
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

/** A PID namespace other than the initial one, in the form that bpf_get_ns_current_pid_tgid() takes. */
export interface PidNamespace {
  /** The device of nsfs in the kernel's internal encoding, major << 20 | minor. stat(2) has another encoding. */
  readonly device: bigint;
  readonly inode: bigint;
}

/** A namespace of this process. `name` is the text in /proc/self/ns: `pid:[4026531836]`. */
export interface OwnNamespace {
  readonly name: string;
  readonly isInitial: boolean;
}

/** @returns `null` when /proc can't be read */
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

/**
 * True when this process is in a user namespace that is not the initial one, as in a rootless container. False when
 * unknown.
 */
export function isInUserNamespace(paths: HostPaths = HOST_PATHS): boolean {
  return ownNamespace('user', paths)?.isInitial === false;
}

/** The PID namespace of this process; `null` for the initial one, and when /proc can't be read. */
export function pidNamespace(paths: HostPaths = HOST_PATHS): PidNamespace | null {
  return ownNamespace('pid', paths)?.isInitial === false ? pidNamespaceOf('self', paths) : null;
}

/**
 * The PID namespace of a process.
 * @throws an error of node:fs: EACCES without CAP_SYS_PTRACE for a process of another user
 */
export function pidNamespaceOf(process: number | 'self', paths: HostPaths = HOST_PATHS): PidNamespace {
  const { dev, ino } = statSync(join(paths.proc, String(process), 'ns/pid'), { bigint: true });
  return { device: kernelDevice(dev), inode: ino };
}

/**
 * Converts a device number to the kernel's internal encoding.
 * @param dev as stat(2) returns it: new_encode_dev()
 * @see https://github.com/torvalds/linux/blob/v6.12/include/linux/kdev_t.h
 */
export function kernelDevice(dev: bigint): bigint {
  const major = (dev >> 8n) & 0xfffn;
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xfff00n);
  return (major << 20n) | minor;
}
