import { drainTable, ofPayloads } from './drain.mjs';

export const sizes = {
  title: 'sizes: the same for samples of mixed sizes, of two sizes in turn, and of payloads up to 32 KiB',
  run(bench) {
    const several = [
      { payload: 24, sizes: 'mixed' },
      { payload: 48, sizes: 'two' },
    ];
    const payloads = bench.quick ? ofPayloads(24, 1024) : ofPayloads(16, 24, 256, 1024, 4096, 32_768);
    return drainTable(bench, bench.contenders.sizes, {
      samples: [...several, ...payloads],
      rings: (bench.quick ? [512] : [256, 512, 4096]).map((kibibytes) => kibibytes * 1024),
      base: 'libbpf event_cb',
    });
  },
};
