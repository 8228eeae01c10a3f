import { checkLimits, checkSignal } from '../../../lib/delivery/limits';
import { codeOf } from '../../support/ring-errors';

describe('checkLimits', () => {
  it('takes a part of them', () => {
    expect(checkLimits({ bytes: 5 })).toEqual({ records: 262_144, bytes: 5, microseconds: 1000 });
  });

  it('sets no bound at Infinity, nor beyond what a number counts exactly', () => {
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

describe('checkSignal', () => {
  it('takes an AbortSignal, or none', () => {
    for (const signal of [undefined, AbortSignal.abort(), new AbortController().signal])
      expect(codeOf(() => checkSignal(signal))).toBe('nothing');
  });

  it.each([[null], [5], [{ aborted: false }], [Object.create(AbortSignal.prototype)]])(
    'refuses what only looks like one: %p',
    (signal) => {
      expect(codeOf(() => checkSignal(signal as AbortSignal))).toBe('ERR_PERF_INVALID_ARGUMENT');
    },
  );
});
