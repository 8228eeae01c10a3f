import { Tally } from '../../../../lib/cli/top/tally';
import { defineLayout } from '../../../../lib/layout/sample-layout';
import { codeOf } from '../../../support/ring-errors';
import { RingFixture } from '../../../support/ring-fixture';
import { sampleBytes } from '../../../support/ring-records';

const layout = defineLayout([
  { name: 'pid', kind: 'u32' },
  { name: 'bytes', kind: 'u64' },
]);

function visit(tally: Tally, samples: readonly (readonly [pid: number, bytes: bigint])[]): void {
  const fixture = new RingFixture();
  fixture.publish(
    ...samples.map(([pid, bytes]) => {
      const view = new DataView(new ArrayBuffer(20));
      view.setUint32(0, pid, true);
      view.setBigUint64(8, bytes, true);
      return sampleBytes(new Uint8Array(view.buffer));
    }),
  );
  fixture.ring.startReadBatch();
  fixture.ring.visit(tally.query);
}

describe('Tally', () => {
  it('counts by key, with rates since the last look, and since the start for the total', () => {
    const tally = new Tally(layout, { by: 'pid', sum: [], hist: [] });
    tally.begin(1000);
    visit(tally, [
      [7, 1n],
      [7, 1n],
      [8, 1n],
    ]);
    const first = tally.look(2000);
    expect(first.rows).toEqual([
      { key: 7, count: 2, perSecond: 2, sums: [] },
      { key: 8, count: 1, perSecond: 1, sums: [] },
    ]);
    visit(tally, [
      [8, 1n],
      [8, 1n],
      [9, 1n],
    ]);
    const second = tally.look(2500);
    expect([second.count, second.perSecond, second.short]).toEqual([6, 6, 0]);
    expect(new Map(second.rows.map(({ key, perSecond }) => [key, perSecond]))).toEqual(
      new Map([
        [7, 0],
        [8, 4],
        [9, 2],
      ]),
    );
    const total = tally.total(4000);
    expect([total.count, total.perSecond]).toEqual([6, 2]);
    expect(total.rows.find(({ key }) => key === 8)?.perSecond).toBe(1);
  });

  it('adds up fields for each key, and counts powers of two over all keys', () => {
    const tally = new Tally(layout, { by: 'pid', sum: ['bytes', 'pid'], hist: ['bytes'] });
    tally.begin(0);
    visit(tally, [
      [7, 2n ** 63n],
      [7, 2n ** 63n],
      [8, 0n],
    ]);
    const { rows, histograms } = tally.look(1000);
    expect(rows.map(({ sums }) => sums)).toEqual([
      [2n ** 64n, 14],
      [0n, 8],
    ]);
    const [bytes] = histograms;
    expect(bytes?.field).toBe('bytes');
    expect(bytes?.buckets).toEqual([1, ...Array(63).fill(0), 2]);
  });

  it('has no rate when no time has passed', () => {
    const tally = new Tally(layout, { by: 'pid', sum: [], hist: [] });
    tally.begin(5);
    visit(tally, [[1, 1n]]);
    expect(tally.look(5).perSecond).toBe(0);
  });

  it('refuses fields that do not exist, or that cannot be used like that', () => {
    for (const fields of [
      { by: 'nothing', sum: [], hist: [] },
      { by: 'pid', sum: ['nothing'], hist: [] },
      { by: 'pid', sum: [], hist: ['nothing'] },
    ]) {
      expect(codeOf(() => new Tally(layout, fields))).toBe('ERR_PERF_INVALID_ARGUMENT');
    }
  });
});
