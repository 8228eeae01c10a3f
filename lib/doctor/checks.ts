/** The checks of {@link diagnose}. Each checks one thing and may throw; the caller shows an error as a note. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeAddon } from '../addon/contract';
import { addonRemedy } from '../addon/load';
import type { Capability } from '../abi/capability';
import { allows, type ProcessCapabilities } from '../host/capabilities';
import { formatCpuList, onlineCpus, possibleCpus } from '../host/cpu-list';
import type { HostPaths } from '../host/host-paths';
import { lockdown } from '../host/lockdown';
import { isInUserNamespace, ownNamespace } from '../host/namespaces';
import { HIGHEST_UPSTREAM_PARANOID, perfEventParanoid as paranoidLevel } from '../host/perf-event-paranoid';
import { hasSeccompFilter } from '../host/seccomp';
import { isAtLeast, kernelVersion } from '../host/kernel-version';
import { largestRingBytes, memoryLimit } from '../host/memory-limit';
import { mountOf, tracefsCommand } from '../host/mounts';
import { readInteger } from '../host/read-text';
import { asRoot, type Check } from './check';
import { trialPages } from './trial';

// ---------------------------------------------------------------------- the machine

export function kernel(): Check {
  const version = kernelVersion();
  const check = { name: 'kernel', needed: true };
  if (!isAtLeast(version, 5, 8)) {
    return { ...check, status: 'missing', value: `${version.release}; Linux 5.8 or later is needed` };
  }
  if (!isAtLeast(version, 6, 0)) {
    const value = `${version.release}; before 6.0 losses are counted only by LOST records`;
    return { ...check, status: 'note', value };
  }
  return { ...check, status: 'ok', value: version.release };
}

export function architecture(): Check {
  const isKnown = process.arch === 'x64' || process.arch === 'arm64';
  return {
    name: 'architecture',
    status: isKnown ? 'ok' : 'note',
    value: isKnown ? process.arch : `${process.arch}: perfring has not been tested on it`,
    needed: true,
  };
}

/** @param failure why the addon could not be loaded, or `null` */
export function addon(failure: string | null): Check {
  const check = { name: 'addon', needed: true };
  if (failure === null) return { ...check, status: 'ok', value: 'loaded' };
  return { ...check, status: 'missing', value: failure, fix: addonRemedy() };
}

export function possible(paths: HostPaths): Check {
  return { name: 'CPUs possible', status: 'ok', value: formatCpuList(possibleCpus(paths)), needed: true };
}

export function online(paths: HostPaths): Check {
  return { name: 'CPUs online', status: 'ok', value: formatCpuList(onlineCpus(paths)), needed: true };
}

// ---------------------------------------------------------------------- namespaces

export function userNamespace(paths: HostPaths): Check {
  const check = { name: 'user namespace', needed: false };
  const namespace = ownNamespace('user', paths);
  if (namespace === null) return { ...check, status: 'note', value: 'unknown' };
  if (namespace.isInitial) return { ...check, status: 'ok', value: 'the initial one' };
  const value = `${namespace.name}, not the initial one (a rootless container?): capabilities do not count here`;
  return { ...check, status: 'note', value };
}

export function pidNamespace(paths: HostPaths): Check {
  const check = { name: 'PID namespace', needed: false };
  const namespace = ownNamespace('pid', paths);
  if (namespace === null) return { ...check, status: 'note', value: 'unknown' };
  if (namespace.isInitial) return { ...check, status: 'ok', value: 'the initial one' };
  const value = `${namespace.name}, not the initial one (a container?): process ids are those of this namespace, and 0 for processes elsewhere`;
  return { ...check, status: 'note', value };
}

// ---------------------------------------------------------------------- permission

/** Capability -> what it allows. */
const PURPOSES = {
  CAP_BPF: 'create maps and load programs',
  CAP_PERFMON: 'open events on every CPU and attach programs',
  CAP_IPC_LOCK: 'use rings of any size',
  CAP_SYS_ADMIN: 'open maps by id, and use tracefs when it is not mounted',
} as const satisfies Partial<Record<Capability, string>>;

type CheckedCapability = keyof typeof PURPOSES;

export const CHECKED_CAPABILITIES = Object.keys(PURPOSES) as CheckedCapability[];

