import { monotonicNanoseconds } from '../../../lib/host/monotonic-clock';
import { RingByRing } from '../../../lib/merge/ring-by-ring';
import { TimeOrder } from '../../../lib/merge/time-order';
import { type RingRecord, STOP } from '../../../lib/records/record';
import { internalsOf } from '../../../lib/ring/perf-ring';
import type { ReadSide } from '../../../lib/ring/read-side';
import { codeOf } from '../../support/ring-errors';
import type { RingFixture } from '../../support/ring-fixture';
import { lostBytes, recordBytes, words } from '../../support/ring-records';
import { publishTimed, timedRing, timedSample } from '../../support/timed-rings';

const nothing = (): void => undefined;

class Scene {
  readonly fixtures: RingFixture[];
  readonly rings: ReadSide[];
  readonly source: RingByRing | TimeOrder;
  readonly told: string[] = [];

  constructor(order: 'cpu' | 'time', cpus: readonly number[] = [4, 9], dataPageCount = 1) {
    this.fixtures = cpus.map((cpu) => timedRing({ cpu, dataPageCount }));
    this.rings = this.fixtures.map(({ ring }) => internalsOf(ring));
    for (const ring of this.rings) {
      ring.onFault = ({ kind, skippedBytes, error }) => {
        this.told.push(`fault ${ring.cpu} ${kind} ${skippedBytes} ${error.code}`);
      };
    }
    this.source =
      order === 'time'
        ? new TimeOrder({ slackNanoseconds: 0, live: true, clock: monotonicNanoseconds })
        : new RingByRing();
    this.source.setRings(this.rings);
  }

  ring(index: number): ReadSide {
    return this.rings[index] as ReadSide;
  }

  fixture(index: number): RingFixture {
    return this.fixtures[index] as RingFixture;
  }

  publish(index: number, ...times: readonly number[]): void {
    publishTimed(
      this.fixture(index),
      times.map((time) => timedSample(BigInt(time), time)),
    );
  }

  readonly visitor = (record: RingRecord): void => {
    this.told.push(`${record.cpu}:${record.type === 9 ? record.u32(0) : `type ${record.type}`}`);
  };

  /** Visits a whole batch of the source. @returns the visited records and the reports */
  visitAll(limit = 1e6): string[] {
    this.told.length = 0;
    this.source.beginBatch();
    this.source.visit(this.visitor, this.visitor, limit);
    this.source.finishBatch();
    return [...this.told];
  }

  nextAll(): string[] {
    this.told.length = 0;
    this.source.beginBatch();
    for (let record = this.source.next(); record !== null; record = this.source.next()) this.visitor(record);
    this.source.finishBatch();
    return [...this.told];
  }

  get counts(): [received: number, others: number, late: number, corrupt: number, truncated: number][] {
    return this.rings.map(({ counters }) => [
      counters.samples,
      counters.others,
      counters.late,
      counters.corrupt,
      counters.truncated,
    ]);
  }
}

const corruptHeader = recordBytes(9, words(0n), { size: 12 });

