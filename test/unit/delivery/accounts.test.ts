import { statsOf } from '../../../lib/delivery/accounts';
import { noLoopCounts } from '../../../lib/records/record-ring';
import { accountOf, anySize } from '../../support/accounts';

describe('the accounts', () => {
  it('are summed over the CPUs, except the high-water mark, and sorted by CPU number', () => {
    const stats = statsOf([accountOf(7, 5), accountOf(2, 6)], anySize, noLoopCounts());
    expect(stats.cpus.map(({ cpu }) => cpu)).toEqual([2, 7]);
    expect(stats.total).toEqual({
      received: 11,
      bytes: 704,
      lost: 6,
      lostOthers: 0,
      late: 0,
      corrupt: 0,
      truncated: 0,
      wakeups: 0,
      swaps: 0,
      highWaterBytes: 5120,
    });
  });

  it('advise a power of two that would have held everything', () => {
    const account = accountOf(0, 100);
    expect(account.snapshot(anySize).advisedBytes).toBe(8192);
    // Each record has 64 bytes.
    account.sawBacklog(1500);
    account.sawBacklog(700);
    expect(account.snapshot(anySize).advisedBytes).toBe(131_072);
    account.lost = 0;
    expect(account.snapshot(anySize).advisedBytes).toBe(0);
  });

  it('advise a ring that holds any sample after one did not fit', () => {
    const account = accountOf(0, 0);
    account.ringTooSmall = true;
    expect(account.snapshot(anySize).advisedBytes).toBe(131_072);
  });

  it('advise no size that cannot be allocated', () => {
    const account = accountOf(0, 100);
    account.sawBacklog(1500);
    expect(account.snapshot(() => 131_072).advisedBytes).toBe(131_072);
    expect(account.snapshot(() => 131_071).advisedBytes).toBe(0);
  });

  it('advise a size when only side-band records were lost', () => {
    const account = accountOf(0, 100);
    account.lost = 0;
    account.lostOthers = 1;
    expect(account.snapshot(anySize).advisedBytes).toBe(8192);
  });

  it('of no CPU are zeros', () => {
    expect(statsOf([], anySize, noLoopCounts()).total.highWaterBytes).toBe(0);
  });
});