export function capability(
  name: CheckedCapability,
  capabilities: ProcessCapabilities | null,
  paths: HostPaths,
): Check {
  const needed = name === 'CAP_BPF' || name === 'CAP_PERFMON';
  const check = { name, needed };
  const purpose = PURPOSES[name];
  if (capabilities === null) return { ...check, status: 'note', value: 'unknown: /proc is not readable' };
  if (allows(capabilities.effective, name)) {
    const by = capabilities.effective.has(name) ? '' : ', by CAP_SYS_ADMIN';
    return { ...check, status: 'ok', value: `may ${purpose}${by}` };
  }
  const status = needed ? 'missing' : 'note';
  if (isInUserNamespace(paths)) {
    const value = `may not ${purpose}: capabilities of this user namespace do not count`;
    return { ...check, status, value, fix: outsideUserNamespace(name) };
  }
  if (!allows(capabilities.bounding, name)) {
    const value = `may not ${purpose}; this container or service can't get the capability`;
    return { ...check, status, value, fix: `docker run --cap-add=${name.replace('CAP_', '')} …` };
  }
  return { ...check, status, value: `may not ${purpose}`, fix: sameProgramAsRoot() };
}

function outsideUserNamespace(name: CheckedCapability): string {
  const names = name === 'CAP_SYS_ADMIN' ? ['SYS_ADMIN'] : ['BPF', 'PERFMON', 'IPC_LOCK'];
  return `sudo docker run --userns=host ${names.map((one) => `--cap-add=${one}`).join(' ')} …`;
}

/**
 * The fix is not setcap on node: that would give the capabilities to every script of every user. docs/security.md says
 * how a service gets them.
 */
function sameProgramAsRoot(): string {
  const [, script] = process.argv;
  const command = [process.execPath, ...(script === undefined ? [] : [script])].map(shellQuote);
  const isCommand = /(?:^|\/)perfring(?:\.js)?$/.test(script ?? '');
  return asRoot([...command, ...(isCommand ? ['collect'] : [])].join(' '));
}

export function perfEventParanoid(capabilities: ProcessCapabilities | null, paths: HostPaths): Check {
  const check = { name: 'perf_event_paranoid', needed: false };
  const level = paranoidLevel(paths);
  if (level === null)
    return { ...check, status: 'note', value: 'missing; the kernel may be without perf events' };
  if (level <= 0)
    return { ...check, status: 'ok', value: `${level}: every user may open events on every CPU` };
  const isAllowed = capabilities !== null && allows(capabilities.effective, 'CAP_PERFMON');
  if (level > HIGHEST_UPSTREAM_PARANOID && capabilities?.effective.has('CAP_SYS_ADMIN') !== true) {
    const value = `${level}: above 2, kernels of Debian and Ubuntu need CAP_SYS_ADMIN for events; CAP_PERFMON is not enough`;
    const fix = asRoot(`sysctl kernel.perf_event_paranoid=${HIGHEST_UPSTREAM_PARANOID}`);
    return { ...check, status: 'note', value, fix };
  }
  const value = `${level}: events on every CPU need CAP_PERFMON`;
  return { ...check, status: isAllowed ? 'ok' : 'note', value };
}

export function unprivilegedBpfDisabled(capabilities: ProcessCapabilities | null, paths: HostPaths): Check {
  const check = { name: 'unprivileged_bpf_disabled', needed: false };
  const level = readInteger(join(paths.proc, 'sys/kernel/unprivileged_bpf_disabled'));
  if (level === null) return { ...check, status: 'note', value: 'missing; the kernel may be without bpf(2)' };
  const isAllowed = capabilities !== null && allows(capabilities.effective, 'CAP_BPF');
  const value =
    level === 0 ? '0: every user may create maps; tracing needs CAP_BPF' : `${level}: bpf(2) needs CAP_BPF`;
  return { ...check, status: isAllowed ? 'ok' : 'note', value };
}

export function seccomp(paths: HostPaths): Check {
  const check = { name: 'seccomp', needed: false };
  const isActive = hasSeccompFilter(paths);
  if (isActive === null) return { ...check, status: 'note', value: 'unknown' };
  if (!isActive) return { ...check, status: 'ok', value: 'no filter' };
  const value = 'a filter is active; the checks perf_event_open and bpf show whether it allows them';
  return { ...check, status: 'note', value };
}

