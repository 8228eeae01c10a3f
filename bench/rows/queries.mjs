import { drainTable, ofPayloads } from './drain.mjs';

const TASKS = {
  column: 'one column (u64)',
  columns: 'three columns (u64, u64, u32)',
  filter: 'one column of the samples that meet a condition (a half)',
  sum: 'a sum (u64)',
  histogram: 'a histogram by powers of two (u64)',
  count: 'counts by key (256 keys)',
};

export const queries = {
  title: 'queries: a full ring, against the C callback of libbpf that does the same',
  async run(bench) {
    const samples = [...ofPayloads(48), { payload: 24, sizes: 'mixed' }, ...ofPayloads(1024)];
    const texts = [];
    const data = {};
    for (const [task, title] of Object.entries(TASKS)) {
      const contenders = bench.contenders.queries.map((one) => ({ ...one, variant: task }));
      const result = await drainTable(bench, contenders, {
        samples,
        rings: [512 * 1024],
        base: 'libbpf, the same',
      });
      texts.push(`**${title}**\n\n${result.text}`);
      data[task] = result.data;
    }
    return { text: texts.join('\n\n'), data };
  },
};
