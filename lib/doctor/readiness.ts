import { addon } from '../addon/load';
import type { NativeAddon } from '../addon/contract';
import { type ProcessCapabilities, processCapabilities } from '../host/capabilities';
import { HOST_PATHS, type HostPaths, plainPaths } from '../host/host-paths';
import { plainOptions } from '../input/plain-data';
import { asRoot, type Check, checked, oneLine } from './check';
import * as checks from './checks';
import { type Outcome, type Trial, tryCollection } from './trial';

export interface DiagnosisOptions {
  /** Data pages of each ring in the trial, a power of two; 1 by default. */
  readonly dataPageCount?: number;
  /** Where the kernel shows itself; tests put another machine in. */
  readonly paths?: HostPaths;
  /** How the addon is had; tests put a fake, or a failure, in. */
  readonly loadAddon?: () => NativeAddon;
}

/** What this machine allows, and what it lacks. */
export interface Diagnosis {
  readonly checks: readonly Check[];
  /** Whether `collect` with the default built-in program works: it was tried. */
  readonly ready: boolean;
}

/**
 * Looks at everything a collection needs, and tries one for real: events and rings on every online CPU, the array,
 * the default program attached, all undone. Takes milliseconds. Throws for nothing that the machine lacks.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_INVALID_ARGUMENT
 */
export function diagnose(options: DiagnosisOptions = {}): Diagnosis {
  const {
    dataPageCount = 1,
    paths: given = HOST_PATHS,
    loadAddon = addon,
  } = plainOptions(options, ['dataPageCount', 'paths', 'loadAddon']);
  const paths = plainPaths(given);
  const loaded = load(loadAddon);
  const native = typeof loaded === 'string' ? null : loaded;
  const capabilities = capabilitiesOrNull(paths);
  const trial = native === null ? null : tried(native, dataPageCount);
  const found: Check[] = [
    checked('kernel', () => checks.kernel()),
    checked('architecture', () => checks.architecture()),
    checks.addon(typeof loaded === 'string' ? loaded : null),
    ...checks.CHECKED_CAPABILITIES.map((name) => checked(name, () => checks.capability(name, capabilities))),
    checked('perf_event_paranoid', () => checks.perfEventParanoid(capabilities, paths)),
    checked('unprivileged_bpf_disabled', () => checks.unprivilegedBpfDisabled(capabilities, paths)),
    checked('locked memory', () => checks.lockedMemory(capabilities, paths)),
    checked('largest ring', () => checks.largestRing(capabilities, paths, native)),
    checked('BTF', () => checks.btf(paths)),
    checked('tracefs', () => checks.tracefs(paths, native)),
    checked('bpffs', () => checks.bpffs(paths)),
    checked('seccomp', () => checks.seccomp(paths)),
    checked('CPUs possible', () => checks.possible(paths)),
    checked('CPUs online', () => checks.online(paths)),
    ...(trial === null ? [] : trialChecks(trial)),
  ];
  const ready = trial !== null && Object.values(trial).every((outcome) => outcome === 'worked');
  return { checks: found, ready };
}

/** @returns the addon, or why there is none */
function load(loadAddon: () => NativeAddon): NativeAddon | string {
  try {
    return loadAddon();
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

/** A failure to undo counts as one of the program: it is not to be used then. */
function tried(native: NativeAddon, dataPageCount: number): Trial {
  try {
    return tryCollection(native, dataPageCount);
  } catch (failure) {
    return { perfEvents: 'not tried', rings: 'not tried', array: 'not tried', program: { failure } };
  }
}

function trialChecks(trial: Trial): Check[] {
  const moreMemory = asRoot('sysctl kernel.perf_event_mlock_kb=65536');
  return [
    trialCheck('perf_event_open', 'an event opened on every online CPU', trial.perfEvents),
    trialCheck('rings', 'a ring mapped for each of them', trial.rings, moreMemory),
    trialCheck('bpf', 'a perf event array created and filled', trial.array),
    trialCheck('program', 'the default built-in program loaded and attached', trial.program),
  ];
}

function trialCheck(name: string, worked: string, outcome: Outcome, mend?: string): Check {
  if (outcome === 'worked') return { name, status: 'ok', value: worked, needed: true };
  if (outcome === 'not tried')
    return { name, status: 'note', value: 'not tried, after what failed', needed: true };
  const check: Check = { name, status: 'missing', value: oneLine(outcome.failure), needed: true };
  return mend === undefined ? check : { ...check, mend };
}
