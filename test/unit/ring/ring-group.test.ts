import { fakeNative } from '../../support/fake-native';
import { type FakePositions, fakeRingGroup } from '../../support/fake-ring-group';
import { RingGroup } from '../../../lib/ring/ring-group';
import { ringGeometry } from '../../../lib/ring/geometry';
import { internalsOf, type PerfRing, perfRingOver } from '../../../lib/ring/perf-ring';
import type { ReadSide } from '../../../lib/ring/read-side';
import type { BoundRingGroup } from '../../../lib/addon/contract';
import { MappedCursors } from '../../../lib/storage/mapped-cursors';
import { RingFixture } from '../../support/ring-fixture';
import { payloadOf, sampleBytes } from '../../support/ring-records';

const RECORD = sampleBytes(payloadOf(20));
const none = (): undefined => undefined;

/** Rings in memory that are read as mapped ones, by a fake of the addon. */
class Scene {
  /** Number of rings in each native acquire and release since the start, but those of rings alone. */
  readonly calls: string[] = [];
  readonly fixtures = [new RingFixture(), new RingFixture(), new RingFixture()];
  readonly rings: PerfRing[];
  readonly group: RingGroup<ReadSide>;

  constructor() {
    const native = fakeNative({
      ringGroup: (rings: readonly FakePositions[], words: Int32Array): BoundRingGroup => {
        const group = fakeRingGroup(rings, words);
        const counted = (name: 'acquire' | 'release') => () => {
          if (rings.length > 1) this.calls.push(`${name} ${rings.length}`);
          group[name]();
        };
        return { acquire: counted('acquire'), release: counted('release') };
      },
      ringSkipToHead: ({ positions }: FakePositions) => {
        const [head = 0n, tail = 0n] = positions;
        positions[1] = head;
        return Number(head - tail);
      },
    });
    this.rings = this.fixtures.map(({ memory, data }) => {
      const mapped = { positions: new BigUint64Array(memory, 1024, 2), data };
      return perfRingOver(ringGeometry(memory, 1, 2048), {}, new MappedCursors(native, mapped as never));
    });
    this.group = new RingGroup(this.rings.map(internalsOf));
  }

  at(index: number): { fixture: RingFixture; ring: PerfRing; reader: ReadSide } {
    const ring = this.rings[index] as PerfRing;
    return { fixture: this.fixtures[index] as RingFixture, ring, reader: internalsOf(ring) };
  }

  publish(index: number, records = 1): void {
    for (let i = 0; i < records; i++) this.at(index).fixture.publish(RECORD);
  }
}

