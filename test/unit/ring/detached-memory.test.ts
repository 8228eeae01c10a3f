import type { RingRecord } from '../../../lib/records/record';
import { READING_KINDS } from '../../support/ring-cursor-kinds';
import { codeOf } from '../../support/ring-errors';
import { RingFixture, type RingFixtureOptions } from '../../support/ring-fixture';
import { payloadOf, sampleBytes } from '../../support/ring-records';

const CAPACITY = 2048;

describe.each(READING_KINDS)(
  'memory that is detached, with %s and the loop for %s samples,',
  (_, loop, cursors) => {
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

    describe('in a batch', () => {
      it('is ERR_PERF_CLOSED to every operation that needs it', () => {
        const operations: ((ring: RingFixture['ring']) => unknown)[] = [
          (ring) => ring.peekSize(),
          (ring) => ring.peekType(),
          (ring) => ring.peekCopy(new Uint8Array(1)),
          (ring) => ring.peek(),
          (ring) => ring.pop(),
          (ring) => ring.copyRecords(new Uint8Array(64)),
          (ring) => ring.skipFault(),
          (ring) => ring.visit(() => undefined),
          (ring) => ring.availableBytes(),
          (ring) => ring.resynchronise(),
          (ring) => ring.startWriteBatch(),
        ];
        for (const operation of operations) {
          const made = reading([12, 12]);
          made.detach();
          expect(codeOf(() => operation(made.ring))).toBe('ERR_PERF_CLOSED');
        }
      });

      it('is ERR_PERF_CLOSED to a batch that was open', () => {
        const made = reading([12, 12]);
        made.ring.pop();
        made.ring.startWriteBatch();
        made.ring.write(payloadOf(4));
        made.detach();
        expect(codeOf(() => made.ring.write(payloadOf(4)))).toBe('ERR_PERF_CLOSED');
        expect(codeOf(() => made.ring.finishWriteBatch())).toBe('ERR_PERF_CLOSED');
        expect(codeOf(() => made.ring.finishReadBatch())).toBe('ERR_PERF_CLOSED');
        expect(codeOf(() => made.ring.startReadBatch())).toBe('ERR_PERF_CLOSED');
        made.ring.close();
      });

      it('is ERR_PERF_CLOSED to a copy, and to misc, of a record that was peeked before', () => {
        const made = reading([36]);
        const record = made.ring.peek();
        made.detach();
        expect(codeOf(() => record?.bytes())).toBe('ERR_PERF_CLOSED');
        expect(codeOf(() => record?.copyTo(new Uint8Array(4)))).toBe('ERR_PERF_CLOSED');
        expect(codeOf(() => record?.string(0, 8))).toBe('ERR_PERF_CLOSED');
        expect(codeOf(() => record?.misc)).toBe('ERR_PERF_CLOSED');
        expect(codeOf(() => made.ring.peekCopy(new Uint8Array(4)))).toBe('ERR_PERF_CLOSED');
      });
    });

    describe('under a visit', () => {
      const readers: [string, (record: RingRecord) => unknown][] = [
        ['nothing', () => undefined],
        ['u8', (record) => record.u8(0)],
        ['u32', (record) => record.u32(0)],
        ['u64', (record) => record.u64(0)],
        ['f64', (record) => record.f64(0)],
        ['u64AsNumber', (record) => record.u64AsNumber(0)],
        ['string(16)', (record) => record.string(0, 16)],
        ['string(8)', (record) => record.string(0, 8)],
        ['copyTo', (record) => record.copyTo(new Uint8Array(4))],
        ['bytes', (record) => record.bytes()],
        ['misc', (record) => record.misc],
      ];

      it.each(readers)('is ERR_PERF_CLOSED after reading %s', (_, read) => {
        const made = reading([36, 36, 36]);
        let visited = 0;
        const code = codeOf(() =>
          made.ring.visit((record) => {
            if (visited++ === 1) {
              made.detach();
              read(record);
            }
          }),
        );
        expect(code).toBe('ERR_PERF_CLOSED');
        expect(visited).toBeGreaterThanOrEqual(2);
      });

      it.each(readers.filter(([name]) => name !== 'nothing'))(
        'lets %s still be read of a record that wraps, which is a copy',
        (_, read) => {
          const made = new RingFixture({ cursors, loop, position: CAPACITY - 24 });
          made.publish(sampleBytes(new Uint8Array(36).fill(7, 0, 6)));
          made.ring.startReadBatch();
          const values: unknown[] = [];
          const code = codeOf(() =>
            made.ring.visit((record) => {
              values.push(read(record));
              made.detach();
              values.push(read(record));
            }),
          );
          expect(values).toHaveLength(2);
          expect(values[1]).toEqual(values[0]);
          // The visit throws because its memory was detached, even during the last record.
          expect(code).toBe('ERR_PERF_CLOSED');
        },
      );

      it('is ERR_PERF_CLOSED to the next read, after any record of a run of equals', () => {
        for (let last = 0; last < 19; last++) {
          const made = numbered(20);
          const seen: number[] = [];
          const code = codeOf(() =>
            made.ring.visit((record) => {
              seen.push(record.u8(0));
              if (seen.length === last + 1) made.detach();
            }),
          );
          expect(code).toBe('ERR_PERF_CLOSED');
          expect(seen).toEqual(Array.from({ length: last + 1 }, (_, i) => i));
        }
      });

      it.each([1, 2, 3, 19, 20])('is ERR_PERF_CLOSED under the last record of a limit of %d', (limit) => {
        const made = numbered(20);
        let visited = 0;
        const visitor = (): void => {
          if (++visited === limit) made.detach();
        };
        expect(codeOf(() => made.ring.visit(visitor, { limit }))).toBe('ERR_PERF_CLOSED');
        expect(visited).toBe(limit);
      });

      it('has the TypeError of the engine as its cause', () => {
        const made = reading([36]);
        let cause: unknown;
        try {
          made.ring.visit((record) => {
            made.detach();
            record.f64(0);
          });
        } catch (error) {
          ({ cause } = error as Error);
        }
        expect(cause).toMatchObject({ name: 'TypeError' });
      });

      it("does not hide a visitor's own error", () => {
        const made = reading([36, 36]);
        expect(() =>
          made.ring.visit(() => {
            made.detach();
            throw new RangeError('mine');
          }),
        ).toThrow('mine');
      });

      it("does not take a visitor's own TypeError for it while the memory is there", () => {
        const { ring } = reading([36, 36]);
        expect(() =>
          ring.visit(() => {
            throw new TypeError('mine');
          }),
        ).toThrow('mine');
      });
    });
  },
);
