import type { SkippedFault } from '../../../lib/records/record-ring';
import type { PerfRing } from '../../../lib/ring/perf-ring';
import type { RingReader } from '../../../lib/merge/ring-reader';
import type { RingRecord } from '../../../lib/records/record';
import { codeOf } from '../../support/ring-errors';
import type { RingFixture } from '../../support/ring-fixture';
import { payloadOf, recordBytes, words } from '../../support/ring-records';
import { pass, readerOf, ringsWith, seenAs, visitAll } from '../../support/timed-reader';
import { publishTimed, timedRing, timedSample } from '../../support/timed-rings';

describe('RingReader', () => {
  describe('a corrupt ring among good ones', () => {
    const corruptHeader = recordBytes(9, words(0n), { size: 12 });

    function faultsOf(list: string[]): (ring: PerfRing, fault: SkippedFault) => void {
      return (ring, { kind, skippedBytes, error }) => {
        list.push(`${ring.cpu} ${kind} ${skippedBytes} ${error.code}`);
      };
    }

    it('is skipped to its head and reported, and the others are read on', () => {
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

    it('loses one record only when that is one above 64 KiB', () => {
      const fixture = timedRing({ cpu: 0, dataPageCount: 64 });
      publishTimed(fixture, [timedSample(1n, 0)]);
      // raw_size is 65,556. The u16 in the header has only the low bits of the length.
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

    it('whose positions are invalid continues at its head', () => {
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

    it('leaves no ring in a batch when the second cannot start, and the first is read by the next pass', () => {
      const fixtures = ringsWith([1], [2], [3]);
      const [, bad] = fixtures as [RingFixture, RingFixture];
      bad.head += 1n << 20n;
      const reader = readerOf(fixtures);
      expect(codeOf(() => reader.start())).toBe('ERR_PERF_RING_CORRUPT');
      expect(fixtures.map(({ ring }) => ring.reading)).toEqual([false, false, false]);
      expect(codeOf(() => reader.finish())).toBe('ERR_PERF_NO_READ_BATCH');
      bad.head -= 1n << 20n;
      expect(pass(reader)).toEqual(['0:1', '1:2', '2:3']);
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

  describe('memory detached in a visitor', () => {
    it.each([
      ['its own', 0, ['0:1']],
      ["another ring's", 1, ['0:1']],
      ['that of a ring whose turn is later', 2, ['0:1', '1:2', '0:3', '1:4']],
    ])('is ERR_PERF_CLOSED to the visit when it is %s', (_, which, expected) => {
      const fixtures = ringsWith([1, 3], [2, 4], [5]);
      const reader = readerOf(fixtures);
      reader.start();
      const seen: string[] = [];
      const code = codeOf(() =>
        reader.visit((record) => {
          seen.push(seenAs(record));
          if (seen.length === 1) (fixtures[which] as RingFixture).detach();
        }),
      );
      expect(code).toBe('ERR_PERF_CLOSED');
      expect(seen).toEqual(expected);
    });
  });

  describe('memory detached outside of visitors', () => {
    const moments = ['before the pass', 'before the visit', 'between visits', 'before the finish'] as const;
    const takes = [
      ['visit', (reader: RingReader) => reader.visit(() => undefined)],
      ['peek', (reader: RingReader) => reader.peek()],
      ['pop', (reader: RingReader) => reader.pop()],
    ] as const;

    it.each(
      [1, 2, 3, 5].flatMap((rings) =>
        moments.flatMap((moment) => takes.map(([name, take]) => [rings, moment, name, take] as const)),
      ),
    )('is ERR_PERF_CLOSED to a pass over %d rings: %s, by %s', (rings, moment, _, take) => {
      const fixtures = ringsWith(...Array.from({ length: rings }, (_, ring) => [1 + ring, 11 + ring, 21]));
      const reader = readerOf(fixtures);
      const detachIf = (now: string): void => {
        if (moment === now) (fixtures[0] as RingFixture).detach();
      };
      const codes: string[] = [];
      detachIf('before the pass');
      codes.push(codeOf(() => reader.start()));
      if (moment !== 'before the pass') {
        detachIf('before the visit');
        codes.push(codeOf(() => reader.visit(() => undefined, { limit: rings })));
        detachIf('between visits');
        codes.push(codeOf(() => take(reader)));
        detachIf('before the finish');
        codes.push(codeOf(() => reader.finish()));
      }
      expect(codes).toContain('ERR_PERF_CLOSED');
      expect(codes.filter((code) => code !== 'ERR_PERF_CLOSED' && code !== 'nothing')).toEqual([]);
    });

    it.each([1, 2, 3])('takes nothing from %d rings that were closed as well', (rings) => {
      const fixtures = ringsWith(...Array.from({ length: rings }, (_, ring) => [1 + ring, 11 + ring]));
      const reader = readerOf(fixtures);
      reader.start();
      for (const fixture of fixtures) {
        fixture.ring.close();
        fixture.detach();
      }
      expect(reader.visit(() => undefined)).toBe(0);
      expect(reader.peek()).toBeNull();
      expect(codeOf(() => reader.pop())).toBe('ERR_PERF_EMPTY');
      reader.finish();
    });
  });

  describe('a ring closed in a visitor', () => {
    it.each([
      ['ends the visit, and the other rings go on with the next', false],
      ['ends it so when its memory is detached as well', true],
    ])('%s', (_, detached) => {
      const fixtures = ringsWith([1, 3], [2, 4], [5]);
      const reader = readerOf(fixtures);
      reader.start();
      const seen: string[] = [];
      reader.visit((record) => {
        seen.push(seenAs(record));
        if (record.cpu !== 0) return;
        (fixtures[0] as RingFixture).ring.close();
        if (detached) (fixtures[0] as RingFixture).detach();
      });
      expect(seen).toEqual(['0:1']);
      expect(reader.isEmpty()).toBe(false);
      expect(reader.currentRing()).toBe((fixtures[1] as RingFixture).ring);
      expect(visitAll(reader)).toEqual(['1:2', '1:4', '2:5']);
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
});
