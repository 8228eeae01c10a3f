import { addon } from '../../../lib/addon/load';
import { defineLayout } from '../../../lib/layout/sample-layout';
import { prepareQuery } from '../../../lib/query/sample-query';
import { MmapRingStorage } from '../../../lib/storage/mmap-ring-storage';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { CPUS, ReaderScene, SCENE_CAPABILITIES } from '../../support/reader-scene';
import { codeOf } from '../../support/ring-errors';

afterAll(expectNothingLeft);

const [CPU = 0] = CPUS;
/** The first field of payloads of the scene's producer. */
const layout = defineLayout([{ name: 'sequence', kind: 'u64' }]);

describeWith(SCENE_CAPABILITIES, 'a query of a reader', () => {
  const manual = { wakeup: 'manual' } as const;

  it('finds each sample once, of sizes that differ and records that wrap, and the accounts are exact', () => {
    using s = new ReaderScene({ ...manual, bufferBytes: 16_384 }, { sizes: [48, 48, 200, 8, 1000] });
    const sequence = new BigUint64Array(10_000);
    const cpu = new Int32Array(10_000);
    const query = prepareQuery(layout, {
      columns: { sequence, 'record.cpu': cpu },
      groupBy: 'record.cpu',
      sum: ['sequence'],
    });
    let visited = 0;
    for (let round = 0; round < 60; round++) {
      s.emitEverywhere(20);
      visited += s.reader.drain(query);
    }
    expect([visited, query.rows]).toEqual([1200 * CPUS.length, 1200 * CPUS.length]);
    for (const one of CPUS) {
      const seen = [...sequence.subarray(0, query.rows)].filter((_, row) => cpu[row] === one);
      expect(seen).toEqual(Array.from({ length: 1200 }, (_, i) => BigInt(i)));
      const account = s.reader.stats().cpus.find((account) => account.cpu === one);
      expect([account?.received, account?.lost]).toEqual([1200, 0]);
    }
    expect(query.groups().map(({ key, count, sums }) => [key, count, sums.sequence])).toEqual(
      expect.arrayContaining(CPUS.map((one) => [one, 1200, (1199n * 1200n) / 2n])),
    );
  });

  it('leaves lost records to their visitor, and received + lost is what was emitted', () => {
    using s = new ReaderScene({ ...manual, bufferBytes: 4096 });
    const query = prepareQuery(layout, { sum: ['sequence'] });
    const lost: number[] = [];
    for (let round = 0; round < 3; round++) {
      s.producer.emit(200, { cpu: CPU });
      s.reader.drain({ sample: query, lost: (record) => lost.push(record.lost) });
    }
    const { received, lost: lostInAll } = s.reader.stats().total;
    expect([received, received + lostInAll]).toEqual([query.samples, s.emitted(CPU)]);
    expect(lost).toHaveLength(2);
    expect(lostInAll).toBeGreaterThan(lost[0] as number);
  });

  it('takes batches as they come, and stays within limits', async () => {
    using s = new ReaderScene({}, { sizes: [48, 56] });
    const query = prepareQuery(layout, {
      where: ['sequence', '>=', 10],
      columns: { sequence: new Float64Array(1000) },
    });
    s.producer.emit(500, { cpu: CPU });
    const visits: number[] = [];
    for await (const batch of s.reader) {
      visits.push(batch.forEach(query, { records: 300 }), batch.forEach(query));
      break;
    }
    expect([visits, query.samples, query.matched]).toEqual([[300, 200], 500, 490]);
  });

  it('leaves in the ring what found no row', () => {
    using s = new ReaderScene({ ...manual, cpus: [CPU] });
    const sequence = new BigUint64Array(30);
    const query = prepareQuery(layout, { columns: { sequence } });
    s.producer.emit(70, { cpu: CPU });
    const visits: number[] = [];
    while (visits.at(-1) !== 0) {
      visits.push(s.reader.drain(query));
      query.clearRows();
    }
    expect([visits, sequence[9]]).toEqual([[30, 30, 10, 0], 69n]);
    expect(s.reader.stats().total.received).toBe(70);
  });

  it('is refused by a reader in time order, which loses nothing by it', () => {
    using s = new ReaderScene({ ...manual, order: 'time', slackNanoseconds: 0 });
    s.producer.emit(5, { cpu: CPU });
    const query = prepareQuery(layout, {});
    expect(codeOf(() => s.reader.drain(query))).toBe('ERR_PERF_NOT_SUPPORTED');
    expect(s.reader.drain(s.check.visitor)).toBe(5);
  });

  it('never writes into the memory of a mapped ring', () => {
    using storage = MmapRingStorage.open({ cpu: CPU, dataPageCount: 1 });
    const sequence = new BigUint64Array(storage.unsafeMemory, addon().pageSize());
    const query = prepareQuery(layout, { columns: { sequence } });
    using s = new ReaderScene(manual);
    s.producer.emit(5, { cpu: CPU });
    expect(codeOf(() => s.reader.drain(query))).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(() => s.reader.drain(query)).toThrow(/in the memory of a ring that the kernel writes/);
    expect(s.reader.drain(s.check.visitor)).toBe(5);
  });
});
