import { PERF_SAMPLE_RAW } from '../../../lib/abi/perf-event';
import { RingReader } from '../../../lib/merge/ring-reader';
import { recordFormat } from '../../../lib/records/record-format';
import { codeOf, messageOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { lostBytes, payloadOf, sampleBytes, words } from '../../support/ring-records';
import { pass, readerOf, ringsWith, visitAll } from '../../support/timed-reader';
import { publishTimed, timedSample } from '../../support/timed-rings';

describe('RingReader, in the order of time,', () => {
  describe('time', () => {
    const EXTREMES = [
      [0n, 1n],
      [2n ** 32n - 1n, 2n ** 32n],
      [2n ** 53n, 2n ** 53n + 1n],
      [2n ** 63n - 1n, 2n ** 63n],
      [2n ** 64n - 2n, 2n ** 64n - 1n],
    ] as const;

    it.each(EXTREMES)('is exact at %p and %p', (before, after) => {
      expect(pass(readerOf(ringsWith([after], [before])))).toEqual([`1:${before}`, `0:${after}`]);
      expect(pass(readerOf(ringsWith([before, after], [before, after])))).toEqual([
        `0:${before}`,
        `1:${before}`,
        `0:${after}`,
        `1:${after}`,
      ]);
      const reader = readerOf(ringsWith([after]));
      reader.start();
      expect(reader.peekTimestamp()).toBe(after);
    });

    it('keeps the order of the rings where times are equal', () => {
      expect(pass(readerOf(ringsWith([5, 5], [5], [4, 5])))).toEqual(['2:4', '0:5', '0:5', '1:5', '2:5']);
    });

    it('that goes back within a ring is late, and delivered all the same', () => {
      const reader = readerOf(ringsWith([10, 4, 12], [11]));
      expect(pass(reader)).toEqual(['0:10', '0:4!', '1:11', '0:12']);
      expect(reader.late).toBe(1);
    });

    it('is not asked of what has none: such a record keeps its place, and is never late', () => {
      const [first, second] = ringsWith([], [20]) as [RingFixture, RingFixture];
      const reader = readerOf([first, second]);
      publishTimed(first, [timedSample(10n, 0)]);
      first.publish(lostBytes(1n, 1n));
      publishTimed(first, [timedSample(30n, 1)]);
      expect(pass(reader)).toEqual(['0:10', '0:undefined', '1:20', '0:30']);
      // Also as the first of a pass: it has the time of the record before it, which is long past.
      first.publish(lostBytes(1n, 2n));
      publishTimed(first, [timedSample(40n, 2)]);
      publishTimed(second, [timedSample(35n, 1)]);
      expect(pass(reader)).toEqual(['0:undefined', '1:35', '0:40']);
      expect(reader.late).toBe(0);
    });

    it('is not read from a record without one after a visitor throws', () => {
      const [first, second] = ringsWith([10], [20]) as [RingFixture, RingFixture];
      // This record has the value 1000 at the offset of a sample's time.
      first.publish(lostBytes(1000n, 1n));
      publishTimed(first, [timedSample(30n, 1)]);
      const reader = readerOf([first, second]);
      reader.start();
      expect(() => reader.visit(raise)).toThrow('raised');
      expect(visitAll(reader)).toEqual(['0:undefined', '1:20', '0:30']);
      reader.finish();
      expect(reader.late).toBe(0);
    });

    it('is not asked of a ring that has none', () => {
      const plain = new RingFixture({ cpu: 7 });
      plain.publish(sampleBytes(payloadOf(4)), sampleBytes(payloadOf(4)));
      const reader = readerOf([...ringsWith([1, 2]), plain]);
      expect(pass(reader).filter((seen) => seen === '7:undefined')).toHaveLength(2);
      plain.publish(sampleBytes(payloadOf(4)));
      expect(pass(reader)).toEqual(['7:undefined']);
      expect(reader.late).toBe(0);
    });

    it('is not read from behind a sample that is too short for it', () => {
      const format = recordFormat({ sample_type: PERF_SAMPLE_RAW });
      const fixture = new RingFixture({ cpu: 0, format, timeInPayload: 8 });
      const timed = (time: bigint): Uint8Array => sampleBytes(words(0n, time));
      // After the first short record comes one with a time of 1; after the second comes nothing.
      fixture.publish(
        timed(10n),
        sampleBytes(payloadOf(4)),
        timed(1n),
        timed(30n),
        sampleBytes(payloadOf(4)),
      );
      const reader = readerOf([fixture, ...ringsWith([], [20, 40]).slice(1)]);
      expect(pass(reader)).toEqual(['0:10', '0:undefined', '0:1!', '1:20', '0:30', '0:undefined', '1:40']);
      fixture.publish(sampleBytes(payloadOf(4)), timed(50n));
      expect(pass(reader)).toEqual(['0:undefined', '0:50']);
      expect(reader.late).toBe(1);
    });
  });

  describe('live', () => {
    it('holds back what an idle ring may still come before, until the slack has passed', () => {
      let now = 10_000;
      const fixtures = ringsWith([9000, 9400, 9600], []);
      const reader = readerOf(fixtures, { slackNanoseconds: 500, clock: () => now });
      expect(reader.holdsBack).toBe(false);
      expect(pass(reader)).toEqual(['0:9000', '0:9400']);
      expect(reader.holdsBack).toBe(true);
      expect(pass(reader)).toEqual([]);
      now = 10_099;
      expect(pass(reader)).toEqual([]);
      now = 10_100;
      expect(pass(reader)).toEqual(['0:9600']);
      expect(reader.holdsBack).toBe(false);
      expect(reader.late).toBe(0);
    });

    it.each([0, 1])(
      'holds nothing back any more once a ring was removed, be it that of CPU %d',
      (removed) => {
        const fixtures = ringsWith([9000, 9600], []);
        const reader = readerOf(fixtures, { slackNanoseconds: 500, clock: () => 10_000 });
        expect(pass(reader)).toEqual(['0:9000']);
        expect(reader.holdsBack).toBe(true);
        reader.removeRing((fixtures[removed] as RingFixture).ring);
        expect(reader.holdsBack).toBe(false);
        // Seen by the next pass: the remaining ring is empty, or does not hold records back.
        expect(pass(reader)).toEqual(removed === 0 ? [] : ['0:9600']);
        expect(reader.holdsBack).toBe(false);
      },
    );

    it('takes the newest record of a ring that ran out for more than its silence', () => {
      const reader = readerOf(ringsWith([100, 300], [200]), { slackNanoseconds: 500, clock: () => 600 });
      // The last record of CPU 1 lets records up to 200 be delivered; clock - slack only those up to 100.
      expect(pass(reader)).toEqual(['0:100', '1:200']);
      expect(reader.holdsBack).toBe(true);
    });

    it('delivers at once what every ring has gone beyond', () => {
      const reader = readerOf(ringsWith([100, 300], [200, 400]), { slackNanoseconds: 1e9, clock: () => 500 });
      expect(pass(reader)).toEqual(['0:100', '1:200', '0:300']);
    });

    it('reads the clock before the heads', () => {
      const fixtures = ringsWith([]);
      const clock = (): number => {
        publishTimed(fixtures[0] as RingFixture, [timedSample(5n, 0)]);
        return 1000;
      };
      expect(pass(readerOf(fixtures, { slackNanoseconds: 0, clock }))).toEqual(['0:5']);
    });

    it('keeps the order of what was published while the reader was kept from running, after the clock', () => {
      const fixtures = ringsWith([], [], []);
      let now = 1000;
      const clock = (): number => {
        if (now > 1000) return now;
        // A second passes between reading the clock and reading the heads.
        now += 1e9;
        publishTimed(fixtures[0] as RingFixture, [
          timedSample(500_000_300n, 0),
          timedSample(900_000_000n, 1),
        ]);
        publishTimed(fixtures[1] as RingFixture, [
          timedSample(500_000_100n, 0),
          timedSample(900_000_001n, 1),
        ]);
        publishTimed(fixtures[2] as RingFixture, [
          timedSample(500_000_200n, 0),
          timedSample(900_000_002n, 1),
        ]);
        return 1000;
      };
      const reader = readerOf(fixtures, { slackNanoseconds: 0, clock });
      expect(pass(reader)).toEqual(['1:500000100', '2:500000200', '0:500000300', '0:900000000']);
      expect(pass(reader)).toEqual(['1:900000001', '2:900000002']);
      expect(reader.late).toBe(0);
    });

    it('marks and counts what comes after the bound', () => {
      let now = 1000;
      const fixtures = ringsWith([900], []);
      const reader = readerOf(fixtures, { slackNanoseconds: 100, clock: () => now });
      expect(pass(reader)).toEqual(['0:900']);
      publishTimed(fixtures[1] as RingFixture, [timedSample(899n, 0), timedSample(900n, 1)]);
      now = 2000;
      expect(pass(reader)).toEqual(['1:899!', '1:900']);
      expect(reader.late).toBe(1);
    });

    // 1000, and the 10 ms that a valid time may be ahead of the clock.
    const LATEST = 10_001_000;

    it.each([
      ['two rings', [[LATEST], [990, LATEST]], [`1:990`, `0:${LATEST}`, `1:${LATEST}`]],
      [
        'three rings',
        [[LATEST], [990, LATEST], [LATEST]],
        [`1:990`, `0:${LATEST}`, `1:${LATEST}`, `2:${LATEST}`],
      ],
    ])('keeps the order up to the latest time that the clock allows, with %s', (_, times, expected) => {
      const reader = readerOf(ringsWith(...times), { slackNanoseconds: 500, clock: () => 1000 });
      expect(pass(reader)).toEqual(expected);
      expect(reader.late).toBe(0);
      expect(reader.holdsBack).toBe(false);
    });

    it.each([0, 1, 2])('keeps the times of the other rings when that of CPU %d is removed', (removed) => {
      const times = [[1800], [1800], [1800]];
      times[removed] = [1900];
      const fixtures = ringsWith(...times);
      const reader = readerOf(fixtures, { slackNanoseconds: 500, clock: () => 2000 });
      const [first, second] = [0, 1, 2].filter((cpu) => cpu !== removed);
      reader.start();
      expect(visitAll(reader, 1)).toEqual([`${first}:1800`]);
      reader.finish();
      reader.removeRing((fixtures[removed] as RingFixture).ring);
      // For the empty ring clock - slack is only 1500, but the time of its last record is 1800.
      expect(pass(reader)).toEqual([`${second}:1800`]);
    });

    it('is not held up by a time of no clock: the record keeps its place in its ring', () => {
      const fixtures = ringsWith([100, 2n ** 60n, 300], [200, 2n ** 63n], [2n ** 64n - 1n]);
      const reader = readerOf(fixtures, { slackNanoseconds: 10, clock: () => 1000 });
      expect(pass(reader)).toEqual([
        `2:${2n ** 64n - 1n}`,
        '0:100',
        `0:${2n ** 60n}`,
        '1:200',
        `1:${2n ** 63n}`,
        '0:300',
      ]);
      expect(reader.late).toBe(0);
      // Later records are not delayed by such a record.
      publishTimed(fixtures[2] as RingFixture, [timedSample(2n ** 62n, 1), timedSample(400n, 2)]);
      expect(pass(reader)).toEqual([`2:${2n ** 62n}`, '2:400']);
      expect(reader.late).toBe(0);
    });

    it('holds nothing back after the end of writing', () => {
      const fixtures = ringsWith([900, 990], []);
      const reader = readerOf(fixtures, { slackNanoseconds: 500, clock: () => 1000 });
      expect(pass(reader)).toEqual([]);
      reader.endOfWriting();
      expect(pass(reader)).toEqual(['0:900', '0:990']);
    });

    it('delivers every record once while rings are silent by turns', () => {
      let now = 0;
      const fixtures = ringsWith([], [], []);
      const reader = readerOf(fixtures, { slackNanoseconds: 50, clock: () => now });
      const seen: string[] = [];
      const expected: string[] = [];
      for (let round = 0; round < 300; round++) {
        now += 20;
        const cpu = Math.floor(round / 7) % 3;
        publishTimed(fixtures[cpu] as RingFixture, [timedSample(BigInt(now - 5), round)]);
        expected.push(`${cpu}:${now - 5}`);
        seen.push(...pass(reader));
      }
      now += 50;
      expect(seen.concat(pass(reader))).toEqual(expected);
      expect(reader.late).toBe(0);
    });

    it('uses CLOCK_MONOTONIC by default', () => {
      const now = process.hrtime.bigint();
      const fixtures = ringsWith([now - 10_000_000n, now + 5_000_000_000n], []);
      const reader = readerOf(fixtures, {});
      reader.start();
      expect(visitAll(reader)).toHaveLength(2);
    });

    it.each([
      ['a bigint, and says how to convert it', process.hrtime.bigint, /convert it with Number\(\)/],
      ['a symbol', () => Symbol('now'), /finite number of 0 or more, got Symbol\(now\)/],
      ['an object that throws', () => ({ valueOf: () => raise() }), /got an object/],
      ['nothing', () => undefined, /got undefined/],
      ['text', () => '5', /got "5"/],
      ['no number', () => Number.NaN, /got NaN/],
      ['Infinity', () => Number.POSITIVE_INFINITY, /got Infinity/],
      ['a negative number', () => -1, /got -1/],
    ])('refuses a clock that returns %s', (_, clock, message) => {
      const fixtures = ringsWith([1], [2]);
      const reader = readerOf(fixtures, { clock: clock as () => number });
      expect(codeOf(() => reader.start())).toBe('ERR_PERF_INVALID_OPTION');
      expect(messageOf(() => reader.start())).toMatch(message);
      expect(fixtures.map(({ ring }) => ring.reading)).toEqual([false, false]);
    });

    it('leaves no ring in a batch when the clock fails after the heads', () => {
      const fixtures = ringsWith([1], [2]);
      let calls = 0;
      const reader = readerOf(fixtures, { clock: () => (++calls === 2 ? raise() : 10) });
      expect(() => reader.start()).toThrow('raised');
      expect(fixtures.map(({ ring }) => ring.reading)).toEqual([false, false]);
    });

    it('takes a clock to the end of 64 bits', () => {
      const fixtures = ringsWith([2n ** 64n - 5000n], []);
      const reader = readerOf(fixtures, { slackNanoseconds: 0, clock: () => 2 ** 64 });
      expect(pass(reader)).toEqual([`0:${2n ** 64n - 5000n}`]);
      expect(pass(readerOf(ringsWith([5], []), { slackNanoseconds: 0, clock: () => 1e300 }))).toEqual([
        '0:5',
      ]);
    });

    it.each([0, 1, 'no', null])('is true or false, not %p', (live) => {
      expect(codeOf(() => new RingReader({ live: live as unknown as boolean }))).toBe(
        'ERR_PERF_INVALID_OPTION',
      );
    });

    it.each([[-1], [0.5], [Number.NaN], [Number.POSITIVE_INFINITY], [2 ** 60]])(
      'refuses a slack of %p',
      (slackNanoseconds) => {
        expect(codeOf(() => new RingReader({ slackNanoseconds }))).toBe('ERR_PERF_INVALID_OPTION');
      },
    );
  });
});

function raise(): never {
  throw new Error('raised');
}
