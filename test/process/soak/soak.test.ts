import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describeWith } from '../../support/privilege';
import { SCENE_CAPABILITIES } from '../../support/reader-scene';
import type { SoakReport, SoakTask } from '../../support/soak-main';

/** A small part of every run; `node scripts/soak.mjs` reads a hundred million. */
const RECORDS = 1_000_000;
/** More than V8 and malloc breathe by, and far less than one byte kept of each record would be. */
const MOST_RSS_GROWTH = 16e6;
const MOST_HEAP_GROWTH = 1e6;

function soak(task: SoakTask): SoakReport {
  const support = join(__dirname, '../../support');
  const args = ['-r', join(support, 'register-typescript.cjs'), join(support, 'soak-main.ts')];
  const output = execFileSync(process.execPath, ['--expose-gc', ...args, JSON.stringify(task)]);
  return JSON.parse(output.toString()) as SoakReport;
}

describeWith(SCENE_CAPABILITIES, 'a long read of a flood of samples on every CPU', () => {
  it.each(['cpu', 'time'] as const)(
    "has every byte of every sample right, accounts for all, and keeps nothing of them: order '%s'",
    (order) => {
      const { errors, emitted, received, lost, unaccounted, memory } = soak({ records: RECORDS, order });
      expect(errors).toEqual([]);
      expect(received).toBeGreaterThanOrEqual(RECORDS);
      expect([received + lost, unaccounted]).toEqual([emitted, 0]);
      // The first marks see code being compiled.
      const [early, last] = [memory[4], memory.at(-1)];
      if (early === undefined || last === undefined) throw new Error('no memory was looked at');
      expect(last.rss - early.rss).toBeLessThan(MOST_RSS_GROWTH);
      expect(last.heapUsed + last.external - early.heapUsed - early.external).toBeLessThan(MOST_HEAP_GROWTH);
    },
  );
});
