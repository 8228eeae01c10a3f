import { drainTable, ofPayloads } from './drain.mjs';

export const cliff = {
  title:
    'cliff: our drain when other visitors and readers are at work, records wrap and are lost, and through for await',
  run(bench) {
    return drainTable(bench, bench.contenders.cliff, {
      // Of 40 bytes: records of 56, one of which wraps each lap.
      samples: bench.quick ? ofPayloads(40) : ofPayloads(16, 40),
      rings: [256, 4096].map((kibibytes) => kibibytes * 1024),
      base: 'perfring drain',
    });
  },
};
