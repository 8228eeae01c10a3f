/**
 * Loads the addon on first use, so that whoever needs no native function (`--help`, many tests) needs no build.
 * This is the only importer of `bindings`.
 */

import { basename, dirname, join, resolve, sep } from 'node:path';
import bindings from 'bindings';
import { PerfRingError } from '../errors';
import { gotPrivilegesByFile } from './auxiliary-vector';
import { BUNDLED_REMEDY, bundledMessage } from './bundled';
import type { NativeAddon } from './contract';

/** Two levels up, from lib/addon and from dist/addon alike. */
const PACKAGE_ROOT = join(__dirname, '..', '..');

let loaded: NativeAddon | undefined;
/** What {@link withAddon} put in place of the addon. */
let replacement: NativeAddon | Error | undefined;

/**
 * The addon. The first call loads it: from the path in the environment variable PERFRING_ADDON (a build with
 * sanitizers, say), and then from nowhere else, but not in a process that got privileges by its file (setuid,
 * capabilities): there the variable is ignored; or from what was built here (build/Release); or from what came with
 * the package (prebuilds/linux-ARCH). In a bundle only PERFRING_ADDON counts.
 * @throws PerfRingError ERR_PERF_ADDON_MISSING when none of them loads; `cause` has the reason
 */
export function addon(): NativeAddon {
  if (replacement instanceof Error) throw replacement;
  if (replacement !== undefined) return replacement;
  loaded ??= load();
  return loaded;
}

/**
 * Runs a function with another addon, or with an error that loading it throws: the door for tests. What the function opens
 * keeps that addon. It is in place only until the function returns, so the function must be synchronous.
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

/** Whether {@link addon} answers. It is loaded if so. */
export function addonAvailable(): boolean {
  try {
    addon();
    return true;
  } catch {
    return false;
  }
}

function load(): NativeAddon {
  let cause: unknown;
  for (const path of candidates()) {
    try {
      return bindings({
        bindings: basename(path),
        module_root: dirname(path),
        // This path alone: left to itself, `bindings` would prefer a debug build without a word.
        try: [['module_root', 'bindings']],
      });
    } catch (error) {
      // A file that does not load says more than one that is not there.
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

/** What PERFRING_ADDON names, where who sets the environment may choose what code this process runs. */
function chosenPath(): string | undefined {
  const { PERFRING_ADDON: chosen } = process.env;
  return chosen && !gotPrivilegesByFile() ? chosen : undefined;
}

/** `bindings` says so by a list of all it tried; what dlopen(3) says of a file comes as it is. */
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

/** What helps where the addon does not load: a command, or for a bundled application what to change. */
export function addonRemedy(): string {
  return isBundled() ? BUNDLED_REMEDY : buildCommand();
}

function buildCommand(): string {
  const installed = PACKAGE_ROOT.includes(`${sep}node_modules${sep}`);
  const build = installed ? 'npm explore perfring -- npm run build:addon' : 'npm run build:addon';
  return isMusl() ? `apk add g++ make cmake && ${build}` : build;
}

/** Whether this code lies in somebody else's bundle: then the folders around it are not the package's. */
function isBundled(): boolean {
  return !/\/((lib|dist)\/addon\/load\.[jt]s|dist\/bin\/perfring\.js)$/.test(__filename);
}

/** Node's report names the glibc that it runs with, if it does. It takes milliseconds: only for errors. */
function isMusl(): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined;
}

function messageOf(cause: unknown): string {
  // Not `instanceof Error`: under jest the error is of another realm.
  return typeof cause === 'object' && cause !== null && 'message' in cause
    ? String(cause.message)
    : String(cause);
}
