import fc from 'fast-check';
import { RingReader } from '../../../lib/merge/ring-reader';
import type { RingRecord } from '../../../lib/records/record';
import { MergeModel, type ModelDelivery } from '../../support/merge-model';
import { propertyRuns } from '../../support/property-runs';
import { CURSOR_KINDS } from '../../support/ring-cursor-kinds';
import type { RingFixture } from '../../support/ring-fixture';
import { publishTimed, type TimedRecord, timedId, timedRing } from '../../support/timed-rings';

/** 0, and positions shortly before 32, 53, 63 and 64 bits overflow. */
const POSITIONS = [0n, 2n ** 32n - 1024n, 2n ** 53n - 512n, 2n ** 63n - 256n, 2n ** 64n - 1536n];

interface Step {
  /** Records that are published before the pass, by ring. Times count from the clock's start. */
  readonly published: readonly (readonly { kind: TimedRecord['kind']; ahead: number; bytes: number }[])[];
  /** Nanoseconds by which the clock advances before the pass. */
  readonly elapsed: number;
  /** The most records of each visit in the pass; for `pop`, the most records that are popped in turn. */
  readonly limits: readonly number[];
  readonly how: 'visit' | 'pop';
}

const rings = fc.integer({ min: 1, max: 9 });

function steps(count: number, times: fc.Arbitrary<number>): fc.Arbitrary<Step[]> {
  const record = fc.record({
    kind: fc.oneof(
      { arbitrary: fc.constant<TimedRecord['kind']>('sample'), weight: 8 },
      { arbitrary: fc.constantFrom<TimedRecord['kind']>('lost', 'other'), weight: 1 },
    ),
    ahead: times,
    bytes: fc.integer({ min: 4, max: 120 }),
  });
  const step = fc.record({
    published: fc.array(fc.array(record, { maxLength: 12 }), { minLength: count, maxLength: count }),
    elapsed: fc.integer({ min: 0, max: 3000 }),
    limits: fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 4 }),
    how: fc.constantFrom('visit' as const, 'pop' as const),
  });
  return fc.array(step, { minLength: 1, maxLength: 8 });
}

/** Sorts the times. Undefined ones keep their place. */
function inOrderOfTime(times: readonly (bigint | undefined)[]): (bigint | undefined)[] {
  const sorted = times.filter((time) => time !== undefined).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return times.map((time) => (time === undefined ? undefined : sorted.shift()));
}

class Delivered {
  readonly list: ModelDelivery[] = [];
  readonly visitor = (record: RingRecord): void => {
    this.list.push({ ring: record.cpu, id: timedId(record), late: record.late });
  };
}

function runPass(reader: RingReader, step: Step, delivered: Delivered): void {
  reader.start();
  if (step.how === 'visit') {
    for (const limit of step.limits)
      expect(reader.visit(delivered.visitor, { limit })).toBeLessThanOrEqual(limit);
    reader.visit(delivered.visitor);
  } else {
    while (!reader.isEmpty()) {
      const record = reader.peek() as RingRecord;
      expect(reader.currentRing().cpu).toBe(record.cpu);
      if (record.time !== undefined) expect(reader.peekTimestamp()).toBeLessThanOrEqual(record.time);
      delivered.visitor(record);
      reader.pop();
    }
  }
  expect(reader.isEmpty()).toBe(true);
  reader.finish();
}

