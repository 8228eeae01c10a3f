import { checkVisitor } from '../../../lib/records/record-check';
import { RingFixture } from '../../support/ring-fixture';
import { payloadOf, sampleBytes } from '../../support/ring-records';

const NOT_NOW = /must not be an async function or a generator: .* or use readable\(\)/;

describe('checkVisitor', () => {
  it.each<[string, unknown, RegExp]>([
    ['an async function', async () => undefined, NOT_NOW],
    ['a generator', function* () {}, NOT_NOW],
    ['an async generator', async function* () {}, NOT_NOW],
    ['a number', 7, /sample must be a function, got 7/],
    ['nothing', undefined, /sample must be a function, got undefined/],
  ])('refuses %s', (_what, visitor, message) => {
    expect(() => checkVisitor(visitor, 'sample')).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });

  it('accepts any other function, and reads no property that could throw', () => {
    const trapped = new Proxy(() => undefined, {
      get: () => {
        throw new Error('of a trap');
      },
    });
    const labelled = Object.assign(() => undefined, { [Symbol.toStringTag]: 'AsyncFunction' });
    for (const visitor of [() => undefined, function named() {}, trapped, labelled]) {
      expect(() => checkVisitor(visitor, 'sample')).not.toThrow();
    }
  });

  it('refuses an asynchronous visitor when it compiles, and when it runs', () => {
    const made = new RingFixture({});
    made.publish(sampleBytes(payloadOf(4)));
    made.ring.startReadBatch();
    expect(() =>
      made.ring.visit(
        // @ts-expect-error a visitor returns no promise
        async (record) => {
          await record.u8(0);
        },
      ),
    ).toThrow(NOT_NOW);
    expect(made.ring.visit(() => undefined)).toBe(1);
  });
});
