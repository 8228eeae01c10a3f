import { setImmediate as nextTurn } from 'node:timers/promises';
import { addon } from '../../lib/addon/load';
import { AddonFuzz } from './fuzz-addon';
import { fuzzBytes } from './fuzz-bytes';
import { fuzzCollector } from './fuzz-collector';
import { HostileThread } from './fuzz-hostile';
import { endPackageFuzz, PackageFuzz } from './fuzz-package';

export interface FuzzTask {
  readonly what: keyof typeof FUZZERS;
  /** The seed of the first sequence. Each further one has the next number. */
  readonly seed: number;
  readonly seconds: number;
  /** Stop after this many sequences. */
  readonly sequences?: number;
}

export type FuzzLine =
  | { readonly kind: 'sequence'; readonly seed: number }
  | { readonly kind: 'finding'; readonly seed: number; readonly finding: string }
  | { readonly kind: 'done'; readonly sequences: number; readonly cases: number };

export interface Fuzzer {
  sequence(seed: number): Promise<{ readonly findings: readonly string[]; readonly cases: number }>;
  uncaught?(error: unknown): void;
  /** @returns findings about what is still open */
  end(): Promise<readonly string[]>;
}

export const FUZZERS = {
  package: (): Fuzzer => {
    let current: PackageFuzz | undefined;
    return {
      async sequence(seed) {
        current = new PackageFuzz(seed);
        await current.run();
        return { findings: current.findings, cases: current.calls };
      },
      uncaught: (error) => current?.uncaught(error),
      async end() {
        current = undefined;
        endPackageFuzz();
        return await handlesLeft();
      },
    };
  },
  addon: (): Fuzzer => {
    let current: AddonFuzz | undefined;
    return {
      async sequence(seed) {
        current = new AddonFuzz(seed);
        await current.run();
        return { findings: current.findings, cases: current.calls };
      },
      uncaught: (error) => current?.uncaught(error),
      async end() {
        current = undefined;
        return await handlesLeft();
      },
    };
  },
  bytes: (): Fuzzer => {
    return { sequence: async (seed) => fuzzBytes(seed), end: async () => [] };
  },
  hostile: (): Fuzzer => {
    const thread = new HostileThread(1);
    return { sequence: (seed) => thread.sequence(seed), end: () => thread.end() };
  },
  collector: (): Fuzzer => {
    return { sequence: fuzzCollector, end: async () => [] };
  },
} satisfies Readonly<Record<string, () => Fuzzer>>;

/** Collects garbage until no handle is open. @returns a finding if some stay open */
async function handlesLeft(): Promise<string[]> {
  let open = '';
  for (let round = 0; round < 20; round++) {
    (globalThis as { gc?: () => void }).gc?.();
    await nextTurn();
    await nextTurn();
    const handles = addon().openHandles();
    if (Object.values(handles).every((count) => count === 0)) return [];
    open = JSON.stringify(handles);
  }
  return [`left open: ${open}`];
}
