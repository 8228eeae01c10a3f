import { PERF_RECORD_LOST, PERF_SAMPLE_RAW, PERF_SAMPLE_TIME } from '../../../lib/abi/perf-event';
import { RingReader, type RingReaderOptions } from '../../../lib/reader/ring-reader';
import type { PerfRing, SkippedFault } from '../../../lib/ring/perf-ring';
import type { RingRecord } from '../../../lib/ring/record';
import { sampleFormat } from '../../../lib/ring/sample-format';
import { codeOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { lostBytes, payloadOf, recordBytes, sampleBytes, words } from '../../support/ring-records';
import { publishTimed, timedId, timedRing, timedSample } from '../../support/timed-rings';

/** Rings of CPU 0, 1, …, each with samples of these times; a sample's id is its place in its list. */
function ringsWith(...times: readonly (readonly (number | bigint)[])[]): RingFixture[] {
  return times.map((list, cpu) => {
    const fixture = timedRing({ cpu });
    publishTimed(
      fixture,
      list.map((time, id) => timedSample(BigInt(time), id)),
    );
    return fixture;
  });
}

function readerOf(
  fixtures: readonly RingFixture[],
  options: RingReaderOptions = { live: false },
): RingReader {
  const reader = new RingReader(options);
  for (const { ring } of fixtures) reader.addRing(ring);
  return reader;
}

/** `cpu:time`, with a `!` for a late one. */
const seenAs = (record: RingRecord): string => `${record.cpu}:${record.time}${record.late ? '!' : ''}`;

function visitAll(reader: RingReader, limit = Number.POSITIVE_INFINITY): string[] {
  const seen: string[] = [];
  reader.visit(
    (record) => {
      seen.push(seenAs(record));
    },
    { limit },
  );
  return seen;
}

function pass(reader: RingReader): string[] {
  reader.start();
  const seen = visitAll(reader);
  reader.finish();
  return seen;
}

describe('RingReader', () => {
  describe('addRing and removeRing', () => {
    it('take a ring once, and only one that is open', () => {
      const [fixture] = ringsWith([1]) as [RingFixture];
      const reader = readerOf([fixture]);
      expect(codeOf(() => reader.addRing(fixture.ring))).toBe('ERR_PERF_INVALID_ARGUMENT');
      const closed = timedRing();
      closed.ring.close();
      expect(codeOf(() => reader.addRing(closed.ring))).toBe('ERR_PERF_CLOSED');
      expect(reader.rings).toEqual([fixture.ring]);
    });

    it('wait until the pass is finished', () => {
      const [one, other] = ringsWith([1], [2]) as [RingFixture, RingFixture];
      const reader = readerOf([one]);
      reader.start();
      expect(codeOf(() => reader.addRing(other.ring))).toBe('ERR_PERF_BATCH_OPEN');
      expect(codeOf(() => reader.removeRing(one.ring))).toBe('ERR_PERF_BATCH_OPEN');
      reader.finish();
      reader.addRing(other.ring);
      expect(pass(reader)).toEqual(['0:1', '1:2']);
    });

    it('leave the other rings as they were, in their order', () => {
      const fixtures = ringsWith([5], [5], [5], [5]);
      const reader = readerOf(fixtures);
      reader.removeRing((fixtures[1] as RingFixture).ring);
      reader.removeRing(timedRing().ring);
      expect(pass(reader)).toEqual(['0:5', '2:5', '3:5']);
      reader.addRing((fixtures[1] as RingFixture).ring);
      expect(pass(reader)).toEqual(['1:5']);
    });
  });

  describe('a pass', () => {
    it('is started once and finished once', () => {
      const reader = readerOf(ringsWith([1]));
      for (const use of [
        () => reader.isEmpty(),
        () => reader.peek(),
        () => reader.pop(),
        () => reader.peekTimestamp(),
        () => reader.currentRing(),
        () => reader.visit(() => undefined),
        () => reader.finish(),
      ]) {
        expect(codeOf(use)).toBe('ERR_PERF_NO_READ_BATCH');
      }
      reader.start();
      expect(codeOf(() => reader.start())).toBe('ERR_PERF_BATCH_OPEN');
      reader.finish();
      expect(codeOf(() => reader.finish())).toBe('ERR_PERF_NO_READ_BATCH');
    });

    it('over no rings is empty', () => {
      const reader = new RingReader();
      expect(pass(reader)).toEqual([]);
    });

    it('leaves no ring in a batch when one of them cannot start', () => {
      const fixtures = ringsWith([1], [2], [3]);
      const reader = readerOf(fixtures);
      (fixtures[1] as RingFixture).ring.close();
      expect(codeOf(() => reader.start())).toBe('ERR_PERF_CLOSED');
      expect(fixtures.map(({ ring }) => ring.reading)).toEqual([false, false, false]);
      reader.removeRing((fixtures[1] as RingFixture).ring);
      expect(pass(reader)).toEqual(['0:1', '2:3']);
    });

    it('gives back what was delivered and leaves the rest for the next pass', () => {
      const fixtures = ringsWith([1, 3], [2, 4]);
      const reader = readerOf(fixtures);
      reader.start();
      expect(visitAll(reader, 3)).toEqual(['0:1', '1:2', '0:3']);
      reader.finish();
      expect(fixtures.map(({ head, tail }) => head - tail)).toEqual([0n, 24n]);
      expect(pass(reader)).toEqual(['1:4']);
    });

    it('delivers to the end of one ring alone, and of 1,024', () => {
      expect(pass(readerOf(ringsWith([3, 4, 5])))).toEqual(['0:3', '0:4', '0:5']);
      const times = Array.from({ length: 1024 }, (_, ring) => [
        ring,
        5000 - ring,
        10_000 + ((ring * 7919) % 1024),
      ]);
      const expected = times
        .flatMap((list, ring) => list.map((time) => ({ ring, time })))
        // Within a ring the order stays, and 5000 - ring is never before ring.
        .sort((one, other) => one.time - other.time || one.ring - other.ring)
        .map(({ ring, time }) => `${ring}:${time}`);
      expect(pass(readerOf(ringsWith(...times)))).toEqual(expected);
    });
  });

  describe('peek and pop', () => {
    it('go step by step through what visit would deliver', () => {
      const fixtures = ringsWith([1, 4], [2, 3], []);
      const reader = readerOf(fixtures);
      reader.start();
      const seen: string[] = [];
      while (!reader.isEmpty()) {
        const time = reader.peekTimestamp();
        const ring = reader.currentRing();
        const record = reader.peek() as RingRecord;
        expect([record.time, record.cpu]).toEqual([time, ring.cpu]);
        expect(reader.peek()).toBe(record);
        seen.push(seenAs(record));
        reader.pop();
      }
      reader.finish();
      expect(seen).toEqual(['0:1', '1:2', '1:3', '0:4']);
    });

    it('say so when nothing is due', () => {
      const reader = readerOf(ringsWith([], []));
      reader.start();
      expect(reader.isEmpty()).toBe(true);
      expect(reader.peek()).toBeNull();
      for (const use of [() => reader.pop(), () => reader.peekTimestamp(), () => reader.currentRing()]) {
        expect(codeOf(use)).toBe('ERR_PERF_EMPTY');
      }
      reader.finish();
    });

    it('mark a late record as visit does', () => {
      const fixtures = ringsWith([10], [5]);
      const [, slow] = fixtures as [RingFixture, RingFixture];
      slow.tail = slow.head;
      const reader = readerOf(fixtures);
      expect(pass(reader)).toEqual(['0:10']);
      publishTimed(slow, [timedSample(7n, 0), timedSample(11n, 1)]);
      reader.start();
      const seen: string[] = [];
      for (let record = reader.peek(); record !== null; record = reader.peek()) {
        seen.push(seenAs(record));
        reader.pop();
      }
      expect(seen).toEqual(['1:7!', '1:11']);
      expect(reader.late).toBe(1);
    });

    it('may be mixed with visit, and with looking at every field', () => {
      const reader = readerOf(ringsWith([1, 3, 5], [2, 4, 6]));
      reader.start();
      expect((reader.peek() as RingRecord).time).toBe(1n);
      expect(visitAll(reader, 2)).toEqual(['0:1', '1:2']);
      expect((reader.peek() as RingRecord).time).toBe(3n);
      reader.pop();
      expect(reader.peekTimestamp()).toBe(4n);
      expect(visitAll(reader)).toEqual(['1:4', '0:5', '1:6']);
    });
  });

  describe('visit', () => {
    it('takes no more than its limit, even where every record changes the ring', () => {
      const reader = readerOf(ringsWith([1, 4, 7], [2, 5, 8], [3, 6, 9]));
      reader.start();
      expect(visitAll(reader, 0)).toEqual([]);
      expect(visitAll(reader, 1)).toEqual(['0:1']);
      expect(visitAll(reader, 4)).toEqual(['1:2', '2:3', '0:4', '1:5']);
      expect(visitAll(reader, 100)).toEqual(['2:6', '0:7', '1:8', '2:9']);
    });

    it('takes no more than its limit where a ring ends with it', () => {
      const reader = readerOf(ringsWith([1, 2], [3]));
      reader.start();
      expect(visitAll(reader, 2)).toEqual(['0:1', '0:2']);
      expect(visitAll(reader, 2)).toEqual(['1:3']);
    });

    it.each([[-1], [1.5], [Number.NaN], ['3' as unknown as number]])('refuses %p as a limit', (limit) => {
      const reader = readerOf(ringsWith([1]));
      reader.start();
      expect(codeOf(() => reader.visit(() => undefined, { limit }))).toBe('ERR_PERF_INVALID_ARGUMENT');
      expect(reader.isEmpty()).toBe(false);
    });

    it('refuses visitors that are no functions', () => {
      const reader = readerOf(ringsWith([1]));
      reader.start();
      const nothing = undefined as unknown as () => void;
      expect(codeOf(() => reader.visit(nothing))).toBe('ERR_PERF_INVALID_ARGUMENT');
      expect(codeOf(() => reader.visit(() => undefined, { other: 3 as unknown as () => void }))).toBe(
        'ERR_PERF_INVALID_ARGUMENT',
      );
    });

    it('stops after the record whose visitor says false, and goes on from there', () => {
      const reader = readerOf(ringsWith([1, 3], [2, 4]));
      reader.start();
      const seen: string[] = [];
      const visited = reader.visit((record) => {
        seen.push(seenAs(record));
        return record.time !== 2n;
      });
      expect([visited, seen, reader.stopped]).toEqual([2, ['0:1', '1:2'], true]);
      expect(visitAll(reader)).toEqual(['0:3', '1:4']);
      expect(reader.stopped).toBe(false);
    });

    it.each([1n, 2n, 3n, 4n])(
      'consumes the record %p whose visitor throws, passes the error on, and goes on with the next',
      (bad) => {
        const fixtures = ringsWith([1, 2, 4], [3]);
        const reader = readerOf(fixtures);
        reader.start();
        const seen: string[] = [];
        const failure = new Error('of the visitor');
        const visitor = (record: RingRecord): void => {
          seen.push(seenAs(record));
          if (record.time === bad) throw failure;
        };
        expect(() => reader.visit(visitor)).toThrow(failure);
        expect(seen).toHaveLength(Number(bad));
        reader.finish();
        expect(seen.concat(pass(reader))).toEqual(['0:1', '0:2', '1:3', '0:4']);
        expect(fixtures.map(({ head, tail }) => head - tail)).toEqual([0n, 0n]);
      },
    );

    it('gives what is no sample to `other`', () => {
      const [fixture] = ringsWith([1]) as [RingFixture];
      fixture.publish(lostBytes(3n, 7n));
      publishTimed(fixture, [timedSample(2n, 1)]);
      const reader = readerOf([fixture]);
      reader.start();
      const seen: string[] = [];
      const visited = reader.visit((record) => seen.push(seenAs(record)) > 0, {
        other: (record) => {
          seen.push(`lost ${record.lost}`);
        },
      });
      expect([visited, seen]).toEqual([3, ['0:1', 'lost 7', '0:2']]);
    });

    it('lends its pass to nobody else while a visitor runs', () => {
      const fixtures = ringsWith([1, 2], [3]);
      const reader = readerOf(fixtures);
      const [{ ring }] = fixtures as [RingFixture];
      reader.start();
      const codes: string[] = [];
      reader.visit(
        () => {
          for (const use of [
            () => reader.visit(() => undefined),
            () => reader.peek(),
            () => reader.pop(),
            () => reader.finish(),
            () => ring.pop(),
            () => ring.finishReadBatch(),
            () => reader.start(),
            () => reader.addRing(timedRing().ring),
          ]) {
            codes.push(codeOf(use));
          }
        },
        { limit: 1 },
      );
      expect(codes).toEqual([
        ...Array<string>(6).fill('ERR_PERF_BUSY'),
        ...Array<string>(2).fill('ERR_PERF_BATCH_OPEN'),
      ]);
      expect(visitAll(reader)).toEqual(['0:2', '1:3']);
      reader.finish();
    });

    it('lends a record until the visitor returns', () => {
      const reader = readerOf(ringsWith([1], [2]));
      reader.start();
      const kept: RingRecord[] = [];
      reader.visit((record) => {
        kept.push(record);
      });
      for (const record of kept) expect(codeOf(() => record.u32(0))).toBe('ERR_PERF_OUT_OF_RANGE');
    });

    it('reads records and times wherever they wrap', () => {
      const format = sampleFormat(PERF_SAMPLE_RAW);
      for (let position = 0; position < 2048; position += 8) {
        // Two words of a time in the payload lie 4 off an 8-byte boundary: the end of the ring may part them.
        const inPayload = new RingFixture({ cpu: 0, position, format, timeInPayload: 0, fill: 0xff });
        inPayload.publish(sampleBytes(words(2n ** 40n + 1n)), sampleBytes(words(2n ** 40n + 3n)));
        const byKernel = timedRing({ cpu: 1, position: position + 2048, fill: 0xff });
        publishTimed(byKernel, [timedSample(2n ** 40n, 0, 33), timedSample(2n ** 40n + 2n, 1, 33)]);
        const reader = readerOf([inPayload, byKernel]);
        reader.start();
        const seen: bigint[] = [];
        reader.visit((record) => {
          if (record.cpu === 1) timedId(record);
          seen.push((record.time as bigint) - 2n ** 40n);
        });
        expect(seen).toEqual([0n, 1n, 2n, 3n]);
      }
    });
  });

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
      // The first of a pass, too: the time of the record before it is long past.
      first.publish(lostBytes(1n, 2n));
      publishTimed(first, [timedSample(40n, 2)]);
      publishTimed(second, [timedSample(35n, 1)]);
      expect(pass(reader)).toEqual(['0:undefined', '1:35', '0:40']);
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
      const format = sampleFormat(PERF_SAMPLE_RAW);
      const fixture = new RingFixture({ cpu: 0, format, timeInPayload: 8 });
      const timed = (time: bigint): Uint8Array => sampleBytes(words(0n, time));
      // Behind the short one lies a time of 1, and then nothing.
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

    it('takes the newest record of a ring that ran out for more than its silence', () => {
      const reader = readerOf(ringsWith([100, 300], [200]), { slackNanoseconds: 500, clock: () => 600 });
      // CPU 1 vouches up to 200, and by its silence up to 100 only.
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
        // A whole second passes between the clock and the heads.
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
      // What such a record left behind delays nothing either.
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

    it('knows CLOCK_MONOTONIC by itself', () => {
      const now = process.hrtime.bigint();
      const fixtures = ringsWith([now - 10_000_000n, now + 5_000_000_000n], []);
      const reader = readerOf(fixtures, {});
      reader.start();
      expect(visitAll(reader)).toHaveLength(2);
    });

    it.each([[-1], [Number.NaN], [Number.POSITIVE_INFINITY], [2 ** 60]])(
      'refuses a slack of %p',
      (slackNanoseconds) => {
        expect(codeOf(() => new RingReader({ slackNanoseconds }))).toBe('ERR_PERF_INVALID_OPTION');
      },
    );
  });

  describe('a corrupt ring among good ones', () => {
    const corruptHeader = recordBytes(9, words(0n), { size: 12 });

    function faultsOf(list: string[]): (ring: PerfRing, fault: SkippedFault) => void {
      return (ring, { kind, skippedBytes, error }) => {
        list.push(`${ring.cpu} ${kind} ${skippedBytes} ${error.code}`);
      };
    }

    it('is skipped to its head and told of, and the others go on', () => {
      const fixtures = ringsWith([1, 4], [2, 5], [3, 6]);
      (fixtures[1] as RingFixture).publish(corruptHeader, payloadOf(40));
      const faults: string[] = [];
      const reader = readerOf(fixtures, { live: false, onFault: faultsOf(faults) });
      expect(pass(reader)).toEqual(['0:1', '1:2', '2:3', '0:4', '1:5', '2:6']);
      expect(faults).toEqual(['1 corrupt 56 ERR_PERF_RING_CORRUPT']);
      publishTimed(fixtures[1] as RingFixture, [timedSample(7n, 9)]);
      expect(pass(reader)).toEqual(['1:7']);
    });

    it('is skipped by peek as well', () => {
      const fixtures = ringsWith([1], [2]);
      (fixtures[0] as RingFixture).publish(corruptHeader);
      const faults: string[] = [];
      const reader = readerOf(fixtures, { live: false, onFault: faultsOf(faults) });
      reader.start();
      const seen: string[] = [];
      for (let record = reader.peek(); record !== null; record = reader.peek()) {
        seen.push(seenAs(record));
        reader.pop();
      }
      expect(seen).toEqual(['0:1', '1:2']);
      expect(faults).toEqual(['0 corrupt 16 ERR_PERF_RING_CORRUPT']);
    });

    it('without `onFault` throws, once, with everything before delivered', () => {
      const fixtures = ringsWith([1], [2]);
      (fixtures[0] as RingFixture).publish(corruptHeader);
      const reader = readerOf(fixtures);
      reader.start();
      const seen: string[] = [];
      const visitor = (record: RingRecord): void => {
        seen.push(seenAs(record));
      };
      expect(codeOf(() => reader.visit(visitor))).toBe('ERR_PERF_RING_CORRUPT');
      expect(codeOf(() => reader.visit(visitor))).toBe('nothing');
      expect(seen).toEqual(['0:1', '1:2']);
      reader.finish();
    });

    it('loses one record only when that is one past the 64 KiB law', () => {
      const fixture = timedRing({ cpu: 0, dataPageCount: 64 });
      publishTimed(fixture, [timedSample(1n, 0)]);
      // raw_size says 65,556, the header's u16 what is left of it.
      const body = new Uint8Array(40);
      body.set(words(2n));
      new DataView(body.buffer).setUint32(8, 65_556, true);
      fixture.publish(recordBytes(9, body, { size: (8 + 8 + 4 + 65_556) & 0xffff }).subarray(0, 40));
      publishTimed(fixture, [timedSample(3n, 1)]);
      const faults: string[] = [];
      const reader = readerOf([fixture], { live: false, onFault: faultsOf(faults) });
      expect(pass(reader)).toEqual(['0:1', '0:3']);
      expect(faults).toEqual(['0 truncated 40 ERR_PERF_RING_CORRUPT']);
    });

    it('whose positions cannot be goes on at its head', () => {
      const fixtures = ringsWith([1], [2]);
      const [bad] = fixtures as [RingFixture];
      bad.head += 1n << 20n;
      const faults: string[] = [];
      const reader = readerOf(fixtures, { live: false, onFault: faultsOf(faults) });
      expect(pass(reader)).toEqual(['1:2']);
      expect(faults).toEqual(['0 corrupt 2048 ERR_PERF_RING_CORRUPT']);
      publishTimed(bad, [timedSample(3n, 1)]);
      expect(pass(reader)).toEqual(['0:3']);
    });

    it('whose head cannot be is left out of the pass', () => {
      const fixtures = ringsWith([1], [2]);
      const [bad, good] = fixtures as [RingFixture, RingFixture];
      bad.head += 3n;
      const faults: string[] = [];
      const reader = readerOf(fixtures, { live: false, onFault: faultsOf(faults) });
      expect(pass(reader)).toEqual(['1:2']);
      publishTimed(good, [timedSample(3n, 1)]);
      expect(pass(reader)).toEqual(['1:3']);
      expect(faults).toHaveLength(2);
      bad.head = 64n;
      bad.tail = 64n;
      publishTimed(bad, [timedSample(4n, 1)]);
      expect(pass(reader)).toEqual(['0:4']);
    });

    it('whose positions cannot be throws at start without `onFault`', () => {
      const fixtures = ringsWith([1], [2]);
      (fixtures[1] as RingFixture).head += 1n << 20n;
      const reader = readerOf(fixtures);
      expect(codeOf(() => reader.start())).toBe('ERR_PERF_RING_CORRUPT');
      expect(fixtures.map(({ ring }) => ring.reading)).toEqual([false, false]);
    });

    it('leaves the pass as it is when `onFault` throws', () => {
      const fixtures = ringsWith([1], [2]);
      (fixtures[0] as RingFixture).publish(corruptHeader);
      const reader = readerOf(fixtures, {
        live: false,
        onFault: () => {
          throw new Error('of onFault');
        },
      });
      reader.start();
      expect(() => reader.visit(() => undefined)).toThrow('of onFault');
      expect(visitAll(reader)).toEqual(['1:2']);
      reader.finish();
    });
  });

  describe('a ring closed in a visitor', () => {
    it('ends the visit, and the other rings go on with the next', () => {
      const fixtures = ringsWith([1, 3], [2, 4]);
      const reader = readerOf(fixtures);
      reader.start();
      const seen: string[] = [];
      reader.visit((record) => {
        seen.push(seenAs(record));
        if (record.cpu === 0) (fixtures[0] as RingFixture).ring.close();
      });
      expect(seen).toEqual(['0:1']);
      expect(reader.isEmpty()).toBe(false);
      expect(reader.currentRing()).toBe((fixtures[1] as RingFixture).ring);
      expect(visitAll(reader)).toEqual(['1:2', '1:4']);
      reader.finish();
      expect(codeOf(() => reader.start())).toBe('ERR_PERF_CLOSED');
      reader.removeRing((fixtures[0] as RingFixture).ring);
      expect(pass(reader)).toEqual([]);
    });

    it('may be another than the one visited', () => {
      const fixtures = ringsWith([1, 3, 5], [2, 4], [6]);
      const reader = readerOf(fixtures);
      reader.start();
      const seen: string[] = [];
      const visitor = (record: RingRecord): void => {
        seen.push(seenAs(record));
        (fixtures[1] as RingFixture).ring.close();
      };
      while (reader.visit(visitor) > 0);
      expect(seen).toEqual(['0:1', '0:3', '0:5', '2:6']);
      reader.finish();
    });

    it('may be all of them', () => {
      const fixtures = ringsWith([1], [2]);
      const reader = readerOf(fixtures);
      reader.start();
      reader.visit(() => {
        for (const { ring } of fixtures) ring.close();
      });
      expect(reader.isEmpty()).toBe(true);
      expect(reader.visit(() => undefined)).toBe(0);
      reader.finish();
    });
  });

  it('says what a record is by its type, whichever ring it came from', () => {
    const format = sampleFormat(PERF_SAMPLE_RAW | PERF_SAMPLE_TIME);
    const fixture = new RingFixture({ cpu: 4, format });
    fixture.publish(lostBytes(1n, 5n), sampleBytes(payloadOf(12), words(9n)));
    const reader = readerOf([fixture]);
    reader.start();
    const types: [number, number, bigint | undefined][] = [];
    reader.visit((record) => {
      types.push([record.type, record.lost, record.time]);
    });
    expect(types).toEqual([
      [PERF_RECORD_LOST, 5, undefined],
      [9, 0, 9n],
    ]);
  });
});
