import { checkLimits } from '../../../lib/delivery/limits';

describe('checkLimits', () => {
  it('takes a part of them', () => {
    expect(checkLimits({ bytes: 5 })).toEqual({ records: 262_144, bytes: 5, microseconds: 1000 });
  });

  it('has no limit at Infinity, nor above the largest exact number', () => {
    const none = Number.MAX_SAFE_INTEGER;
    const infinite = Number.POSITIVE_INFINITY;
    expect(checkLimits({ records: infinite, bytes: infinite, microseconds: infinite })).toEqual({
      records: none,
      bytes: none,
      microseconds: none,
    });
    expect(checkLimits({ records: 1e300, bytes: 2 ** 60, microseconds: 1e300 })).toEqual({
      records: none,
      bytes: none,
      microseconds: none,
    });
  });
});
