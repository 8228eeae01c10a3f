import { internalsOf } from '../../../lib/ring/perf-ring';
import type { RingReader } from '../../../lib/merge/ring-reader';
import { MAKES_CODE_FROM_STRINGS } from '../../support/code-from-strings';
import type { RingFixture } from '../../support/ring-fixture';
import { lostBytes } from '../../support/ring-records';
import { pass, readerOf, ringsWith, seenAs } from '../../support/timed-reader';
import { publishTimed, timedRing, timedSample } from '../../support/timed-rings';

/** Rings whose records follow each other in turn, in time order. */
function takingTurns(rings: number, each: number): RingFixture[] {
  return ringsWith(
    ...Array.from({ length: rings }, (_, ring) => Array.from({ length: each }, (_, i) => i * rings + ring)),
  );
}

const visited = (rings: number, each: number): RingReader => {
  const reader = readerOf(takingTurns(rings, each));
  expect(pass(reader)).toHaveLength(rings * each);
  return reader;
};

describe('MergeLoops', () => {
  it.each([1, 3, 4, 5, 17])('has the records of %d rings by the tournament', (rings) => {
    expect(visited(rings, 30).loopCounts).toEqual({
      pair: { shared: 0, own: 0, single: 0 },
      tournament: { shared: rings * 30, own: 0, single: 0 },
    });
  });

  it('has the records of two rings by the pair, all but the last of the ring that ends first, and what follows it', () => {
    expect(visited(2, 30).loopCounts).toEqual({
      pair: { shared: 58, own: 0, single: 0 },
      tournament: { shared: 2, own: 0, single: 0 },
    });
  });

  it('comes back to the pair after what is not simple', () => {
    const fixtures = takingTurns(2, 10);
    const [first] = fixtures as [RingFixture];
    first.publish(lostBytes(1n, 1n));
    for (const [cpu, { ring }] of fixtures.entries()) {
      expect(ring.cpu).toBe(cpu);
      publishTimed(
        fixtures[cpu] as RingFixture,
        Array.from({ length: 25 }, (_, i) => timedSample(BigInt(100 + 2 * i + cpu), 100 + i)),
      );
    }
    const reader = readerOf(fixtures);
    expect(pass(reader)).toHaveLength(71);
    const { pair, tournament } = reader.loopCounts;
    // The pair's loop up to the LOST, the tournament for 32 records, the pair's loop again, the tournament for the last
    // ones.
    expect([pair.shared, tournament.shared]).toEqual([19 + 18, 32 + 2]);
  });

  it('has records that are popped one by one', () => {
    const reader = readerOf(takingTurns(2, 5));
    reader.start();
    for (let popped = 0; popped < 4; popped++) reader.pop();
    reader.visit(() => undefined);
    reader.finish();
    const { pair, tournament } = reader.loopCounts;
    expect(tournament.single).toBe(4);
    expect(pair.shared + tournament.shared).toBe(6);
  });

  it('chooses the loop anew when rings are added and removed', () => {
    const fixtures = takingTurns(3, 4);
    const reader = readerOf(fixtures);
    expect(pass(reader)).toHaveLength(12);
    expect(reader.loopCounts.pair.shared).toBe(0);
    reader.removeRing((fixtures[1] as RingFixture).ring);
    const more = (cpu: number, times: readonly number[]): void => {
      publishTimed(
        fixtures[cpu] as RingFixture,
        times.map((time) => timedSample(BigInt(time), time)),
      );
    };
    more(0, [20, 22, 24]);
    more(2, [21, 23, 25]);
    expect(pass(reader)).toEqual(['0:20', '2:21', '0:22', '2:23', '0:24', '2:25']);
    expect(reader.loopCounts.pair.shared).toBe(4);
    reader.addRing((fixtures[1] as RingFixture).ring);
    more(0, [30, 33]);
    more(1, [32]);
    more(2, [31, 34]);
    expect(pass(reader)).toEqual(['0:30', '2:31', '1:32', '0:33', '2:34']);
    expect(reader.loopCounts.pair.shared).toBe(4);
  });

  it.each([
    [1, 'tournament'],
    [2, 'pair'],
    [3, 'tournament'],
  ] as const)('has loops of its own for a visitor that comes often, over %d rings: %s', (rings, loop) => {
    const each = 2000;
    const fixtures = Array.from({ length: rings }, (_, cpu) =>
      timedRing({ cpu, dataPageCount: 32, pageSize: 4096 }),
    );
    const reader = readerOf(fixtures);
    let time = 0;
    let last = -1n;
    let inOrder = 0;
    const visitor = (record: { readonly time: bigint | undefined }): void => {
      if ((record.time as bigint) > last) inOrder++;
      last = record.time as bigint;
    };
    const rounds = 12;
    for (let round = 0; round < rounds; round++) {
      const records = fixtures.map((): ReturnType<typeof timedSample>[] => []);
      for (let i = 0; i < each * rings; i++) records[i % rings]?.push(timedSample(BigInt(time++), i));
      for (const [cpu, list] of records.entries())
        expect(publishTimed(fixtures[cpu] as RingFixture, list)).toBe(each);
      reader.start();
      expect(reader.visit(visitor)).toBe(rings * each);
      reader.finish();
    }
    expect(inOrder).toBe(rounds * rings * each);
    const counts = reader.loopCounts;
    const total = counts.pair.shared + counts.pair.own + counts.tournament.shared + counts.tournament.own;
    expect(total).toBe(inOrder);
    if (!MAKES_CODE_FROM_STRINGS) {
      expect([counts.pair.own, counts.tournament.own]).toEqual([0, 0]);
      return;
    }
    // All except the rounds before the copy was made and, for a pair, the records that its loop does not take.
    expect(counts[loop].own).toBeGreaterThan((rounds * rings * each - 4 * rings * each - 16_384) * 0.9);
  });
});

