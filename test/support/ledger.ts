/**
 * Counts the kernel resources of this process, and asserts that a test file left none open. Import it in every file
 * that opens something, and end the file with `afterAll(expectNothingLeft)`.
 */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { OpenHandles } from '../../lib/addon/contract';
import { addon } from '../../lib/addon/load';

export interface Ledger {
  /** Kind -> how many: `anon_inode:[perf_event]`, `anon_inode:bpf-map`, … Regular files are not counted. */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Mappings of perf events. */
  readonly ringMappings: number;
  /** Open handles of the addon in this environment. */
  readonly handles: OpenHandles;
}

export function takeLedger(): Ledger {
  return {
    descriptors: anonymousDescriptors(),
    ringMappings: ringMappings(),
    handles: addon().openHandles(),
  };
}

/** Collects garbage, with or without --expose-gc, and lets finalizers run. */
export async function collectGarbage(): Promise<void> {
  gc ??= exposeGc();
  gc();
  // Finalizers of Node-API run in a later turn of the event loop, and what they release is collected in the one after.
  await setImmediate();
  await setImmediate();
}

/** The state when this file was imported, before the test file opened anything. */
const atImport = takeLedger();

/** How often garbage is collected before the check fails. Finalizers may need more than one round. */
const ROUNDS = 10;

/** Fails when the process has more kernel resources open than when this module was imported. */
export async function expectNothingLeft(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await collectGarbage();
    if (JSON.stringify(takeLedger()) === JSON.stringify(atImport)) break;
  }
  expect(takeLedger()).toEqual(atImport);
}

let gc: (() => void) | undefined;

function exposeGc(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

function anonymousDescriptors(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const fd of readdirSync('/proc/self/fd').sort()) {
    const kind = kindOf(fd);
    if (kind !== null) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).sort());
}

/** `null` for a file, pipe or socket, and for the descriptor that was open only to read the directory. */
function kindOf(fd: string): string | null {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`);
    return target.startsWith('anon_inode:') ? target : null;
  } catch {
    return null;
  }
}

function ringMappings(): number {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('anon_inode:[perf_event]')).length;
}
