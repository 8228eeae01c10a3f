import type { TallyRow } from './tally';

/** What the rows are sorted by: the rate, the count, or one of the sums. */
export interface Order {
  /** The title of the column. */
  readonly name: string;
  compare(one: TallyRow, other: TallyRow): number;
}

/** All orders, in the order in which the key `s` takes them. Larger values come first. */
export function ordersFor(sums: readonly string[]): Order[] {
  return [
    descending('per second', ({ perSecond }) => perSecond),
    descending('count', ({ count }) => count),
    ...sums.map((name, index) => descending(`sum ${name}`, (row) => row.sums[index] ?? 0)),
  ];
}

function descending(name: string, value: (row: TallyRow) => number | bigint): Order {
  return {
    name,
    compare(one, other) {
      const [left, right] = [value(one), value(other)];
      if (left !== right) return left < right ? 1 : -1;
      // Rows that are equal keep their places from one look to the next.
      return other.count - one.count || (String(one.key) < String(other.key) ? -1 : 1);
    },
  };
}
