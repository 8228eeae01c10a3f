import { RingByRing } from '../../../lib/merge/ring-by-ring';
import { RingCounters, type RecordRing } from '../../../lib/records/record-ring';

/** A ring without records, whose batch can't be begun or finished when it is told so. */
class EmptyRing implements RecordRing {
  readonly cpu = 0;
  readonly counters = new RingCounters();
  onFault: undefined;
  inBatch = false;
  readonly bytesLeft = 0;
  readonly stopped = false;
  fails: 'begin' | 'finish' | undefined;

  beginBatch(): number {
    if (this.fails === 'begin') throw new Error('not begun');
    this.inBatch = true;
    return 0;
  }

  visit(): number {
    return 0;
  }

  next(): null {
    return null;
  }

  finishBatch(): void {
    this.inBatch = false;
    if (this.fails === 'finish') throw new Error('not finished');
  }

  unreadBytes(): number {
    return 0;
  }
}

describe('RingByRing', () => {
  const rings = [new EmptyRing(), new EmptyRing(), new EmptyRing()];
  const source = new RingByRing();
  source.setRings(rings);
  const inBatch = (): boolean[] => [source.inBatch, ...rings.map((ring) => ring.inBatch)];

  afterEach(() => {
    for (const ring of rings) ring.fails = undefined;
    source.finishBatch();
  });

  it('finishes the batch of every ring, even when one fails', () => {
    source.beginBatch();
    expect(inBatch()).toEqual([true, true, true, true]);
    (rings[0] as EmptyRing).fails = 'finish';
    expect(() => source.finishBatch()).toThrow('not finished');
    expect(inBatch()).toEqual([false, false, false, false]);
    // The next batch can begin.
    expect(source.beginBatch()).toBe(0);
  });

  it('leaves no ring in a batch when one cannot begin', () => {
    (rings[2] as EmptyRing).fails = 'begin';
    expect(() => source.beginBatch()).toThrow('not begun');
    expect(inBatch()).toEqual([false, false, false, false]);
  });
});
