import { STOP } from '../../../lib/records/record';
import { PERF_RECORD_LOST, PERF_SAMPLE_RAW, PERF_SAMPLE_TIME } from '../../../lib/abi/perf-event';
import { RingReader } from '../../../lib/merge/ring-reader';
import type { RingRecord } from '../../../lib/records/record';
import { recordFormat } from '../../../lib/records/record-format';
import { codeOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { lostBytes, payloadOf, sampleBytes, words } from '../../support/ring-records';
import { pass, readerOf, ringsWith, seenAs, visitAll } from '../../support/timed-reader';
import { publishTimed, timedId, timedRing, timedSample } from '../../support/timed-rings';

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
        // Sorting by time is correct, because the times of each ring ascend.
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

    it('stops after the record whose visitor returns STOP, and continues from there', () => {
      const reader = readerOf(ringsWith([1, 3], [2, 4]));
      reader.start();
      const seen: string[] = [];
      const visited = reader.visit((record) => {
        seen.push(seenAs(record));
        return record.time === 2n ? STOP : undefined;
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
      const format = recordFormat({ sample_type: PERF_SAMPLE_RAW });
      for (let position = 0; position < 2048; position += 8) {
        // A time in the payload begins 4 bytes after an 8-byte boundary, so the end of the ring can split its two
        // words.
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

  it('says what a record is by its type, whichever ring it came from', () => {
    const format = recordFormat({ sample_type: PERF_SAMPLE_RAW | PERF_SAMPLE_TIME });
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
