import type { TallyRow } from '../../../../lib/cli/top/tally';
import { ordersFor } from '../../../../lib/cli/top/top-order';

const row = (key: string, count: number, perSecond: number, ...sums: (number | bigint)[]): TallyRow => ({
  key,
  count,
  perSecond,
  sums,
});

const ROWS = [row('a', 5, 1, 10n), row('b', 3, 2, 2n ** 64n), row('c', 9, 0, 0n)];

describe('ordersFor', () => {
  it('sorts by rate, by count, and by each sum, the largest first', () => {
    const orders = ordersFor(['bytes']);
    expect(orders.map(({ name }) => name)).toEqual(['per second', 'count', 'sum bytes']);
    expect(orders.map(({ compare }) => [...ROWS].sort(compare).map(({ key }) => key))).toEqual([
      ['b', 'a', 'c'],
      ['c', 'a', 'b'],
      ['b', 'a', 'c'],
    ]);
  });

  it('has one order for rows that are equal, so that they keep their places', () => {
    const [byRate] = ordersFor([]);
    const equal = [row('x', 1, 0), row('a', 1, 0), row('m', 2, 0)];
    const sorted = (rows: readonly TallyRow[]) => [...rows].sort(byRate?.compare).map(({ key }) => key);
    expect(sorted(equal)).toEqual(['m', 'a', 'x']);
    expect(sorted([...equal].reverse())).toEqual(['m', 'a', 'x']);
  });
});
