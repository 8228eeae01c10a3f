// Ours in the queries row, by the line protocol: PerfMapReader.drain() of a query. The variants are those of
// bench/peers/libbpf/queries.h.
import { now, serve } from './line-loop.mjs';
import { fromDist, loadProgram } from './load-source.mjs';

const { defineLayout, PerfEventArray, PerfMapReader, prepareQuery } = fromDist('index');

const PACKET = new Uint8Array(64);
/** More than a ring of the row holds. */
const ROWS = 1 << 15;

const layout = defineLayout([
  { name: 'sequence', kind: 'u64' },
  { name: 'time', kind: 'u64' },
  { name: 'zero', kind: 'u32' },
  { name: 'low', kind: 'u8', offset: 0 },
  { name: 'timeLow', kind: 'u8', offset: 8 },
]);

const sequence = new BigUint64Array(ROWS);
const QUERIES = {
  column: { columns: { sequence } },
  columns: { columns: { sequence, time: new BigUint64Array(ROWS), zero: new Uint32Array(ROWS) } },
  filter: { columns: { sequence }, where: ['timeLow', '<', 128] },
  sum: { sum: ['time'] },
  histogram: { histogram: ['time'] },
  count: { groupBy: 'low' },
};

let opened = null;

/** How often a number in the column is not the one that follows. */
function gapsIn(rows) {
  let gaps = 0;
  for (let row = 1; row < rows; row++) if (sequence[row] !== sequence[row - 1] + 1n) gaps++;
  return gaps;
}

serve({
  open({ map: id, cpu, ringBytes, instructions, variant }) {
    const map = PerfEventArray.openById(id);
    const reader = PerfMapReader.open(map, { cpus: [cpu], bufferBytes: ringBytes, wakeup: 'manual' });
    const query = prepareQuery(layout, QUERIES[variant]);
    opened = {
      map,
      reader,
      query,
      isGapless: variant.startsWith('column'),
      program: loadProgram(instructions),
    };
    return { ready: 1 };
  },
  drain({ records, cycles }) {
    const { reader, query, program, isGapless } = opened;
    let milliseconds = 0;
    let gaps = 0;
    query.clear();
    for (let cycle = 0; cycle < cycles; cycle++) {
      query.clearRows();
      program.testRun({ dataIn: PACKET, repeat: records });
      const start = now();
      reader.drain(query);
      milliseconds += now() - start;
      if (isGapless) gaps += gapsIn(query.rows);
    }
    return { ns: Math.round(milliseconds * 1e6), records: query.samples - query.short, gaps, lost: 0 };
  },
  close() {
    opened.reader.close();
    opened.map.close();
    opened.program.close();
    opened = null;
    return { closed: 1 };
  },
});