describe('a visitor that throws in a run of equal headers', () => {
  const RECORDS = 12;
  /** The bytes of a record: a header, a time, raw_size and 4 bytes. */
  const SIZE = 24;

  it.each([1, 2, 3])(
    'has consumed its record, be it the last before the end of the ring: %d rings',
    (rings) => {
      for (let beforeEnd = 1; beforeEnd < RECORDS; beforeEnd++) {
        for (let bad = 1; bad <= RECORDS * rings; bad++) {
          const fixtures = Array.from({ length: rings }, (_, cpu) => {
            const fixture = timedRing({ cpu, position: 2 * 2048 - beforeEnd * SIZE });
            // In runs of four records of a ring, all before the time of the next ring.
            publishTimed(
              fixture,
              Array.from({ length: RECORDS }, (_, i) =>
                timedSample(BigInt(Math.floor(i / 4) * 100 + cpu * 10 + (i % 4)), i),
              ),
            );
            return fixture;
          });
          const expected = pass(readerOf(fixtures.map(copyOfRing)));
          const reader = readerOf(fixtures);
          const seen: string[] = [];
          reader.start();
          const visit = (): void => {
            reader.visit((record) => {
              if (seen.push(seenAs(record)) === bad) throw new Error('bad');
            });
          };
          expect(visit).toThrow('bad');
          const left = fixtures.reduce((bytes, { ring }) => bytes + internalsOf(ring).state.left, 0);
          expect(left).toBe((RECORDS * rings - bad) * SIZE);
          visit();
          reader.finish();
          expect(seen).toEqual(expected);
          expect(fixtures.map(({ head, tail }) => head - tail)).toEqual(fixtures.map(() => 0n));
        }
      }
    },
  );

  /** Another ring with the same records. */
  function copyOfRing(fixture: RingFixture): RingFixture {
    const copy = timedRing({ cpu: fixture.ring.cpu });
    copy.data.set(fixture.data);
    copy.tail = fixture.tail;
    copy.head = fixture.head;
    return copy;
  }
});
