import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onlineCpus } from '../../../lib/index';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { cli } from './cli-process';

const PRELOADED = join(__dirname, '../../support/made-from-strings.cjs');
const CPUS = onlineCpus();

/** How samples are visited, and the loop of lib that does it. */
const WAYS = [
  { way: 'ring by ring', order: 'cpu', cpus: 1, loop: 'sampleLoopsOf' },
  { way: 'in order of time', order: 'time', cpus: 1, loop: 'mergeOf' },
  { way: 'in order of time over two rings', order: 'time', cpus: 2, loop: 'pairMergeOf' },
].filter(({ cpus }) => cpus <= CPUS.length);

/** Enough for a visitor to earn a copy (lib/ring/specialise.ts). */
const SAMPLES = 100_000;

describeWith(READER_CAPABILITIES, 'the loops of the command, which is one file', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'perfring-loops-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it.each(WAYS)('are copied for their visitor: $way', async ({ order, cpus, loop }) => {
    const made = join(directory, 'made.json');
    // Each of the CPUs has something to write: two rings are a pair only while both hold records.
    const busy = CPUS.slice(0, cpus).map((cpu) =>
      spawn('taskset', ['-c', `${cpu}`, 'dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1'], { stdio: 'ignore' }),
    );
    try {
      await Promise.all(busy.map((process) => once(process, 'spawn')));
      const rings = ['--cpus', CPUS.slice(0, cpus).join(','), '--order', order];
      const args = ['collect', '--builtin', 'sys_enter', ...rings];
      const { code, stderr } = await cli([...args, '--count', `${SAMPLES}`, '--format', 'raw', '--quiet'], {
        environment: { NODE_OPTIONS: `--require "${PRELOADED}"`, MADE_FROM_STRINGS: made },
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    } finally {
      const closed = Promise.all(busy.map((process) => once(process, 'close')));
      for (const process of busy) process.kill('SIGKILL');
      await closed;
    }
    const sources = JSON.parse(readFileSync(made, 'utf8')) as string[];
    const copies = sources.filter((source) => source.includes(`return (function ${loop}(`));
    // The first was tried, and had it not worked there would be no second.
    expect(copies).toHaveLength(2);
  });
});

afterAll(expectNothingLeft);
