import { STOP } from '../../../lib/records/record';
import type { PerfRing } from '../../../lib/ring/perf-ring';
import type { RingRecord } from '../../../lib/records/record';
import { READING_KINDS } from '../../support/ring-cursor-kinds';
import { codeOf } from '../../support/ring-errors';
import { RingFixture, type RingFixtureOptions } from '../../support/ring-fixture';
import { lostBytes, payloadOf, recordBytes, sampleBytes } from '../../support/ring-records';

const CAPACITY = 2048;

describe.each(READING_KINDS)('PerfRing.visit with %s and the loop for %s samples', (_, loop, cursors) => {
  /** A ring with samples of these lengths in an open read batch. */
  const reading = (lengths: readonly number[], options: RingFixtureOptions = {}): RingFixture => {
    const made = new RingFixture({ cursors, loop, ...options });
    made.publish(...lengths.map((length, i) => sampleBytes(payloadOf(length, i))));
    made.ring.startReadBatch();
    return made;
  };
  /** A ring with samples whose first byte is their number. */
  const numbered = (count: number, options: RingFixtureOptions = {}): RingFixture => {
    const made = new RingFixture({ cursors, loop, ...options });
    made.publish(...Array.from({ length: count }, (_, i) => sampleBytes(Uint8Array.of(i))));
    made.ring.startReadBatch();
    return made;
  };
  const numbersSeen = (ring: PerfRing, limit?: number): number[] => {
    const seen: number[] = [];
    ring.visit((record) => seen.push(record.u8(0)), limit === undefined ? {} : { limit });
    return seen;
  };

  it('visits every record once, oldest first, and returns how many', () => {
    const made = numbered(20);
    const seen: number[] = [];
    expect(made.ring.visit((record) => seen.push(record.u8(0)))).toBe(20);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(made.ring.bytesRemaining()).toBe(0);
    made.ring.finishReadBatch();
    expect(made.tail).toBe(made.head);
  });

  it('visits nothing in an empty batch', () => {
    const { ring } = reading([]);
    expect(ring.visit(() => fail())).toBe(0);
  });

  it('shows each payload whole, whatever the lengths and wherever the ring wraps', () => {
    for (let position = 0; position < CAPACITY; position += 8) {
      const lengths = [4, 4, 4, 60, 60, 12, 300, 300, 1, 4, 4, 33, 500, 12, 12, 12, 12];
      const expected = lengths.map((length, i) => [...sampleBytes(payloadOf(length, i)).subarray(12)].join());
      const { ring } = reading(lengths, { position });
      const seen: string[] = [];
      ring.visit((record) => seen.push([...record.bytes()].join()));
      expect(seen).toEqual(expected);
    }
  });

  it('reads an exactly full ring from any position', () => {
    for (let position = 0; position < CAPACITY; position += 8) {
      const { ring } = numbered(CAPACITY / 16, { position });
      expect(numbersSeen(ring)).toEqual(Array.from({ length: CAPACITY / 16 }, (_, i) => i));
    }
  });

  it('reads one record that fills the ring', () => {
    for (const position of [0, 8, 1000, CAPACITY - 8]) {
      const { ring } = reading([CAPACITY - 12], { position });
      ring.visit((record) => expect(record.bytes()).toEqual(payloadOf(CAPACITY - 12, 0)));
    }
  });

  it('shows the misc of each record in a run of samples of equal length', () => {
    const made = new RingFixture({ cursors, loop });
    const miscs = [1, 1, 1, 1, 1, 2, 2, 0, 0, 0, 0, 0x8000, 0x8000, 1, 1, 1];
    made.publish(
      ...miscs.map((misc) => {
        const sample = sampleBytes(payloadOf(4));
        new DataView(sample.buffer).setUint16(4, misc, true);
        return sample;
      }),
    );
    made.ring.startReadBatch();
    const seen: number[] = [];
    made.ring.visit((record) => seen.push(record.misc));
    expect(seen).toEqual(miscs);
  });

  it.each([0x7fe8, 0x7ff0, 0x7ff8, 0x8000, 0x8008, 0xffe8, 0xfff0, 0xfff8])(
    'visits runs of samples of %d bytes, whose headers are odd numbers as doubles',
    (size) => {
      const made = new RingFixture({ cursors, loop, dataPageCount: 128, pageSize: 4096, position: 8 });
      const samples = Array.from({ length: 7 }, (_, i) => sampleBytes(payloadOf(size - 12, i)));
      for (const sample of samples) made.write(sample.subarray(12));
      made.ring.startReadBatch();
      let same = 0;
      made.ring.visit((record) => {
        if (Buffer.compare(record.bytes(), samples[same]?.subarray(12) ?? new Uint8Array(0)) === 0) same++;
      });
      expect(same).toBe(7);
      expect(made.ring.bytesRemaining()).toBe(0);
    },
  );

  it('passes records other than samples to `other`, in their order', () => {
    const made = new RingFixture({ cursors, loop });
    made.publish(
      sampleBytes(payloadOf(4)),
      lostBytes(1n, 7n),
      sampleBytes(payloadOf(4)),
      sampleBytes(payloadOf(4)),
      recordBytes(77, new Uint8Array(8)),
    );
    made.ring.startReadBatch();
    const seen: string[] = [];
    const visited = made.ring.visit((record) => seen.push(`sample ${record.type}`), {
      other: (record) => seen.push(`other ${record.type}`),
    });
    expect(visited).toBe(5);
    expect(seen).toEqual(['sample 9', 'other 2', 'sample 9', 'sample 9', 'other 77']);
  });

  it('passes every record to the single visitor when there is no `other`', () => {
    const made = new RingFixture({ cursors, loop });
    made.publish(lostBytes(1n, 7n), sampleBytes(payloadOf(4)));
    made.ring.startReadBatch();
    const types: number[] = [];
    made.ring.visit((record) => types.push(record.type));
    expect(types).toEqual([2, 9]);
  });

  it('continues after records that were popped, and pop continues after a visit', () => {
    const { ring } = numbered(6);
    ring.pop();
    ring.peekSize();
    expect(numbersSeen(ring, 2)).toEqual([1, 2]);
    ring.pop();
    expect(numbersSeen(ring)).toEqual([4, 5]);
  });

  it('visits as well after so many records that the visitor has a loop of its own', () => {
    const { ring, ...made } = new RingFixture({ cursors, loop, dataPageCount: 8, pageSize: 4096 });
    let sum = 0;
    let expected = 0;
    let i = 0;
    const visitor = (record: RingRecord): void => {
      sum += record.u32(0);
    };
    const payload = new Uint8Array(12);
    for (let round = 0; round < 60; round++) {
      ring.startWriteBatch();
      for (; ring.hasRoomFor(12); i++) {
        new DataView(payload.buffer).setUint32(0, i, true);
        ring.write(payload);
        expected += i;
      }
      ring.finishWriteBatch();
      ring.startReadBatch();
      ring.visit(visitor);
      ring.finishReadBatch();
    }
    expect(i).toBeGreaterThan(20_000);
    expect(sum).toBe(expected);
    expect(made.data.length).toBe(32768);
  });

  describe('limit', () => {
    it.each([0, 1, 2, 7, 19, 20])('%d is the most records of equal length it visits', (limit) => {
      const { ring } = numbered(20, { position: CAPACITY - 64 });
      expect(numbersSeen(ring, limit)).toEqual(Array.from({ length: limit }, (_, i) => i));
      expect(numbersSeen(ring)).toEqual(Array.from({ length: 20 - limit }, (_, i) => limit + i));
    });

    it('counts records of all lengths and types', () => {
      for (let limit = 0; limit <= 6; limit++) {
        const made = reading([4, 60, 12]);
        made.ring.finishReadBatch();
        made.publish(lostBytes(1n, 1n), sampleBytes(payloadOf(4)), sampleBytes(payloadOf(4)));
        made.ring.startReadBatch();
        expect(made.ring.visit(() => undefined, { limit })).toBe(limit);
        expect(made.ring.visit(() => undefined)).toBe(6 - limit);
      }
    });

    it.each([21, 2 ** 31, 2 ** 53, Number.POSITIVE_INFINITY])('%d is no limit to 20 records', (limit) => {
      expect(numbersSeen(numbered(20).ring, limit)).toHaveLength(20);
    });
  });

  describe('STOP', () => {
    it('stops after the record it was returned for', () => {
      for (let stop = 0; stop < 20; stop++) {
        const made = numbered(20, { position: CAPACITY - 64 });
        expect(made.ring.visit((record) => (record.u8(0) === stop ? STOP : undefined))).toBe(stop + 1);
        made.ring.finishReadBatch();
        expect(made.tail).toBe(BigInt(CAPACITY - 64 + (stop + 1) * 16));
        made.ring.startReadBatch();
        expect(numbersSeen(made.ring)).toHaveLength(19 - stop);
      }
    });

    it('stops when `other` returns it', () => {
      const made = new RingFixture({ cursors, loop });
      made.publish(sampleBytes(payloadOf(4)), lostBytes(1n, 7n), sampleBytes(payloadOf(4)));
      made.ring.startReadBatch();
      expect(made.ring.visit(() => undefined, { other: () => STOP })).toBe(2);
      expect(made.ring.bytesRemaining()).toBe(16);
    });

    it.each([false, true, 0, null, undefined, '', Number.NaN, Symbol('stop')])(
      'is not %p: the visit goes on',
      (answer) => {
        expect(numbered(3).ring.visit(() => answer)).toBe(3);
      },
    );

    it('accepts a visitor whose result has no meaning', () => {
      const set = new Set<number>();
      expect(numbered(3).ring.visit((record) => set.delete(record.u8(0)))).toBe(3);
    });

    it('comes from any copy of the package', () => {
      expect(numbered(3).ring.visit(() => Symbol.for('perfring.stop') as typeof STOP)).toBe(1);
    });
  });

  describe('a visitor that throws', () => {
    it('has consumed its record; the error is passed on as it is and the batch stays open after it', () => {
      for (let bad = 0; bad < 20; bad++) {
        const made = numbered(20, { position: CAPACITY - 64 });
        const error = new Error('mine');
        const seen: number[] = [];
        const visitor = (record: RingRecord): void => {
          seen.push(record.u8(0));
          if (record.u8(0) === bad) throw error;
        };
        let caught: unknown;
        try {
          made.ring.visit(visitor);
        } catch (thrown) {
          caught = thrown;
        }
        expect(caught).toBe(error);
        expect(seen).toHaveLength(bad + 1);
        expect(made.ring.bytesRemaining()).toBe((19 - bad) * 16);
        made.ring.visit(visitor);
        expect(seen).toHaveLength(20);
      }
    });

    it('may throw anything, undefined too', () => {
      for (const thrown of [undefined, null, 0, 'text']) {
        const { ring } = numbered(2);
        let caught: unknown = 'nothing';
        try {
          ring.visit(() => {
            throw thrown;
          });
        } catch (error) {
          caught = error;
        }
        expect(caught).toBe(thrown);
        expect(ring.bytesRemaining()).toBe(16);
      }
    });

    it('consumes the record of another type it was thrown for', () => {
      const made = new RingFixture({ cursors, loop });
      made.publish(sampleBytes(payloadOf(4)), lostBytes(1n, 7n), sampleBytes(payloadOf(4)));
      made.ring.startReadBatch();
      const other = (): never => {
        throw new Error('mine');
      };
      expect(() => made.ring.visit(() => undefined, { other })).toThrow('mine');
      expect(made.ring.bytesRemaining()).toBe(16);
    });

    it('leaves a ring that can be used when it threw for want of stack', () => {
      const { ring } = numbered(20);
      const dive = (): void => {
        try {
          dive();
        } catch {
          // With the stack nearly full, so that any call fails.
          try {
            ring.visit(() => undefined, { limit: 1 });
          } catch {}
        }
      };
      dive();
      const left = ring.bytesRemaining();
      expect(ring.visit(() => undefined)).toBe(left / 16);
    });
  });

  describe('is refused', () => {
    it.each([undefined, null, 1, 'visitor', {}])('with the visitor %p', (visitor) => {
      const { ring } = numbered(1);
      expect(codeOf(() => ring.visit(visitor as unknown as () => void))).toBe('ERR_PERF_INVALID_ARGUMENT');
      expect(ring.bytesRemaining()).toBe(16);
    });

    it.each([
      null,
      1,
      'options',
      { other: 1 },
      { other: null },
      { limit: -1 },
      { limit: 1.5 },
      { limit: Number.NaN },
      { limit: '1' },
      { limit: 1n },
      { limit: null },
      { limit: Number.NEGATIVE_INFINITY },
    ])('with the options %p', (options) => {
      const { ring } = numbered(1);
      expect(codeOf(() => ring.visit(() => undefined, options as object))).toBe('ERR_PERF_INVALID_ARGUMENT');
      expect(ring.bytesRemaining()).toBe(16);
    });
  });
});

function fail(): never {
  throw new Error('visited, and should not have been');
}
