import fc from 'fast-check';
import { RingReader } from '../../../lib/merge/ring-reader';
import { propertyRuns } from '../../support/property-runs';
import type { RingFixture } from '../../support/ring-fixture';
import { publishTimed, type TimedRecord, timedId, timedRing, timedSample } from '../../support/timed-rings';

const SECOND = 1;
/** How far ahead of the clock a valid time can be. */
const FUTURE_NANOSECONDS = 1e7;

interface Case {
  /** The base of all times: shortly before the low word of a time overflows, or not. */
  readonly start: number;
  readonly published: readonly (readonly { kind: TimedRecord['kind']; ahead: number; bytes: number }[])[];
  readonly positions: readonly number[];
  /** The number of the record at which the visitor does something. It may not be reached. */
  readonly at: number;
  readonly does: 'nothing' | 'stops' | 'throws' | 'closes its ring' | 'closes the other ring';
  readonly limits: readonly number[];
  /** The clock of a live reader, in nanoseconds after `start`. Undefined for a recording. */
  readonly clock: number | undefined;
}

/** Records. One in `odds` is not a sample, goes back or far ahead in time, or has another length. */
const ringWith = (odds: number): fc.Arbitrary<Case['published'][number]> =>
  fc.array(
    fc.record({
      kind: fc.oneof(
        { arbitrary: fc.constant<TimedRecord['kind']>('sample'), weight: odds },
        { arbitrary: fc.constantFrom<TimedRecord['kind']>('lost', 'other'), weight: 1 },
      ),
      // Far enough to make the low word of a time overflow.
      ahead: fc.oneof(
        { arbitrary: fc.integer({ min: 0, max: 3 }), weight: odds },
        { arbitrary: fc.constantFrom(-2, 2e7, 2 ** 31), weight: 1 },
      ),
      bytes: fc.oneof(
        { arbitrary: fc.constant(20), weight: odds },
        { arbitrary: fc.integer({ min: 4, max: 60 }), weight: 1 },
      ),
    }),
    { maxLength: 60 },
  );
const ring = fc.oneof(ringWith(20), ringWith(1000));

const cases: fc.Arbitrary<Case> = fc.record({
  start: fc.constantFrom(2 ** 32 - 60, 2 ** 32 + 1000),
  published: fc.tuple(ring, ring),
  positions: fc.tuple(fc.nat(255), fc.nat(255)),
  at: fc.integer({ min: 1, max: 80 }),
  does: fc.constantFrom('nothing', 'stops', 'throws', 'closes its ring', 'closes the other ring'),
  limits: fc.array(fc.nat(40), { maxLength: 3 }),
  clock: fc.option(fc.integer({ min: -50, max: 200 }), { nil: undefined }),
});

function fill({ start, published, positions }: Case): RingFixture[] {
  return published.map((records, cpu) => {
    const fixture = timedRing({ cpu, position: (positions[cpu] as number) * 8 });
    let time = BigInt(start);
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

/**
 * A third ring that does not change the order. In a recording it is empty. For a live reader an empty ring would hold
 * the others back, so it has a record with the latest valid time.
 */
function thirdRing({ start, clock }: Case): RingFixture {
  const fixture = timedRing({ cpu: 2 });
  if (clock !== undefined)
    publishTimed(fixture, [timedSample(BigInt(start + clock + FUTURE_NANOSECONDS), 0)]);
  return fixture;
}

/** Everything that a reader delivers in several visits of several passes, and how each visit ended. */
function deliver(one: Case, beside: RingFixture[]): { readonly seen: unknown[]; readonly byPair: number } {
  const fixtures = fill(one);
  const { start, clock } = one;
  const reader = new RingReader(
    clock === undefined ? { live: false } : { slackNanoseconds: 0, clock: () => start + clock },
  );
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
  const { pair } = reader.loopCounts;
  return { seen: [...seen, ...fixtures.map(({ tail }) => tail)], byPair: pair.shared + pair.own };
}

describe('two rings, which have a loop of their own', () => {
  it('are merged as they are beside a third that changes nothing, and by that loop', () => {
    let records = 0;
    let byPair = 0;
    fc.assert(
      fc.property(cases, (one) => {
        const two = deliver(one, []);
        const three = deliver(one, [thirdRing(one)]);
        expect(two.seen).toEqual(three.seen);
        expect(three.byPair).toBe(0);
        records += two.seen.length;
        byPair += two.byPair;
      }),
      propertyRuns(2000),
    );
    // The other loop takes records that are not simple, and all when a ring is empty.

    expect(byPair / records).toBeGreaterThan(0.05);
  });
});
