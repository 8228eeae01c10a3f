/** The single checks of {@link diagnose}. Each looks at one thing and may throw; the caller turns that into a note. */

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
    const value = `${version.release}; before 6.0 losses are known only from LOST records`;
    return { ...check, status: 'note', value };
  }
  return { ...check, status: 'ok', value: version.release };
}

export function architecture(): Check {
  const isKnown = process.arch === 'x64' || process.arch === 'arm64';
  return {
    name: 'architecture',
    status: isKnown ? 'ok' : 'note',
    value: isKnown ? process.arch : `${process.arch}, where nobody has tried it`,
    needed: true,
  };
}

/** @param failure why it did not load, or `null` */
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
  if (namespace === null) return { ...check, status: 'note', value: 'cannot be told' };
  if (namespace.isInitial) return { ...check, status: 'ok', value: 'the initial one' };
  const value = `${namespace.name}, not the initial one (a rootless container?): capabilities do not count here`;
  return { ...check, status: 'note', value };
}

export function pidNamespace(paths: HostPaths): Check {
  const check = { name: 'PID namespace', needed: false };
  const namespace = ownNamespace('pid', paths);
  if (namespace === null) return { ...check, status: 'note', value: 'cannot be told' };
  if (namespace.isInitial) return { ...check, status: 'ok', value: 'the initial one' };
  const value = `${namespace.name}, not the initial one (a container?): process ids are those of this namespace, and 0 for processes elsewhere`;
  return { ...check, status: 'note', value };
}

// ---------------------------------------------------------------------- permission

/** Capability -> what may be done with it. */
const PURPOSES = {
  CAP_BPF: 'create maps and load programs',
  CAP_PERFMON: 'open events on every CPU and attach programs',
  CAP_IPC_LOCK: 'have rings of any size',
  CAP_SYS_ADMIN: 'open maps by id, and tracefs where it is not mounted',
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
  if (capabilities === null)
    return { ...check, status: 'note', value: 'cannot be told: /proc is not readable' };
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
    const value = `may not ${purpose}, nor gain that in this container or service`;
    return { ...check, status, value, fix: `docker run --cap-add=${name.replace('CAP_', '')} …` };
  }
  return { ...check, status, value: `may not ${purpose}`, fix: sameProgramAsRoot() };
}

function outsideUserNamespace(name: CheckedCapability): string {
  const names = name === 'CAP_SYS_ADMIN' ? ['SYS_ADMIN'] : ['BPF', 'PERFMON', 'IPC_LOCK'];
  return `sudo docker run --userns=host ${names.map((one) => `--cap-add=${one}`).join(' ')} …`;
}

/**
 * Not setcap on node: that would give the capabilities to every script that any user runs. docs/security.md has how a
 * service gets them.
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
  if (level === null) return { ...check, status: 'note', value: 'not there: a kernel without perf events?' };
  if (level <= 0) return { ...check, status: 'ok', value: `${level}: events on every CPU for everybody` };
  const isAllowed = capabilities !== null && allows(capabilities.effective, 'CAP_PERFMON');
  if (level > HIGHEST_UPSTREAM_PARANOID && capabilities?.effective.has('CAP_SYS_ADMIN') !== true) {
    const value = `${level}: above 2 kernels of Debian and Ubuntu want CAP_SYS_ADMIN for events, CAP_PERFMON is not enough`;
    const fix = asRoot(`sysctl kernel.perf_event_paranoid=${HIGHEST_UPSTREAM_PARANOID}`);
    return { ...check, status: 'note', value, fix };
  }
  const value = `${level}: events on every CPU need CAP_PERFMON`;
  return { ...check, status: isAllowed ? 'ok' : 'note', value };
}

export function unprivilegedBpfDisabled(capabilities: ProcessCapabilities | null, paths: HostPaths): Check {
  const check = { name: 'unprivileged_bpf_disabled', needed: false };
  const level = readInteger(join(paths.proc, 'sys/kernel/unprivileged_bpf_disabled'));
  if (level === null) return { ...check, status: 'note', value: 'not there: a kernel without bpf(2)?' };
  const isAllowed = capabilities !== null && allows(capabilities.effective, 'CAP_BPF');
  const value =
    level === 0 ? '0: maps for everybody, tracing needs CAP_BPF' : `${level}: bpf(2) needs CAP_BPF`;
  return { ...check, status: isAllowed ? 'ok' : 'note', value };
}

export function seccomp(paths: HostPaths): Check {
  const check = { name: 'seccomp', needed: false };
  const isActive = hasSeccompFilter(paths);
  if (isActive === null) return { ...check, status: 'note', value: 'cannot be told' };
  if (!isActive) return { ...check, status: 'ok', value: 'no filter' };
  const value = 'a filter is active; whether it lets perf_event_open and bpf through was tried, see there';
  return { ...check, status: 'note', value };
}

export function kernelLockdown(paths: HostPaths): Check {
  const check = { name: 'lockdown', needed: false };
  const level = lockdown(paths);
  if (level === null) {
    return {
      ...check,
      status: 'note',
      value: 'cannot be told: no lockdown in this kernel, or no securityfs',
    };
  }
  // Integrity forbids programs to write to user memory, and nothing else that concerns collecting.
  if (level !== 'confidentiality') return { ...check, status: 'ok', value: level };
  const value =
    'confidentiality: no program may read kernel memory; sched_process_exec does, as do most compiled ones. Only a boot without lockdown=confidentiality lifts it';
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

/** @param dataPageCount of the rings that are wanted; by default those of a collection */
export function largestRing(
  capabilities: ProcessCapabilities | null,
  paths: HostPaths,
  native: NativeAddon | null,
  dataPageCount?: number,
): Check {
  const check = { name: 'largest ring', needed: true };
  if (native === null) return { ...check, status: 'note', value: 'cannot be told without the addon' };
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
    value: `${value}, where ${inKibibytes(wantedBytes)} is wanted`,
    fix,
  };
}

// ---------------------------------------------------------------------- file systems

export function btf(paths: HostPaths): Check {
  const isThere = existsSync(join(paths.sys, 'kernel/btf/vmlinux'));
  const value = isThere ? 'vmlinux is there' : 'not there; no built-in program needs it, compiled ones may';
  return { name: 'BTF', status: isThere ? 'ok' : 'note', value, needed: false };
}

export function tracefs(paths: HostPaths, native: NativeAddon | null): Check {
  const check = { name: 'tracefs', needed: false };
  const mount = mountOf('tracefs', paths);
  if ((native?.tracepointId('sched', 'sched_process_exec') ?? -1) >= 0) {
    const value = mount === null ? 'not mounted, but to be had without' : `mounted at ${mount}`;
    return { ...check, status: 'ok', value };
  }
  const value = mount === null ? 'not mounted' : `mounted at ${mount}, for root and its group alone`;
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

/** Nothing but what no shell reads stays unquoted. */
function shellQuote(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
