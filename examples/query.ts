// Writes to files, in memory: how many, how large and how slow, by process. A reader of BPF samples takes the same queries.
import { defineLayout, MemoryRingStorage, prepareQuery } from 'perfring';

const layout = defineLayout([
  { name: 'pid', kind: 'u32' },
  { name: 'bytes', kind: 'u32' },
  { name: 'nanoseconds', kind: 'u64' },
]);

function write(pid: number, bytes: number, nanoseconds: bigint): Uint8Array {
  const sample = new DataView(new ArrayBuffer(layout.size));
  sample.setUint32(0, pid, true);
  sample.setUint32(4, bytes, true);
  sample.setBigUint64(8, nanoseconds, true);
  return new Uint8Array(sample.buffer);
}

const { ring } = new MemoryRingStorage({ dataPageCount: 16 });
ring.startWriteBatch();
for (let i = 0; i < 1000; i++) ring.write(write(i % 3, 512 * (i % 16), BigInt(i)));
ring.finishWriteBatch();

const byProcess = prepareQuery(layout, {
  where: ['bytes', '>=', 4096],
  groupBy: 'pid',
  sum: ['bytes'],
  histogram: ['nanoseconds'],
});
ring.startReadBatch();
ring.visit(byProcess, { limit: 500 });
for (const { key, count, sums, histograms } of byProcess.groups()) {
  const slow = histograms.nanoseconds.slice(9).reduce((sum, bucket) => sum + bucket, 0);
  console.log(`process ${key}: ${count} writes, ${sums.bytes} bytes, ${slow} took 256 ns or more`);
}

const columns = { pid: new Uint32Array(300), nanoseconds: new Float64Array(300) };
const rows = prepareQuery(layout, { columns });
while (ring.visit(rows) > 0) {
  const slowest = Math.max(...columns.nanoseconds.subarray(0, rows.rows));
  console.log(`${rows.rows} rows, the slowest ${slowest} ns`);
  rows.clearRows();
}
ring.finishReadBatch();
ring.close();