describe.each(['cpu', 'time'] as const)('a source in the order of %s', (order) => {
  it('delivers what lies in the rings, and counts records and bytes', () => {
    const s = new Scene(order);
    s.publish(0, 1, 3);
    s.publish(1, 2, 4);
    expect(s.source.beginBatch()).toBe(96);
    expect([s.source.inBatch, s.source.more]).toEqual([true, true]);
    expect(s.source.visit(s.visitor, s.visitor, 3)).toBe(3);
    expect(s.source.more).toBe(true);
    s.source.finishBatch();
    expect(s.source.inBatch).toBe(false);
    const rest = s.visitAll();
    expect(rest).toHaveLength(1);
    expect(s.counts).toEqual(Array(2).fill([2, 0, 0, 0, 0]));
    expect(
      s.rings.map(({ counters }) => [
        counters.consumedBytes,
        counters.releasedBytes,
        counters.highWaterBytes,
      ]),
    ).toEqual(Array(2).fill([48, 48, 48]));
    expect([s.source.consumedBytes, s.source.loopCounts]).toEqual([96, { own: 0, shared: 4, single: 0 }]);
    expect(s.fixtures.map(({ head, tail }) => head - tail)).toEqual([0n, 0n]);
  });

  it.each([[[4]], [[4, 9]]])('reads the only ring that holds records to its end, of CPUs %p', (cpus) => {
    const s = new Scene(order, cpus, 512);
    // More than a ring's share before the next ring is read.
    const count = 20_000;
    s.publish(0, ...Array.from({ length: count }, (_, time) => time));
    s.source.beginBatch();
    expect(s.source.visit(nothing, nothing, 1e6)).toBe(count);
    s.source.finishBatch();
    expect(s.ring(0).counters.samples).toBe(count);
  });

  it('stops at STOP and at a throw, and consumes that record', () => {
    const s = new Scene(order);
    s.publish(0, 1, 2, 3);
    s.source.beginBatch();
    expect(s.source.visit(() => STOP, nothing, 10)).toBe(1);
    expect([s.source.stopped, s.source.more]).toEqual([true, true]);
    expect(() =>
      s.source.visit(
        () => {
          throw new Error('of the visitor');
        },
        nothing,
        10,
      ),
    ).toThrow('of the visitor');
    expect(s.source.visit(nothing, nothing, 10)).toBe(1);
    expect([s.source.stopped, s.source.more]).toEqual([false, false]);
    s.source.finishBatch();
    expect(s.counts[0]).toEqual([3, 0, 0, 0, 0]);
  });

  it.each(['visitAll', 'nextAll'] as const)(
    'skips a corrupt ring to its head, and tells of it (%s)',
    (how) => {
      const s = new Scene(order);
      s.publish(0, 1);
      s.fixture(0).publish(corruptHeader, words(1n, 2n));
      s.publish(1, 2);
      expect(s[how]().sort()).toEqual(['4:1', '9:2', 'fault 4 corrupt 32 ERR_PERF_RING_CORRUPT']);
      expect(s.counts).toEqual([
        [1, 0, 0, 1, 0],
        [1, 0, 0, 0, 0],
      ]);
      // Skipped bytes are consumed and not delivered.
      const { consumedBytes, skippedBytes } = s.ring(0).counters;
      expect([consumedBytes, skippedBytes]).toEqual([56, 32]);
      s.publish(0, 3);
      expect(s[how]()).toEqual(['4:3']);
    },
  );

  it.each(['visitAll', 'nextAll'] as const)('continues at the head where positions cannot be (%s)', (how) => {
    const s = new Scene(order);
    s.publish(1, 2);
    s.fixture(0).head += 1n << 30n;
    expect(s[how]().sort()).toEqual(['9:2', 'fault 4 corrupt 2048 ERR_PERF_RING_CORRUPT']);
    s.publish(0, 3);
    s.publish(1, 4);
    expect(s[how]().sort()).toEqual(['4:3', '9:4']);
    expect(s.counts.map(([received, , , corrupt]) => [received, corrupt])).toEqual([
      [1, 1],
      [2, 0],
    ]);
  });

  it('leaves a ring alone whose head cannot be, batch after batch', () => {
    const s = new Scene(order);
    s.fixture(0).head += 4n;
    for (let round = 1; round <= 3; round++) {
      s.publish(1, round);
      expect(s.visitAll()).toContain(`9:${round}`);
    }
    expect(s.counts[1]).toEqual([3, 0, 0, 0, 0]);
  });

  it('counts lost records, and what they say', () => {
    const s = new Scene(order, [4]);
    s.publish(0, 1);
    s.fixture(0).publish(lostBytes(1n, 7n));
    s.publish(0, 2);
    s.fixture(0).publish(lostBytes(1n, 3n));
    expect(s.visitAll()).toEqual(['4:1', '4:type 2', '4:2', '4:type 2']);
    expect(s.ring(0).counters).toMatchObject({ lostRecords: 2, lostInRecords: 10 });
    s.fixture(0).publish(lostBytes(1n, 5n));
    s.publish(0, 3);
    expect(s.nextAll()).toEqual(['4:3']);
    expect(s.ring(0).counters).toMatchObject({ lostRecords: 3, lostInRecords: 15 });
    expect(s.counts).toEqual([[3, 3, 0, 0, 0]]);
  });

  it('counts what it lent although the ring was closed before the next', () => {
    const s = new Scene(order);
    s.publish(0, 1, 2);
    s.source.beginBatch();
    s.source.next();
    for (const { ring } of s.fixtures) ring.close();
    expect(s.source.next()).toBeNull();
    s.source.finishBatch();
    expect(s.counts[0]?.[0]).toBe(1);
  });

  it('may begin again after a batch in which nothing was taken', () => {
    const s = new Scene(order);
    s.publish(0, 1);
    s.source.beginBatch();
    s.source.finishBatch();
    expect(s.visitAll()).toEqual(['4:1']);
  });

  it('mixes next and visit without losing or doubling a record', () => {
    const s = new Scene(order);
    s.publish(0, 1, 3, 5, 7);
    s.publish(1, 2, 4, 6, 8);
    s.source.beginBatch();
    const seen: number[] = [];
    const see = (record: RingRecord): void => {
      seen.push(record.u32(0));
    };
    for (let round = 0; round < 4; round++) {
      see(s.source.next() as RingRecord);
      s.source.visit(see, see, 1);
    }
    expect(s.source.next()).toBeNull();
    s.source.finishBatch();
    expect([...seen].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    if (order === 'time') expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(s.counts).toEqual(Array(2).fill([4, 0, 0, 0, 0]));
  });

  it('takes rings in and out between batches', () => {
    const s = new Scene(order, [1, 2, 3]);
    for (const index of [0, 1, 2]) s.publish(index, index + 10);
    s.source.setRings([s.ring(0), s.ring(2)]);
    expect(s.visitAll().sort()).toEqual(['1:10', '3:12']);
    s.source.setRings(s.rings);
    expect(s.visitAll()).toEqual(['2:11']);
    s.source.setRings([]);
    expect(s.visitAll()).toEqual([]);
  });

  it('is refused inside its own visitor, and then continues', () => {
    const s = new Scene(order);
    s.publish(0, 1, 2);
    s.publish(1, 3);
    s.source.beginBatch();
    const codes = new Set<string>();
    const visited = s.source.visit(
      () => {
        codes.add(codeOf(() => s.source.visit(nothing, nothing, 1)));
        codes.add(codeOf(() => s.source.next()));
      },
      nothing,
      10,
    );
    s.source.finishBatch();
    expect([visited, [...codes]]).toEqual([3, ['ERR_PERF_BUSY']]);
    expect(s.counts.map(([received]) => received)).toEqual([2, 1]);
  });
});

describe('RingByRing', () => {
  it('begins one ring further each time, wherever the last one stopped', () => {
    const s = new Scene('cpu', [0, 1, 2]);
    for (const index of [0, 1, 2]) s.publish(index, ...Array.from({ length: 20 }, (_, n) => n));
    const firsts: string[] = [];
    for (let round = 0; round < 6; round++) firsts.push(s.visitAll(5)[0]?.split(':')[0] as string);
    expect(firsts).toEqual(['1', '2', '0', '1', '2', '0']);
    expect(s.counts.map(([received]) => received)).toEqual([10, 10, 10]);
  });
});

describe('TimeOrder', () => {
  it('holds back what is not due, and says so after the batch as well', () => {
    const s = new Scene('time');
    const now = Number(process.hrtime.bigint());
    s.publish(0, 1);
    const soon = BigInt(now) + 5_000_000n;
    publishTimed(s.fixture(0), [timedSample(soon, 7)]);
    expect(s.visitAll()).toEqual(['4:1']);
    expect([s.source.holdsBack, s.source.more]).toEqual([true, false]);
    s.source.endOfWriting();
    expect(s.visitAll()).toEqual(['4:7']);
    expect(s.source.holdsBack).toBe(false);
  });

  it('counts what comes late', () => {
    const s = new Scene('time');
    s.publish(0, 10);
    s.visitAll();
    s.publish(1, 5);
    s.fixture(1).publish(lostBytes(1n, 1n));
    s.visitAll();
    s.publish(1, 6);
    s.nextAll();
    expect(s.counts.map(([, , late]) => late)).toEqual([0, 2]);
  });
});
