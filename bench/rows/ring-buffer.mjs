import { RING_BUFFER_BASE } from '../harness/contenders.mjs';
import { RING_BUFFER } from '../harness/drain-cell.mjs';
import { drainTable, ofPayloads } from './drain.mjs';
import { streamTable } from './stream.mjs';

export const ringBuffer = {
  title: 'ring buffer maps: consume a full ring, reading and checking a 64-bit number of every record',
  run(bench) {
    const samples = bench.quick ? ofPayloads(16, 48) : ofPayloads(16, 32, 48, 64);
    const rings = bench.quick ? [64, 256, 4096] : [64, 256, 1024, 4096];
    return drainTable(bench, bench.contenders.ringBufferDrain, {
      samples: [...samples, { payload: 24, sizes: 'mixed' }],
      rings: rings.map((kibibytes) => kibibytes * 1024),
      base: RING_BUFFER_BASE,
      kind: RING_BUFFER,
    });
  },
};

export const ringBufferStream = {
  title:
    'ring buffer maps, end to end: every reader in its default settings, producer and reader on two CPUs',
  run: (bench) => streamTable(bench, bench.contenders.ringBufferStream, RING_BUFFER),
};
