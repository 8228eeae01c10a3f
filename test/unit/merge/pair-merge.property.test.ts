import fc from 'fast-check';
import { RingReader } from '../../../lib/merge/ring-reader';
import { propertyRuns } from '../../support/property-runs';
import type { RingFixture } from '../../support/ring-fixture';
import { publishTimed, type TimedRecord, timedId, timedRing } from '../../support/timed-rings';

const SECOND = 1;

interface Case {
  readonly published: readonly (readonly { kind: TimedRecord['kind']; ahead: number; bytes: number }[])[];
  readonly positions: readonly number[];
  /** What the visitor does at its nth record, if it comes that far. */
  readonly at: number;
  readonly does: 'nothing' | 'stops' | 'throws' | 'closes its ring' | 'closes the other ring';
  readonly limits: readonly number[];
}

const ring = fc.array(
  fc.record({
    kind: fc.oneof(
      { arbitrary: fc.constant<TimedRecord['kind']>('sample'), weight: 30 },
      { arbitrary: fc.constantFrom<TimedRecord['kind']>('lost', 'other'), weight: 1 },
    ),
    // Mostly onward and now and then back; far enough for the low word of a time to run over.
    ahead: fc.oneof(
      { arbitrary: fc.integer({ min: 0, max: 3 }), weight: 20 },
      { arbitrary: fc.constantFrom(-2, 2 ** 31), weight: 1 },
    ),
    bytes: fc.oneof(
      { arbitrary: fc.constant(20), weight: 12 },
      { arbitrary: fc.integer({ min: 4, max: 60 }), weight: 1 },
    ),
  }),
  { maxLength: 60 },
);

const cases: fc.Arbitrary<Case> = fc.record({
  published: fc.tuple(ring, ring),
  positions: fc.tuple(fc.nat(255), fc.nat(255)),
  at: fc.integer({ min: 1, max: 80 }),
  does: fc.constantFrom('nothing', 'stops', 'throws', 'closes its ring', 'closes the other ring'),
  limits: fc.array(fc.nat(40), { maxLength: 3 }),
});

function fill({ published, positions }: Case): RingFixture[] {
  return published.map((records, cpu) => {
    const fixture = timedRing({ cpu, position: (positions[cpu] as number) * 8 });
    let time = 2n ** 32n - 60n;
    publishTimed(
      fixture,
      records.map(({ kind, ahead, bytes }, id) => {
        time += BigInt(ahead);
        return { kind, time, id, bytes };
      }),
    );
    return fixture;
  });
}

/** All that a reader delivers, and how each visit ended, in several visits of several passes. */
function deliver(one: Case, beside: RingFixture[]): unknown[] {
  const fixtures = fill(one);
  const reader = new RingReader({ live: false });
  for (const fixture of [...fixtures, ...beside]) reader.addRing(fixture.ring);
  const seen: unknown[] = [];
  let records = 0;
  const visit = (options: { limit?: number }): void => {
    try {
      const visited = reader.visit((record) => {
        seen.push([record.cpu, record.type, timedId(record), record.late, record.time]);
        if (++records !== one.at) return undefined;
        if (one.does === 'throws') throw new Error('thrown');
        if (one.does === 'closes its ring') fixtures[record.cpu]?.ring.close();
        if (one.does === 'closes the other ring') fixtures[SECOND - record.cpu]?.ring.close();
        return one.does === 'stops' ? false : undefined;
      }, options);
      seen.push(['visited', visited, reader.stopped]);
    } catch (error) {
      seen.push((error as Error).message);
    }
  };
  for (let pass = 0; pass < 2; pass++) {
    try {
      reader.start();
    } catch (error) {
      // One of its rings is closed.
      seen.push((error as { code?: unknown }).code);
      break;
    }
    for (const limit of one.limits) visit({ limit });
    visit({});
    seen.push(reader.isEmpty(), reader.late);
    reader.finish();
  }
  return [...seen, ...fixtures.map(({ tail }) => tail)];
}

describe('two rings, which have a loop of their own', () => {
  it('are merged as they are beside a third that is empty', () => {
    fc.assert(
      fc.property(cases, (one) => {
        expect(deliver(one, [])).toEqual(deliver(one, [timedRing({ cpu: 2 })]));
      }),
      propertyRuns(2000),
    );
  });
});
