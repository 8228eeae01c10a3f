import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PROGRAM = join(__dirname, '../../support/optimised-loops.cjs');
const DIST = join(__dirname, '../../../dist/bundle/perfring.js');

/** PERFRING_FRESH_PROCESSES=200 for a longer look: what goes wrong does so in some processes only. */
const { PERFRING_FRESH_PROCESSES = '20' } = process.env;
const PROCESSES = Number(PERFRING_FRESH_PROCESSES);
/** Samples, and the size of their ring; most of all where one call of a loop could go on for long. */
const WORK = [
  ['mixed', 4_194_304],
  ['equal', 4_194_304],
  ['two', 4_194_304],
  ['mixed', 524_288],
  ['equal', 65_536],
] as const;

describe('a fresh process', () => {
  it(
    `has V8 compile the loop for its samples whole: each of ${PROCESSES}`,
    async () => {
      const stuck: unknown[] = [];
      for (let started = 0; started < PROCESSES; started++) {
        const work = WORK[started % WORK.length] as (typeof WORK)[number];
        const { stdout } = await run(process.execPath, [
          '--allow-natives-syntax',
          PROGRAM,
          DIST,
          ...work.map(String),
        ]);
        const { compiled, records } = JSON.parse(stdout);
        if (compiled !== true) stuck.push({ started, work, records });
      }
      expect(stuck).toEqual([]);
    },
    PROCESSES * 30_000,
  );
});