export function kernelLockdown(paths: HostPaths): Check {
  const check = { name: 'lockdown', needed: false };
  const level = lockdown(paths);
  if (level === null) {
    return {
      ...check,
      status: 'note',
      value: 'unknown: the kernel has no lockdown, or securityfs is not mounted',
    };
  }
  // Of what perfring does, the level `integrity` forbids only programs that write to user memory.
  if (level !== 'confidentiality') return { ...check, status: 'ok', value: level };
  const value =
    'confidentiality: programs may not read kernel memory, as sched_process_exec and most compiled programs do; to allow it, boot without lockdown=confidentiality';
  return { ...check, status: 'note', value };
}

// ---------------------------------------------------------------------- memory

export function lockedMemory(capabilities: ProcessCapabilities | null, paths: HostPaths): Check {
  const limit = memoryLimit(onlineCpus(paths).length, capabilities, paths);
  const value =
    limit.unlimitedBy === null
      ? `${inKibibytes(limit.userBytes)} for the user, then ${inKibibytes(limit.processBytes)} for the process`
      : `no limit, by ${limit.unlimitedBy}`;
  return { name: 'locked memory', status: 'ok', value, needed: true };
}

/** @param dataPageCount data pages of each ring; by default those of `perfring collect` */
export function largestRing(
  capabilities: ProcessCapabilities | null,
  paths: HostPaths,
  native: NativeAddon | null,
  dataPageCount?: number,
): Check {
  const check = { name: 'largest ring', needed: true };
  if (native === null) return { ...check, status: 'note', value: 'unknown without the addon' };
  const cpuCount = onlineCpus(paths).length;
  const pageSize = native.pageSize();
  const bytes = largestRingBytes(memoryLimit(cpuCount, capabilities, paths), cpuCount, pageSize);
  const value = `${inKibibytes(bytes)} for each CPU`;
  const wantedBytes = trialPages(native, dataPageCount) * pageSize;
  if (bytes >= wantedBytes) return { ...check, status: 'ok', value };
  const fix = asRoot('sysctl kernel.perf_event_mlock_kb=65536');
  return {
    ...check,
    status: 'missing',
    value: `${value}; ${inKibibytes(wantedBytes)} is needed`,
    fix,
  };
}

// ---------------------------------------------------------------------- file systems

export function btf(paths: HostPaths): Check {
  const isThere = existsSync(join(paths.sys, 'kernel/btf/vmlinux'));
  const value = isThere
    ? 'vmlinux is available'
    : 'vmlinux is missing; the built-in programs do not need it, compiled ones may';
  return { name: 'BTF', status: isThere ? 'ok' : 'note', value, needed: false };
}

export function tracefs(paths: HostPaths, native: NativeAddon | null): Check {
  const check = { name: 'tracefs', needed: false };
  const mount = mountOf('tracefs', paths);
  if ((native?.tracepointId('sched', 'sched_process_exec') ?? -1) >= 0) {
    const value =
      mount === null ? 'not mounted, but this process can mount it for itself' : `mounted at ${mount}`;
    return { ...check, status: 'ok', value };
  }
  const value = mount === null ? 'not mounted' : `mounted at ${mount}, readable only by root and its group`;
  return {
    ...check,
    status: 'note',
    value: `${value}; sched_process_exec needs it`,
    fix: asRoot(tracefsCommand(paths)),
  };
}

export function bpffs(paths: HostPaths): Check {
  const check = { name: 'bpffs', needed: false };
  const mount = mountOf('bpf', paths);
  if (mount !== null) return { ...check, status: 'ok', value: `mounted at ${mount}` };
  const fix = asRoot('mount -t bpf bpf /sys/fs/bpf');
  return { ...check, status: 'note', value: 'not mounted; only pinned maps need it', fix };
}

function inKibibytes(bytes: number): string {
  return Number.isFinite(bytes) ? `${Math.floor(bytes / 1024)} KiB` : 'any size';
}

/** Quotes a word for the shell, unless every character is safe without quotes. */
function shellQuote(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