describe('RingGroup of mapped rings', () => {
  it('begins by one native call, and only in rings that hold records', () => {
    const s = new Scene();
    s.publish(0);
    s.publish(2, 2);
    expect(s.group.beginBatch()).toBe(3 * RECORD.length);
    expect(s.group.begun).toEqual([0, 2]);
    expect(s.rings.map((ring) => ring.reading)).toEqual([true, false, true]);
    expect(s.calls).toEqual(['acquire 3']);
  });

  it('finishes by one native call, and releases what was visited', () => {
    const s = new Scene();
    s.publish(0);
    s.publish(2, 2);
    s.group.beginBatch();
    for (const index of s.group.begun) s.at(index).reader.visit(none, none, 1);
    s.group.finishBatch();
    expect(s.calls).toEqual(['acquire 3', 'release 3']);
    expect(s.fixtures.map(({ tail }) => Number(tail))).toEqual([RECORD.length, 0, RECORD.length]);
    expect(s.at(2).reader.counters.releasedBytes).toBe(RECORD.length);
    expect(s.group.beginBatch()).toBe(RECORD.length);
    expect(s.group.begun).toEqual([2]);
    expect(s.at(0).reader.counters.foundBytes).toBe(0);
  });

  it('releases nothing when no ring held records', () => {
    const s = new Scene();
    expect(s.group.beginBatch()).toBe(0);
    s.group.finishBatch();
    expect(s.calls).toEqual(['acquire 3']);
  });

  it('finishes every ring when data_head of one has moved back, and throws then', () => {
    const s = new Scene();
    for (const index of [0, 1]) s.publish(index);
    s.group.beginBatch();
    for (const index of [0, 1]) s.at(index).reader.visit(none, none, 1);
    s.at(0).fixture.head = 8n;
    expect(() => s.group.finishBatch()).toThrow('data_head moved back');
    expect(s.fixtures.map(({ tail }) => Number(tail))).toEqual([0, RECORD.length, 0]);
    expect(s.at(0).reader.counters.releasedBytes).toBe(0);
    expect(s.rings.some((ring) => ring.reading)).toBe(false);
    s.at(0).fixture.head = BigInt(RECORD.length);
    expect(s.group.beginBatch()).toBe(RECORD.length);
  });

  it('finishes the others when one is closed in the batch', () => {
    const s = new Scene();
    for (const index of [0, 1]) s.publish(index);
    s.group.beginBatch();
    for (const index of [0, 1]) s.at(index).reader.visit(none, none, 1);
    s.at(0).ring.close();
    s.group.finishBatch();
    expect(s.fixtures.map(({ tail }) => Number(tail))).toEqual([0, RECORD.length, 0]);
  });

  it('leaves no batch open when one cannot begin', () => {
    const s = new Scene();
    for (const index of [0, 1]) s.publish(index);
    s.at(1).ring.startReadBatch();
    expect(() => s.group.beginBatch()).toThrow(expect.objectContaining({ code: 'ERR_PERF_BATCH_OPEN' }));
    // The batch of the ring itself is not the group's.
    expect(s.rings.map((ring) => ring.reading)).toEqual([false, true, false]);
  });

  it('skips a ring with invalid positions to its head, and reads it on', () => {
    const s = new Scene();
    s.publish(0);
    s.at(1).fixture.head = 4096n;
    const faults: string[] = [];
    for (const { reader } of [0, 1].map((index) => s.at(index))) {
      reader.onFault = ({ kind }) => faults.push(kind);
    }
    expect(s.group.beginBatch()).toBe(RECORD.length);
    expect(faults).toEqual(['corrupt']);
    expect(s.fixtures.map(({ tail }) => Number(tail))).toEqual([0, 4096, 0]);
    expect(s.group.leftOut.size).toBe(0);
    s.group.finishBatch();
  });

  it('leaves out a ring whose data_head stays invalid', () => {
    const s = new Scene();
    s.publish(0);
    const { fixture, reader } = s.at(1);
    reader.onFault = () => {
      fixture.head += 4096n;
    };
    fixture.head = 4096n;
    expect(s.group.beginBatch()).toBe(RECORD.length);
    expect(s.group.begun).toEqual([0]);
    expect(s.group.leftOut.has(reader)).toBe(true);
    s.group.finishBatch();
    fixture.head = fixture.tail;
    s.group.beginBatch();
    expect(s.group.leftOut.size).toBe(0);
  });

  it('throws for a closed ring', () => {
    const s = new Scene();
    s.publish(0);
    s.group.beginBatch();
    s.group.finishBatch();
    s.at(0).ring.close();
    expect(() => s.group.beginBatch()).toThrow(expect.objectContaining({ code: 'ERR_PERF_CLOSED' }));
  });
});

describe('RingGroup of rings in memory', () => {
  it('begins and finishes each', () => {
    const fixtures = [new RingFixture(), new RingFixture()];
    const group = new RingGroup(fixtures.map(({ ring }) => internalsOf(ring)));
    fixtures[1]?.publish(RECORD);
    expect(group.beginBatch()).toBe(RECORD.length);
    expect(fixtures.map(({ ring }) => ring.reading)).toEqual([true, true]);
    for (const ring of group.rings) ring.visit(none, none, 1);
    group.finishBatch();
    expect(fixtures.map(({ tail }) => Number(tail))).toEqual([0, RECORD.length]);
  });
});
