import { summary } from '../harness/statistics.mjs';
import { Subject } from '../harness/subject.mjs';
import { spread, table } from '../harness/table.mjs';

const RINGS = [2, 4, 16, 64, 256, 1024];
/** Records that follow one another in one ring: never two (but by chance), and bursts. */
const RUNS = [1, 32];

async function measure(bench, contender, rings, run) {
  const rounds = bench.quick ? 7 : 31;
  const subject = new Subject({ ...contender, cpu: bench.cpus.reader });
  const merged = [];
  const plain = [];
  try {
    const { records } = await subject.ask({ do: 'fill', rings, run });
    for (let round = -20; round < rounds; round++) {
      for (const [ordered, results] of [
        [0, plain],
        [1, merged],
      ]) {
        const pass = await subject.ask({ do: 'pass', ordered });
        if (pass.records !== records || pass.gaps !== 0) {
          throw new Error(
            `${contender.name}: ${pass.records} of ${records} records, ${pass.gaps} out of place`,
          );
        }
        if (round >= 0) results.push(pass.ns / pass.records);
      }
    }
  } finally {
    await subject.end();
  }
  const ratios = merged.map((value, round) => value / plain[round]);
  return { rings, run, rounds, plain: summary(plain), merged: summary(merged), ratio: summary(ratios) };
}

export const merge = {
  title: 'merge: records of many rings in memory, in order of time (ours only)',
  async run(bench) {
    const entries = [];
    for (const contender of bench.contenders.merge) {
      for (const rings of bench.quick ? [2, 64, 1024] : RINGS) {
        for (const run of RUNS) {
          bench.progress(`${rings} rings, runs of ${run}`);
          try {
            entries.push(await measure(bench, contender, rings, run));
          } catch (error) {
            bench.fault(error);
          }
        }
      }
    }
    const text = table(
      ['rings', 'in runs of', 'drain, ns', 'merge, ns', 'merge / drain'],
      entries.map((entry) => [
        String(entry.rings),
        String(entry.run),
        spread(entry.plain, 2),
        spread(entry.merged, 2),
        spread(entry.ratio, 2),
      ]),
    );
    const note = `4 MiB of 64-byte records over all rings together; the ring of each run drawn at random. Drain: the same rings, one after the other. Median (middle half) of ${entries[0]?.rounds} rounds after 20.`;
    return { text: `${text}\n\n${note}`, data: entries };
  },
};
