import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { summary } from '../harness/statistics.mjs';
import { fixed, spread, table } from '../harness/table.mjs';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

/** What is loaded, by a program for `node -e`. The first loads nothing: what Node takes by itself. */
const LOADED = [
  ['nothing', ''],
  ['the package', `require(${JSON.stringify(join(DIST, 'bundle/perfring.js'))});`],
  ['its modules one by one', `require(${JSON.stringify(join(DIST, 'index.js'))});`],
];

/** Milliseconds of the clock and of the CPU (all threads), measured in a new process. */
function loadOnce(bench, load) {
  const program = `
    const cpu = process.cpuUsage();
    const begun = performance.now();
    ${load}
    const clock = performance.now() - begun;
    const { user, system } = process.cpuUsage(cpu);
    const all = process.cpuUsage();
    console.log(JSON.stringify({ clock, cpu: (user + system) / 1000, process: (all.user + all.system) / 1000 }));`;
  const pinned = ['-c', String(bench.cpus.reader), process.execPath, '-e', program];
  return JSON.parse(execFileSync('taskset', pinned, { encoding: 'utf8' }));
}

export const require = {
  title: 'require: loading the package in a new process',
  async run(bench) {
    const rounds = bench.quick ? 7 : 41;
    const entries = LOADED.map(([name, load]) => ({ name, load, measured: [] }));
    for (let round = -1; round < rounds; round++) {
      bench.progress(`round ${round + 1}`);
      for (const { load, measured } of entries) {
        const took = loadOnce(bench, load);
        if (round >= 0) measured.push(took);
      }
    }
    const [nothing] = entries;
    const data = entries.map(({ name, measured }) => ({
      name,
      clock: summary(measured.map(({ clock }) => clock)),
      cpu: summary(measured.map(({ cpu }) => cpu)),
      ofNode: summary(measured.map(({ process }, round) => process / nothing.measured[round].process)),
    }));
    const text = table(
      ['loaded', 'ms', 'least', 'CPU ms', 'least', 'process / bare node'],
      data.map(({ name, clock, cpu, ofNode }) => [
        name,
        spread(clock, 1),
        fixed(clock.min, 1),
        spread(cpu, 1),
        fixed(cpu.min, 1),
        spread(ofNode, 2),
      ]),
    );
    const note = `Median (middle half) of ${rounds} processes after one, in turn. The last column compares the CPU time of whole processes, round by round.`;
    return { text: `${text}\n\n${note}`, data };
  },
};
