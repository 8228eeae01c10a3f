import { drainTable, ofPayloads } from './drain.mjs';

export const copy = {
  title: 'copy: the same, and every payload copied out into memory of the reader',
  run(bench) {
    return drainTable(bench, bench.contenders.copy, {
      samples: bench.quick ? ofPayloads(48) : ofPayloads(16, 48, 256),
      rings: (bench.quick ? [1024] : [64, 1024, 4096]).map((kibibytes) => kibibytes * 1024),
    });
  },
};
