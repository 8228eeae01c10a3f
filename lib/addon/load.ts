/**
 * Loads the addon on first use, so that code that calls no native function (`--help`, many tests) works without a
 * build. This is the only module that imports `bindings`.
 */

import { basename, dirname, join, resolve, sep } from 'node:path';
import { PerfRingError } from '../errors';
import { gotPrivilegesByFile } from './auxiliary-vector';
import { BUNDLED_REMEDY, bundledMessage } from './bundled';
import type { NativeAddon } from './contract';

/** Two levels up from lib/addon, dist/addon, dist/bundle and dist/bin. */
const PACKAGE_ROOT = join(__dirname, '..', '..');

let loaded: NativeAddon | undefined;
/** The addon or error that {@link withAddon} set. */
let replacement: NativeAddon | Error | undefined;

/**
 * Returns the addon. The first call loads it. If the environment variable PERFRING_ADDON is set, only that path is
 * tried (for example a build with sanitizers). Otherwise it is build/Release, where a local build puts it, and then
 * prebuilds/linux-ARCH, which comes with the package. PERFRING_ADDON is ignored in a process that got privileges from
 * its file (setuid, capabilities). In a bundle only PERFRING_ADDON is tried.
 * @throws PerfRingError ERR_PERF_ADDON_MISSING when the addon can't be loaded; `cause` is the reason
 */
export function addon(): NativeAddon {
  if (replacement instanceof Error) throw replacement;
  if (replacement !== undefined) return replacement;
  loaded ??= load();
  return loaded;
}

/**
 * For tests: calls `run` with another addon, or with an error that {@link addon} throws. Objects that `run` opens keep
 * that addon. It is set only until `run` returns, so `run` must be synchronous.
 * @internal
 */
export function withAddon<Result>(given: NativeAddon | Error, run: () => Result): Result {
  const before = replacement;
  replacement = given;
  try {
    return run();
  } finally {
    replacement = before;
  }
}

/** Whether the addon can be loaded. If so, it is loaded. */
export function addonAvailable(): boolean {
  try {
    addon();
    return true;
  } catch {
    return false;
  }
}

function load(): NativeAddon {
  // Loaded here, because a program may never use the addon.
  const bindings = require('bindings') as typeof import('bindings');
  let cause: unknown;
  for (const path of candidates()) {
    try {
      return bindings({
        bindings: basename(path),
        module_root: dirname(path),
        // Only this path: by default `bindings` would silently prefer a debug build.
        try: [['module_root', 'bindings']],
      });
    } catch (error) {
      // Report why an existing file did not load, rather than that another does not exist.
      if (cause === undefined || isNotFound(cause)) cause = error;
    }
  }
  throw new PerfRingError('ERR_PERF_ADDON_MISSING', missingMessage(cause), { cause });
}

function candidates(): string[] {
  const chosen = chosenPath();
  if (chosen) return [resolve(chosen)];
  if (isBundled()) return [];
  return [
    join(PACKAGE_ROOT, 'build', 'Release', 'perfring.node'),
    join(PACKAGE_ROOT, 'prebuilds', `linux-${process.arch}`, 'perfring.node'),
  ];
}

/** The path in PERFRING_ADDON; undefined when it is not set, and in a process whose environment is not trusted. */
function chosenPath(): string | undefined {
  const { PERFRING_ADDON: chosen } = process.env;
  return chosen && !gotPrivilegesByFile() ? chosen : undefined;
}

/**
 * Whether `bindings` found no file. Then its message lists the paths it tried; errors of dlopen(3) are passed on as
 * they are.
 */
function isNotFound(cause: unknown): boolean {
  return messageOf(cause).startsWith('Could not locate the bindings file');
}

function missingMessage(cause: unknown): string {
  const chosen = chosenPath();
  const reason = isNotFound(cause) ? 'there is none' : messageOf(cause).split('\n', 1)[0];
  if (chosen) return `cannot load the native addon named by PERFRING_ADDON, ${chosen}: ${reason}`;
  if (isBundled()) return `cannot load the native addon: ${bundledMessage(__filename)}`;
  const musl = isMusl() ? '; the addon in the package needs glibc, and this system has musl' : '';
  return `cannot load the native addon for linux-${process.arch}: ${reason}${musl}; build it with: ${buildCommand()}`;
}

/** What to do when the addon can't be loaded: a command, or for a bundled application what to change. */
export function addonRemedy(): string {
  return isBundled() ? BUNDLED_REMEDY : buildCommand();
}

function buildCommand(): string {
  const installed = PACKAGE_ROOT.includes(`${sep}node_modules${sep}`);
  const build = installed ? 'npm explore perfring -- npm run build:addon' : 'npm run build:addon';
  return isMusl() ? `apk add g++ make cmake && ${build}` : build;
}

/** Whether this code is part of another application's bundle. Then the directories around it are not the package's. */
function isBundled(): boolean {
  return !/\/((lib|dist)\/addon\/load\.[jt]s|dist\/(bin|bundle)\/perfring\.js)$/.test(__filename);
}

/**
 * Whether Node runs with musl: its report has no version of glibc then. The report takes milliseconds, so call this
 * only for errors.
 */
function isMusl(): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined;
}

function messageOf(cause: unknown): string {
  // Not `instanceof Error`: in jest the error can come from another realm.
  return typeof cause === 'object' && cause !== null && 'message' in cause
    ? String(cause.message)
    : String(cause);
}
