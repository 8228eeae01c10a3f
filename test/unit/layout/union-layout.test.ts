import { decoderFor } from '../../../lib/layout/sample-decoder';
import { defineLayout, type LayoutValues } from '../../../lib/layout/sample-layout';
import { checkedUnion, defineUnion, type UnionLayout } from '../../../lib/layout/union-layout';
import { RingFixture } from '../../support/ring-fixture';
import { sampleBytes } from '../../support/ring-records';

const EXEC = defineLayout({ tag: 'u8', pid: 'u32' });
const EXIT = defineLayout({ tag: 'u8', code: 'i16' });
const UNION = defineUnion(
  { kind: 'u8', offset: 0 },
  { exec: { value: 1, layout: EXEC }, exit: { value: 2, layout: EXIT } },
);

function decoded<Values>(union: UnionLayout<Values>, payload: Uint8Array): Values {
  const made = new RingFixture({});
  made.publish(sampleBytes(payload));
  made.ring.startReadBatch();
  const decode = decoderFor(union);
  let values: Values | undefined;
  made.ring.visit((record) => {
    values = decode(record);
  });
  return values as Values;
}

describe('defineUnion', () => {
  it('is decoded by its tag', () => {
    expect(decoded(UNION, Uint8Array.of(1, 0, 0, 0, 7, 0, 0, 0))).toEqual({ type: 'exec', tag: 1, pid: 7 });
    expect(decoded(UNION, Uint8Array.of(2, 0, 0xff, 0xff))).toEqual({ type: 'exit', tag: 2, code: -1 });
    expect(decoded(UNION, Uint8Array.of(9, 8, 7, 6))).toEqual({
      type: undefined,
      tag: 9,
      bytes: Uint8Array.of(9, 8, 7, 6),
    });
  });

  it('refuses a sample that is too short, for its tag or for its type', () => {
    const late = defineUnion({ kind: 'u64', offset: 8 }, { a: { value: 1n, layout: EXEC } });
    for (const [union, bytes] of [
      [UNION, 4],
      [late, 12],
    ] as const) {
      const payload = new Uint8Array(bytes).fill(1, 0, 1);
      expect(() => decoded(union as UnionLayout<unknown>, payload)).toThrow(
        expect.objectContaining({ code: 'ERR_PERF_OUT_OF_RANGE' }),
      );
    }
  });

  it('has types that a switch tells apart', () => {
    type Event = typeof UNION extends UnionLayout<infer Values> ? Values : never;
    const read = (event: Event): number => {
      switch (event.type) {
        case 'exec':
          return event.pid;
        case 'exit':
          return event.code;
        case undefined:
          return event.bytes.length;
      }
    };
    // @ts-expect-error only an exec has a pid
    const wrong = (event: Event): unknown => event.pid;
    const exit: LayoutValues<typeof EXIT> = { tag: 1, code: 3 };
    expect(read({ type: 'exit', ...exit })).toBe(3);
    expect(wrong({ type: 'exec', tag: 1, pid: 2 })).toBe(2);
  });

  it('survives being cloned, and is frozen', () => {
    expect(checkedUnion(structuredClone(UNION))).toEqual(UNION);
    expect([UNION, UNION.tag, UNION.cases, UNION.cases[0]].every(Object.isFrozen)).toBe(true);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['no case', () => defineUnion({ kind: 'u8', offset: 0 }, {}), /at least one case/],
    [
      'a tag that is no integer',
      () => defineUnion({ kind: 'f32' as 'u32', offset: 0 }, {}),
      /a tag needs an integer kind/,
    ],
    ['a tag without an offset', () => defineUnion({ kind: 'u8' } as never, {}), /and an offset/],
    [
      'a value twice',
      () =>
        defineUnion(
          { kind: 'u8', offset: 0 },
          { a: { value: 255, layout: EXEC }, b: { value: -1, layout: EXIT } },
        ),
      /case b has the same value as another case, -1/,
    ],
    [
      'a value that is none',
      () => defineUnion({ kind: 'u8', offset: 0 }, { a: { value: 0.5, layout: EXEC } }),
      /must be a whole number, got 0.5/,
    ],
    [
      'a case without a layout',
      () => defineUnion({ kind: 'u8', offset: 0 }, { a: { value: 1 } as never }),
      /layout must be an object/,
    ],
    ['cases that are none', () => decoderFor({ cases: 7 } as never), /tag must be an object/],
  ])('refuses %s', (_what, call, message) => {
    expect(call).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_INVALID_ARGUMENT',
        message: expect.stringMatching(message),
      }),
    );
  });
});
