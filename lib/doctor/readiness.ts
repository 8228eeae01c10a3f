import type { Capability } from '../abi/capability';
import { addon } from '../addon/load';
import type { NativeAddon } from '../addon/contract';
import { type ProcessCapabilities, processCapabilities } from '../host/capabilities';
import { HOST_PATHS, type HostPaths } from '../host/host-paths';
import { plainOptions } from '../input/plain-data';
import { asRoot, type Check, checked, oneLine } from './check';
import * as checks from './checks';
import { type Outcome, type Trial, tryCollection } from './trial';

/** Options of {@link diagnose}. */
export interface DiagnosisOptions {
  /** Data pages of each ring in the trial, a power of two; by default as many as `perfring collect` uses. */
  readonly dataPageCount?: number;
}

/** The result of {@link diagnose}: what works on this machine, and what is missing. */
export interface Diagnosis {
  readonly checks: readonly Check[];
  /** Whether `perfring collect` with the default built-in program works. It was tried. */
  readonly ready: boolean;
}

/**
 * Checks everything that a collection needs, and tries one: it opens events and rings on every online CPU, creates the
 * array and attaches the default program, and then closes them. It takes milliseconds. It does not throw when something
 * is missing on the machine.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT
 */
export function diagnose(options: DiagnosisOptions = {}): Diagnosis {
  return diagnoseHost(options, HOST_PATHS);
}

/** Like {@link diagnose}, with other paths for /proc and /sys. For tests. @internal */
export function diagnoseHost(options: DiagnosisOptions, paths: HostPaths): Diagnosis {
  const { dataPageCount } = plainOptions(options, ['dataPageCount']);
  const loaded = load();
  const native = typeof loaded === 'string' ? null : loaded;
  const capabilities = capabilitiesOrNull(paths);
  const trial = native === null ? null : tried(native, dataPageCount);
  const found: Check[] = [
    checked('kernel', () => checks.kernel()),
    checked('architecture', () => checks.architecture()),
    checks.addon(typeof loaded === 'string' ? loaded : null),
    checked('user namespace', () => checks.userNamespace(paths)),
    checked('PID namespace', () => checks.pidNamespace(paths)),
    ...checks.CHECKED_CAPABILITIES.map((name) =>
      checked(name, () => checks.capability(name, capabilities, paths)),
    ),
    checked('perf_event_paranoid', () => checks.perfEventParanoid(capabilities, paths)),
    checked('unprivileged_bpf_disabled', () => checks.unprivilegedBpfDisabled(capabilities, paths)),
    checked('locked memory', () => checks.lockedMemory(capabilities, paths)),
    checked('largest ring', () => checks.largestRing(capabilities, paths, native, dataPageCount)),
    checked('BTF', () => checks.btf(paths)),
    checked('tracefs', () => checks.tracefs(paths, native)),
    checked('bpffs', () => checks.bpffs(paths)),
    checked('seccomp', () => checks.seccomp(paths)),
    checked('lockdown', () => checks.kernelLockdown(paths)),
    checked('CPUs possible', () => checks.possible(paths)),
    checked('CPUs online', () => checks.online(paths)),
  ];
  if (trial !== null) found.push(...trialChecks(trial, found));
  const ready = trial !== null && Object.values(trial).every((outcome) => outcome === 'worked');
  return { checks: found, ready };
}

/** @returns the addon, or the message of why it can't be loaded */
function load(): NativeAddon | string {
  try {
    return addon();
  } catch (error) {
    return oneLine(error);
  }
}

function capabilitiesOrNull(paths: HostPaths): ProcessCapabilities | null {
  try {
    return processCapabilities(paths);
  } catch {
    return null;
  }
}

/** Runs the trial. An error while closing counts as a failure of the check `program`. */
function tried(native: NativeAddon, dataPageCount: number | undefined): Trial {
  try {
    return tryCollection(native, dataPageCount);
  } catch (failure) {
    return { perfEvents: 'not tried', rings: 'not tried', array: 'not tried', program: { failure } };
  }
}

/** @param before the checks of the machine. When one of them explains a failure of the trial, its fix is used */
function trialChecks(trial: Trial, before: readonly Check[]): Check[] {
  const fix = (capability: Capability) => (failure: unknown) => fixOf(failure, capability, before);
  const moreMemory = asRoot('sysctl kernel.perf_event_mlock_kb=65536');
  return [
    trialCheck(
      'perf_event_open',
      'two events opened on every online CPU',
      trial.perfEvents,
      fix('CAP_PERFMON'),
    ),
    trialCheck('rings', 'a ring mapped for each CPU', trial.rings, () => moreMemory),
    trialCheck('bpf', 'a perf event array created and filled', trial.array, fix('CAP_BPF')),
    trialCheck(
      'program',
      'the default built-in program loaded and attached',
      trial.program,
      fix('CAP_PERFMON'),
    ),
  ];
}

function trialCheck(
  name: string,
  worked: string,
  outcome: Outcome,
  fixFor: (failure: unknown) => string | undefined,
): Check {
  if (outcome === 'worked') return { name, status: 'ok', value: worked, needed: true };
  if (outcome === 'not tried')
    return { name, status: 'note', value: 'not tried, because an earlier step failed', needed: true };
  const check: Check = { name, status: 'missing', value: oneLine(outcome.failure), needed: true };
  const fix = fixFor(outcome.failure);
  return fix === undefined ? check : { ...check, fix };
}

/** The command that fixes a failed system call; undefined when there is no general one. */
function fixOf(failure: unknown, capability: Capability, before: readonly Check[]): string | undefined {
  const found = (name: string) => before.find((check) => check.name === name);
  const code = (failure as { readonly code?: unknown } | null)?.code;
  // This raises the limit of the shell. Node has already raised its soft limit to the hard limit.
  if (code === 'EMFILE') return asRoot('prlimit --pid $$ --nofile=65536');
  if (found(capability)?.status === 'missing') return found(capability)?.fix;
  // When a privilege is missing, the kernel refuses an event with EACCES. A seccomp filter returns EPERM or ENOSYS.
  if (code === 'EACCES') return found('perf_event_paranoid')?.fix;
  const isFiltered = (code === 'EPERM' || code === 'ENOSYS') && found('seccomp')?.status === 'note';
  return isFiltered ? 'docker run --security-opt seccomp=unconfined …' : undefined;
}
