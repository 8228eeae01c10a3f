import { STOP } from '../../../lib/records/record';
import { CpuAccount } from '../../../lib/delivery/accounts';
import type { CpuRing } from '../../../lib/perf-array/cpu-ring';
import { resolveOptions } from '../../../lib/perf-array/options';
import { makeTurn, type Turn } from '../../../lib/perf-array/turn';
import type { RingRecord } from '../../../lib/records/record';
import { codeOf } from '../../support/ring-errors';
import type { RingFixture } from '../../support/ring-fixture';
import { lostBytes, recordBytes, words } from '../../support/ring-records';
import { publishTimed, timedRing, timedSample } from '../../support/timed-rings';

const nothing = (): void => undefined;

/** What a turn asks of a CpuRing, over memory. */
function cpuRingOf(fixture: RingFixture): CpuRing {
  const { ring } = fixture;
  const account = new CpuAccount(ring.cpu, 2048);
  return {
    cpu: ring.cpu,
    ring,
    account,
    consumedBytes: 0,
    sawTurnBegin: (available: number) => account.sawAvailable(available),
  } as unknown as CpuRing;
}

class Scene {
  readonly fixtures: RingFixture[];
  readonly rings: CpuRing[];
  readonly turn: Turn;
  readonly told: string[] = [];
  onFault: (ring: CpuRing) => void = nothing;

  constructor(order: 'cpu' | 'time', cpus: readonly number[] = [4, 9], dataPageCount = 1) {
    this.fixtures = cpus.map((cpu) => timedRing({ cpu, dataPageCount }));
    this.rings = this.fixtures.map(cpuRingOf);
    const slack = order === 'time' ? { slackNanoseconds: 0 } : {};
    this.turn = makeTurn(resolveOptions({ order, ...slack, onlineCpus: () => cpus }, 4096), {
      fault: (ring, { kind, skippedBytes, error }) => {
        this.told.push(`fault ${ring.cpu} ${kind} ${skippedBytes} ${error.code}`);
        this.onFault(ring);
      },
      lost: (ring, count) => {
        this.told.push(`lost ${ring.cpu} ${count}`);
      },
    });
    this.turn.setRings(this.rings);
  }

