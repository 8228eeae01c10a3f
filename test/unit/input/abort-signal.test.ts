import { checkSignal } from '../../../lib/input/abort-signal';
import { codeOf } from '../../support/ring-errors';

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
