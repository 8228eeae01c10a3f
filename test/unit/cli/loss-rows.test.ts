import { LossRows } from '../../../lib/cli/loss-rows';
import type { ReaderStats } from '../../../lib/index';
import { statsWith } from './reader-stats';

describe('LossRows', () => {
  it('has rows that add up, CPU by CPU, to what the kernel counted', () => {
    const rows: [number, number][] = [];
    const losses = new LossRows({ lost: (cpu: number, lost: number) => rows.push([cpu, lost]) } as never);
    losses.record(0, 5);
    losses.record(1, 2);
    losses.record(0, 1);
    const stats: ReaderStats = statsWith([
      { cpu: 0, lost: 10 },
      { cpu: 1, lost: 2 },
      { cpu: 2, lost: 3 },
    ]);
    losses.end(stats);
    expect(rows).toEqual([
      [0, 5],
      [1, 2],
      [0, 1],
      [0, 4],
      [2, 3],
    ]);
  });
});
