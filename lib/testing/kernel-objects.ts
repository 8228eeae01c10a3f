import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

/** What a process holds in the kernel for BPF and perf events: how many, by kind. */
export type KernelObjects = Readonly<Record<string, number>>;

/** Descriptors of BPF and perf events in /proc/PID/fd. */
const KINDS = /^anon_inode:\[?(bpf[\w-]*|btf|perf_event)\]?$/;
/** Mappings of perf events and of ring buffer maps in /proc/PID/maps. */
const MAPPINGS = /anon_inode:\[?(bpf[\w-]*|perf_event)\]?$/gm;

/** Counts the maps, programs, links, perf events and mapped rings of this process, from /proc. */
export function kernelObjects(): KernelObjects {
  const counts = new Map<string, number>();
  const count = (kind: string): unknown => counts.set(kind, (counts.get(kind) ?? 0) + 1);
  for (const fd of readdirSync('/proc/self/fd')) {
    const kind = KINDS.exec(targetOf(fd))?.[1];
    if (kind !== undefined) count(kind);
  }
  for (const [, kind] of readFileSync('/proc/self/maps', 'utf8').matchAll(MAPPINGS)) count(`mapped ${kind}`);
  return Object.fromEntries([...counts].sort());
}

/** The descriptor of the folder itself is closed again. */
function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

/** How often the event loop turns before something counts as left: closing may end in a later turn. */
const TURNS = 20;

/**
 * Checks that the process holds no more in the kernel than before, so that a test leaves nothing behind.
 *
 * ```ts
 * const before = kernelObjects();
 * afterAll(() => expectNothingLeft(before));
 * ```
 * @throws Error with what is left
 */
export async function expectNothingLeft(before: KernelObjects = {}): Promise<void> {
  let left: string[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    left = Object.entries(kernelObjects())
      .map(([kind, count]) => ({ kind, more: count - (before[kind] ?? 0) }))
      .filter(({ more }) => more > 0)
      .map(({ kind, more }) => `${more} ${kind}`);
    if (left.length === 0) return;
    await setImmediate();
  }
  throw new Error(`left in the kernel by this process: ${left.join(', ')}`);
}
