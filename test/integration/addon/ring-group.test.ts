import { BAD_ARGUMENT, type BoundRingGroup, type MappedRingHandle } from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';
import { collectGarbage, expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { positionsOf, RingPositions } from '../../support/ring-positions';
import { opened, RingFixture } from './kernel-fixture';

const native = addon();
const INVALID = -1;
const CLOSED = -2;

class Scene implements Disposable {
  readonly fixtures: readonly RingFixture[];
  readonly positions: Int32Array;
  readonly group: BoundRingGroup;
  readonly recordBytes: number;

  constructor(overwrite: readonly boolean[] = [false, false, false]) {
    this.fixtures = overwrite.map((each) => new RingFixture({ overwrite: each }));
    this.positions = positionsOf(overwrite.length);
    this.group = opened(
      native.ringGroup(
        this.fixtures.map(({ ring }) => ring),
        this.positions,
      ),
    );
    this.recordBytes = this.at(0).source.recordBytes;
  }

  at(index: number): RingFixture {
    return this.fixtures[index] as RingFixture;
  }

  write(index: number, records: number): void {
    this.at(index).source.write(records);
  }

  /** Acquires. @returns for each ring that is ready: its index, the bytes available and the offset of the next one */
  acquire(): [index: number, available: number, offset: number][] {
    this.group.acquire();
    return Array.from({ length: this.positions[0] as number }, (_, nth) => {
      const index = this.positions[1 + nth] as number;
      return [index, this.#word(1, index), this.#word(2, index)];
    });
  }

  #word(kind: number, index: number): number {
    return this.positions[1 + kind * this.fixtures.length + index] as number;
  }

  consume(index: number, bytes: number): void {
    this.positions[1 + 3 * this.fixtures.length + index] = bytes;
  }

  /** Releases. @returns the words of the bytes to release, by index: 0 for each ring that did not refuse */
  release(): number[] {
    this.group.release();
    return this.fixtures.map((_, index) => this.#word(3, index));
  }

  [Symbol.dispose](): void {
    for (const fixture of this.fixtures) fixture.close();
  }
}

describeWith(READER_CAPABILITIES, 'ringGroup', () => {
  it('acquires what is published in each ring, and lists the rings that hold bytes', () => {
    using s = new Scene();
    expect(s.acquire()).toEqual([]);
    s.write(0, 1);
    s.write(2, 3);
    expect(s.acquire()).toEqual([
      [0, s.recordBytes, 0],
      [2, 3 * s.recordBytes, 0],
    ]);
  });

  it('releases what was consumed, once', () => {
    using s = new Scene();
    s.write(0, 2);
    s.write(1, 2);
    s.acquire();
    s.consume(0, s.recordBytes);
    s.consume(1, 2 * s.recordBytes);
    expect(s.release()).toEqual([0, 0, 0]);
    expect(s.release()).toEqual([0, 0, 0]);
    expect(s.acquire()).toEqual([[0, s.recordBytes, s.recordBytes]]);
  });

  it('releases no more than is published, and the bytes of the other rings', () => {
    using s = new Scene();
    for (const index of [0, 1, 2]) s.write(index, 1);
    s.acquire();
    s.consume(0, s.recordBytes + 8);
    s.consume(1, s.recordBytes);
    s.consume(2, -8);
    expect(s.release()).toEqual([s.recordBytes + 8, 0, -8]);
    expect(s.acquire().map(([index]) => index)).toEqual([0, 2]);
    // Acquiring sets the words to 0.
    expect(s.release()).toEqual([0, 0, 0]);
  });

  it('releases nothing of a ring that was not ready when it was acquired', () => {
    using s = new Scene();
    s.acquire();
    s.write(0, 1);
    s.consume(0, s.recordBytes);
    s.release();
    expect(s.acquire()).toEqual([[0, s.recordBytes, 0]]);
  });

  it('releases only rings, whatever is stored in the other words', () => {
    using s = new Scene();
    s.write(1, 1);
    s.acquire();
    s.positions.fill(2 ** 31 - 8, 0, 1 + 3 * 3);
    s.consume(1, s.recordBytes);
    expect(s.release()).toEqual([0, 0, 0]);
    expect(s.acquire()).toEqual([]);
  });

  it('stores nothing into a ring in overwrite mode, whose pages are read-only', () => {
    using s = new Scene([true, false]);
    s.write(0, 1);
    // The kernel writes backward: data_head lies behind data_tail.
    expect(s.acquire().map(([index, available]) => [index, available])).toEqual([[0, INVALID]]);
    s.consume(0, 8);
    expect(s.release()).toEqual([8, 0]);
  });

  it('lists a ring that was closed, and does not use its memory', () => {
    using s = new Scene();
    for (const index of [0, 1]) s.write(index, 1);
    s.acquire();
    s.consume(0, s.recordBytes);
    native.ringClose(s.at(0).ring);
    s.release();
    expect(s.acquire().map(([index, available]) => [index, available])).toEqual([
      [0, CLOSED],
      [1, s.recordBytes],
    ]);
    for (const { ring } of s.fixtures) native.ringClose(ring);
    expect(s.acquire().map(([, available]) => available)).toEqual([CLOSED, CLOSED, CLOSED]);
  });

  it('does so too when the ArrayBuffer of the ring was transferred before', async () => {
    using s = new Scene();
    s.write(0, 1);
    const buffer = native.ringBuffer(s.at(0).ring) as ArrayBuffer;
    // A byte stream takes the memory, in every version of Node.
    const start = (controller: { enqueue(view: Uint8Array): void }): void =>
      controller.enqueue(new Uint8Array(buffer));
    await new ReadableStream({ type: 'bytes', start }).getReader().read();
    expect(buffer.byteLength).toBe(0);
    expect(s.acquire()).toHaveLength(1);
    native.ringClose(s.at(0).ring);
    expect(s.acquire().map(([, available]) => available)).toEqual([CLOSED]);
  });

  it('may share a ring with another group', () => {
    using s = new Scene();
    const alone = new RingPositions(s.at(1).ring);
    s.write(1, 2);
    s.acquire();
    s.consume(1, s.recordBytes);
    expect(alone.available()).toBe(2 * s.recordBytes);
    expect(alone.consume(s.recordBytes)).toBe(true);
    expect(s.release()).toEqual([0, 0, 0]);
    s.consume(1, s.recordBytes);
    expect(s.release()).toEqual([0, s.recordBytes, 0]);
  });

  it('keeps its words while a function of it can be reached, and no ring open', async () => {
    // What the tests before have left is collected first.
    for (let round = 0; round < 10 && native.openHandles().mappings > 0; round++) await collectGarbage();
    const before = native.openHandles().mappings;
    const acquire = (() => {
      const fixture = new RingFixture();
      const { acquire } = opened(native.ringGroup([fixture.ring], positionsOf(1)));
      native.perfEventClose(fixture.event);
      fixture.source.close();
      return acquire;
    })();
    for (let round = 0; round < 10 && native.openHandles().mappings > before; round++) await collectGarbage();
    expect(native.openHandles().mappings).toBe(before);
    expect(acquire()).toBeUndefined();
  });

  it('is collected with its words', async () => {
    const fixture = new RingFixture();
    const words = (() => {
      const positions = positionsOf(1);
      native.ringGroup([fixture.ring], positions);
      return new WeakRef(positions);
    })();
    // A look at the reference would keep its target for the rest of the job.
    for (let round = 0; round < 4; round++) await collectGarbage();
    expect(words.deref()).toBeUndefined();
    fixture.close();
  });

  describe('takes no', () => {
    const bad: [string, (ring: MappedRingHandle) => [unknown?, unknown?]][] = [
      ['missing arguments', () => []],
      ['list that is no array', (ring) => [{ 0: ring, length: 1 }, positionsOf(1)]],
      ['empty list', () => [[], positionsOf(0)]],
      ['list of something else', () => [[{}], positionsOf(1)]],
      ['list with a hole', (ring) => [Object.assign([ring], { 2: ring }), positionsOf(3)]],
      ['endless list', (ring) => [Array.from({ length: 65_537 }, () => ring), positionsOf(65_537)]],
      ['words that are too few', (ring) => [[ring, ring], positionsOf(1)]],
      ['words that are too many', (ring) => [[ring], positionsOf(2)]],
      ['words that can be detached', (ring) => [[ring], new Int32Array(5)]],
      ['words of another type', (ring) => [[ring], new Uint32Array(new SharedArrayBuffer(20))]],
      ['proxy of words', (ring) => [[ring], new Proxy(positionsOf(1), {})]],
    ];
    it.each(bad)('%s', (_, given) => {
      const fixture = new RingFixture();
      expect(Reflect.apply(native.ringGroup, undefined, given(fixture.ring))).toBe(BAD_ARGUMENT);
      fixture.close();
    });

    it('closed ring, nor a list whose getter throws', () => {
      const fixture = new RingFixture();
      const hostile = [fixture.ring];
      Object.defineProperty(hostile, 0, {
        get: () => {
          throw new Error('not readable');
        },
      });
      expect(native.ringGroup(hostile, positionsOf(1))).toBe(BAD_ARGUMENT);
      native.ringClose(fixture.ring);
      expect(native.ringGroup([fixture.ring], positionsOf(1))).toBe(BAD_ARGUMENT);
      fixture.close();
    });
  });

  it('has a closed ring where reading the list closed it', () => {
    const [first, second] = [new RingFixture(), new RingFixture()];
    const rings = [first.ring, second.ring];
    Object.defineProperty(rings, 1, {
      get: () => {
        native.ringClose(first.ring);
        return second.ring;
      },
    });
    const positions = positionsOf(2);
    const group = opened(native.ringGroup(rings, positions));
    second.source.write(1);
    group.acquire();
    expect([...positions.subarray(0, 5)]).toEqual([2, 0, 1, CLOSED, second.source.recordBytes]);
    for (const fixture of [first, second]) fixture.close();
  });

  afterAll(expectNothingLeft);
});