  ring(index: number): CpuRing {
    return this.rings[index] as CpuRing;
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

  /** A whole turn. @returns what was seen and told in it */
  visitAll(limit = 1e6): string[] {
    this.told.length = 0;
    this.turn.beginBatch();
    this.turn.visit(this.visitor, this.visitor, limit);
    this.turn.finishBatch();
    return [...this.told];
  }

  nextAll(): string[] {
    this.told.length = 0;
    this.turn.beginBatch();
    for (let record = this.turn.next(); record !== null; record = this.turn.next()) this.visitor(record);
    this.turn.finishBatch();
    return [...this.told];
  }

  get counts(): [received: number, others: number, late: number, corrupt: number, truncated: number][] {
    return this.rings.map(({ account }) => [
      account.received,
      account.others,
      account.late,
      account.corrupt,
      account.truncated,
    ]);
  }
}

const corruptHeader = recordBytes(9, words(0n), { size: 12 });

describe.each(['cpu', 'time'] as const)('a turn in the order of %s', (order) => {
  it('delivers what lies in the rings, and counts records and bytes', () => {
    const s = new Scene(order);
    s.publish(0, 1, 3);
    s.publish(1, 2, 4);
    expect(s.turn.beginBatch()).toBe(96);
    expect([s.turn.inBatch, s.turn.more]).toEqual([true, true]);
    expect(s.turn.visit(s.visitor, s.visitor, 3)).toBe(3);
    expect(s.turn.more).toBe(true);
    s.turn.finishBatch();
    expect(s.turn.inBatch).toBe(false);
    const rest = s.visitAll();
    expect(rest).toHaveLength(1);
    expect(s.counts).toEqual(Array(2).fill([2, 0, 0, 0, 0]));
    expect(
      s.rings.map(({ consumedBytes, account }) => [consumedBytes, account.bytes, account.highWaterBytes]),
    ).toEqual(Array(2).fill([48, 48, 48]));
    expect(s.fixtures.map(({ head, tail }) => head - tail)).toEqual([0n, 0n]);
  });

  it.each([[[4]], [[4, 9]]])('reads the only ring that holds records to its end, of CPUs %p', (cpus) => {
    const s = new Scene(order, cpus, 512);
    // More than one ring's share before the next ring has its turn.
    const count = 20_000;
    s.publish(0, ...Array.from({ length: count }, (_, time) => time));
    s.turn.beginBatch();
    expect(s.turn.visit(nothing, nothing, 1e6)).toBe(count);
    s.turn.finishBatch();
    expect(s.ring(0).account.received).toBe(count);
  });

  it('stops where it is told to, by STOP or by a throw, with that record consumed', () => {
    const s = new Scene(order);
    s.publish(0, 1, 2, 3);
    s.turn.beginBatch();
    expect(s.turn.visit(() => STOP, nothing, 10)).toBe(1);
    expect([s.turn.stopped, s.turn.more]).toEqual([true, true]);
    expect(() =>
      s.turn.visit(
        () => {
          throw new Error('of the visitor');
        },
        nothing,
        10,
      ),
    ).toThrow('of the visitor');
    expect(s.turn.visit(nothing, nothing, 10)).toBe(1);
    expect([s.turn.stopped, s.turn.more]).toEqual([false, false]);
    s.turn.finishBatch();
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
      // What was skipped is consumed, and not delivered.
      expect([s.ring(0).consumedBytes, s.ring(0).account.bytes]).toEqual([56, 24]);
      s.publish(0, 3);
      expect(s[how]()).toEqual(['4:3']);
    },
  );

  it.each(['visitAll', 'nextAll'] as const)('goes on at the head where positions cannot be (%s)', (how) => {
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

  it('leaves a ring alone whose head cannot be, turn after turn', () => {
    const s = new Scene(order);
    s.fixture(0).head += 4n;
    for (let round = 1; round <= 3; round++) {
      s.publish(1, round);
      expect(s.visitAll()).toContain(`9:${round}`);
    }
    expect(s.counts[1]).toEqual([3, 0, 0, 0, 0]);
  });

  it('tells of a lost record, and what it says, before whoever visits it', () => {
    const s = new Scene(order, [4]);
    s.publish(0, 1);
    s.fixture(0).publish(lostBytes(1n, 7n));
    s.publish(0, 2);
    s.fixture(0).publish(lostBytes(1n, 3n));
    expect(s.visitAll()).toEqual(['4:1', 'lost 4 7', '4:type 2', '4:2', 'lost 4 3', '4:type 2']);
    s.fixture(0).publish(lostBytes(1n, 5n));
    s.publish(0, 3);
    expect(s.nextAll()).toEqual(['lost 4 5', '4:3']);
    expect(s.counts).toEqual([[3, 3, 0, 0, 0]]);
  });

  it('counts what it lent although the ring was closed before the next', () => {
    const s = new Scene(order);
    s.publish(0, 1, 2);
    s.turn.beginBatch();
    s.turn.next();
    for (const { ring } of s.rings) ring.close();
    expect(s.turn.next()).toBeNull();
    s.turn.finishBatch();
    expect(s.counts[0]?.[0]).toBe(1);
  });

  it('may begin again after a turn in which nothing was taken', () => {
    const s = new Scene(order);
    s.publish(0, 1);
    s.turn.beginBatch();
    s.turn.finishBatch();
    expect(s.visitAll()).toEqual(['4:1']);
  });

  it('mixes next and visit without losing or doubling a record', () => {
    const s = new Scene(order);
    s.publish(0, 1, 3, 5, 7);
    s.publish(1, 2, 4, 6, 8);
    s.turn.beginBatch();
    const seen: number[] = [];
    const see = (record: RingRecord): void => {
      seen.push(record.u32(0));
    };
    for (let round = 0; round < 4; round++) {
      see(s.turn.next() as RingRecord);
      s.turn.visit(see, see, 1);
    }
    expect(s.turn.next()).toBeNull();
    s.turn.finishBatch();
    expect([...seen].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    if (order === 'time') expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(s.counts).toEqual(Array(2).fill([4, 0, 0, 0, 0]));
  });

  it('takes rings in and out between turns', () => {
    const s = new Scene(order, [1, 2, 3]);
    for (const index of [0, 1, 2]) s.publish(index, index + 10);
    s.turn.setRings([s.ring(0), s.ring(2)]);
    expect(s.visitAll().sort()).toEqual(['1:10', '3:12']);
    s.turn.setRings(s.rings);
    expect(s.visitAll()).toEqual(['2:11']);
    s.turn.setRings([]);
    expect(s.visitAll()).toEqual([]);
  });

  it('is refused to a visitor of its own, and goes on', () => {
    const s = new Scene(order);
    s.publish(0, 1, 2);
    s.publish(1, 3);
    s.turn.beginBatch();
    const codes = new Set<string>();
    const visited = s.turn.visit(
      () => {
        codes.add(codeOf(() => s.turn.visit(nothing, nothing, 1)));
        codes.add(codeOf(() => s.turn.next()));
      },
      nothing,
      10,
    );
    s.turn.finishBatch();
    expect([visited, [...codes]]).toEqual([3, ['ERR_PERF_BUSY']]);
    expect(s.counts.map(([received]) => received)).toEqual([2, 1]);
  });
});

describe('a turn in the order of cpu', () => {
  it('begins one ring further each time, wherever the last one stopped', () => {
    const s = new Scene('cpu', [0, 1, 2]);
    for (const index of [0, 1, 2]) s.publish(index, ...Array.from({ length: 20 }, (_, n) => n));
    const firsts: string[] = [];
    for (let round = 0; round < 6; round++) firsts.push(s.visitAll(5)[0]?.split(':')[0] as string);
    expect(firsts).toEqual(['1', '2', '0', '1', '2', '0']);
    expect(s.counts.map(([received]) => received)).toEqual([10, 10, 10]);
  });
});

describe('a turn in the order of time', () => {
  it('holds back what is not due, and says so after the turn as well', () => {
    const s = new Scene('time');
    const now = Number(process.hrtime.bigint());
    s.publish(0, 1);
    const soon = BigInt(now) + 5_000_000n;
    publishTimed(s.fixture(0), [timedSample(soon, 7)]);
    expect(s.visitAll()).toEqual(['4:1']);
    expect([s.turn.holdsBack, s.turn.more]).toEqual([true, false]);
    s.turn.endOfWriting();
    expect(s.visitAll()).toEqual(['4:7']);
    expect(s.turn.holdsBack).toBe(false);
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