describe.each(CURSOR_KINDS)('RingReader over rings with %s', (_, cursors) => {
  function makeRings(count: number, seed: number): RingFixture[] {
    return Array.from({ length: count }, (__, cpu) =>
      timedRing({ cpu, cursors, position: POSITIONS[(cpu + seed) % POSITIONS.length] as bigint, fill: 0xa5 }),
    );
  }

  /** Publishes records to the rings, and those that found room to the model. */
  function publish(
    fixtures: RingFixture[],
    model: MergeModel,
    step: Step,
    base: bigint,
    ids: { next: number },
  ): void {
    step.published.forEach((records, ring) => {
      const made = records.map(({ kind, ahead, bytes }) => {
        const time = base + BigInt(ahead);
        return { kind, bytes, time: time < 0n ? 0n : BigInt.asUintN(64, time), id: ids.next++ };
      });
      model.publish(ring, made.slice(0, publishTimed(fixtures[ring] as RingFixture, made)));
    });
  }

  it('delivers what a plain model delivers, pass after pass, whatever the times', () => {
    const scenario = rings.chain((count) =>
      fc.record({
        count: fc.constant(count),
        seed: fc.nat(99),
        slack: fc.constantFrom(0, 1, 500, 2000),
        // Times at which the low word overflows, and times of a clock that has been running for long.
        begin: fc.constantFrom(0n, 2n ** 32n - 2000n, 2n ** 33n - 1n, 2n ** 52n),
        steps: steps(
          count,
          fc.oneof(
            { arbitrary: fc.integer({ min: -2500, max: 1500 }), weight: 12 },
            { arbitrary: fc.constantFrom(0, 100, 200), weight: 6 },
            // Too far ahead of the clock to be valid.
            { arbitrary: fc.constantFrom(20_000_000, 2 ** 50), weight: 1 },
          ),
        ),
      }),
    );
    fc.assert(
      fc.property(scenario, ({ count, seed, slack, begin, steps: list }) => {
        let now = begin;
        const fixtures = makeRings(count, seed);
        const model = new MergeModel(count, BigInt(slack));
        const reader = new RingReader({ slackNanoseconds: slack, clock: () => Number(now) });
        for (const { ring } of fixtures) reader.addRing(ring);
        const ids = { next: 1 };
        let late = 0;
        for (const step of list) {
          now += BigInt(step.elapsed);
          publish(fixtures, model, step, now, ids);
          const delivered = new Delivered();
          runPass(reader, step, delivered);
          const expected = model.pass(now);
          expect(delivered.list).toEqual(expected);
          expect(reader.holdsBack).toBe(model.waiting > 0);
          late += expected.filter((one) => one.late).length;
          expect(reader.late).toBe(late);
        }
        // Time passes, and everything is delivered.
        now += 2n ** 51n;
        reader.start();
        const rest = new Delivered();
        reader.visit(rest.visitor);
        reader.finish();
        expect(rest.list).toEqual(model.pass(now));
        expect(model.waiting).toBe(0);
        expect(fixtures.map(({ head, tail }) => head - tail)).toEqual(fixtures.map(() => 0n));
      }),
      propertyRuns(150),
    );
  });

  it('delivers a recording in one pass, whatever its times, up to the last of 64 bits', () => {
    const scenario = rings.chain((count) =>
      fc.record({
        count: fc.constant(count),
        seed: fc.nat(99),
        begin: fc.constantFrom(0n, 2n ** 32n - 50n, 2n ** 63n - 50n, 2n ** 64n - 200n),
        steps: steps(count, fc.integer({ min: 0, max: 199 })),
      }),
    );
    fc.assert(
      fc.property(scenario, ({ count, seed, begin, steps: list }) => {
        const fixtures = makeRings(count, seed);
        const model = new MergeModel(count, undefined);
        const clock = (): number => {
          throw new Error('a recording needs no clock');
        };
        const reader = new RingReader({ live: false, clock });
        for (const { ring } of fixtures) reader.addRing(ring);
        const ids = { next: 1 };
        for (const step of list) {
          publish(fixtures, model, step, begin, ids);
          const delivered = new Delivered();
          runPass(reader, step, delivered);
          expect(delivered.list).toEqual(model.pass(0n));
          expect(model.waiting).toBe(0);
          expect(reader.holdsBack).toBe(false);
        }
      }),
      propertyRuns(80),
    );
  });

  it('delivers a recording in order, however far apart its times are', () => {
    // Around multiples of 2^31 and 2^32, up to the end of 64 bits.
    const edge = fc
      .tuple(fc.bigInt(0n, 2n ** 33n - 1n), fc.integer({ min: -2, max: 2 }))
      .map(([epoch, by]) => epoch * 2n ** 31n + BigInt(by));
    const times = fc.oneof(
      edge,
      fc.constantFrom(0n, 1n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 63n, 2n ** 64n - 1n),
      fc.integer({ min: -200, max: 200 }).map((by) => 2n ** 31n + BigInt(by)),
      fc.bigInt(0n, 2n ** 64n - 1n),
    );
    const ring = fc.tuple(
      fc.array(fc.oneof({ arbitrary: times, weight: 9 }, { arbitrary: fc.constant(undefined), weight: 1 }), {
        maxLength: 12,
      }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(ring, { minLength: 1, maxLength: 20 }), fc.nat(30), (list, limit) => {
        const model = new MergeModel(list.length, undefined);
        const reader = new RingReader({ live: false });
        let id = 1;
        list.forEach(([ofRing, sorted], cpu) => {
          const published = sorted ? inOrderOfTime(ofRing) : ofRing;
          const records = published.map(
            (time): TimedRecord => ({
              kind: time === undefined ? 'lost' : 'sample',
              time: BigInt.asUintN(64, time ?? 0n),
              id: id++,
              bytes: 4,
            }),
          );
          const fixture = timedRing({ cpu, cursors });
          model.publish(cpu, records.slice(0, publishTimed(fixture, records)));
          reader.addRing(fixture.ring);
        });
        const delivered = new Delivered();
        reader.start();
        reader.visit(delivered.visitor, { limit });
        reader.visit(delivered.visitor);
        reader.finish();
        expect(delivered.list).toEqual(model.pass(0n));
        expect(model.waiting).toBe(0);
      }),
      propertyRuns(200),
    );
  });

  it('makes one sorted stream of sorted rings, equal times in the order of the rings', () => {
    const ring = fc
      .array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 })
      .map((times) => times.sort((a, b) => a - b));
    fc.assert(
      fc.property(fc.array(ring, { minLength: 1, maxLength: 20 }), (times) => {
        const fixtures = times.map((list, cpu) => {
          const fixture = timedRing({ cpu, cursors });
          publishTimed(
            fixture,
            list.map((time, id) => ({ kind: 'sample' as const, time: BigInt(time), id, bytes: 4 })),
          );
          return fixture;
        });
        const reader = new RingReader({ live: false });
        for (const fixture of fixtures) reader.addRing(fixture.ring);
        const seen: [number, number, number][] = [];
        reader.start();
        reader.visit((record) => {
          seen.push([Number(record.time), record.cpu, record.u32(0)]);
        });
        reader.finish();
        const all = times.flatMap((list, cpu) =>
          list.map((time, id): [number, number, number] => [time, cpu, id]),
        );
        expect(seen).toEqual(all.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]));
        expect(reader.late).toBe(0);
      }),
      propertyRuns(80),
    );
  });
});
