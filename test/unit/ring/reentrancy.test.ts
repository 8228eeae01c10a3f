import type { PerfRing } from '../../../lib/ring/perf-ring';
import { READING_KINDS } from '../../support/ring-cursor-kinds';
import { codeOf } from '../../support/ring-errors';
import { RingFixture, type RingFixtureOptions } from '../../support/ring-fixture';
import { lostBytes, payloadOf, sampleBytes } from '../../support/ring-records';

const CAPACITY = 2048;

describe.each(READING_KINDS)('a ring with %s and the loop for %s samples', (_, loop, cursors) => {
  /** A ring with samples whose first byte is their number. */
  const numbered = (count: number, options: RingFixtureOptions = {}): RingFixture => {
    const made = new RingFixture({ cursors, loop, ...options });
    made.publish(...Array.from({ length: count }, (_, i) => sampleBytes(Uint8Array.of(i))));
    made.ring.startReadBatch();
    return made;
  };

  describe('inside a visitor', () => {
    const insideVisitor = (action: (ring: PerfRing) => unknown): [string, RingFixture] => {
      const made = numbered(3);
      let code = '';
      made.ring.visit(() => {
        code = codeOf(() => action(made.ring));
      });
      return [code, made];
    };

    it.each([
      ['visit', (ring) => ring.visit(() => undefined)],
      ['peekSize', (ring) => ring.peekSize()],
      ['peekType', (ring) => ring.peekType()],
      ['peekCopy', (ring) => ring.peekCopy(new Uint8Array(1))],
      ['peek', (ring) => ring.peek()],
      ['pop', (ring) => ring.pop()],
      ['bytesRemaining', (ring) => ring.bytesRemaining()],
      ['finishReadBatch', (ring) => ring.finishReadBatch()],
      ['resynchronise', (ring) => ring.resynchronise()],
    ] satisfies [string, (ring: PerfRing) => unknown][])(
      '%s is ERR_PERF_BUSY, and the visit goes on',
      (_, action) => {
        const [code, made] = insideVisitor(action);
        expect(code).toBe('ERR_PERF_BUSY');
        made.ring.finishReadBatch();
        expect(made.tail).toBe(made.head);
      },
    );

    it('another batch is ERR_PERF_BATCH_OPEN', () => {
      expect(insideVisitor((ring) => ring.startReadBatch())[0]).toBe('ERR_PERF_BATCH_OPEN');
    });

    it('the ring may be written to, for the next batch', () => {
      const [code, made] = insideVisitor((ring) => {
        ring.startWriteBatch();
        ring.write(payloadOf(4));
        ring.finishWriteBatch();
      });
      expect(code).toBe('nothing');
      made.ring.finishReadBatch();
      expect(made.ring.startReadBatch()).toBe(3 * 16);
    });

    it('another ring may be visited', () => {
      const inner = numbered(5);
      let seen = 0;
      expect(
        numbered(3).ring.visit(() => {
          seen += inner.ring.visit(() => undefined, { limit: 1 });
        }),
      ).toBe(3);
      expect(seen).toBe(3);
    });

    it('close() ends the visit after that record, and its record reads no more', () => {
      const made = numbered(3);
      const codes: string[] = [];
      const visited = made.ring.visit((record) => {
        made.ring.close();
        codes.push(
          codeOf(() => record.u8(0)),
          codeOf(() => record.string(0, 4)),
          codeOf(() => made.ring.pop()),
        );
      });
      expect(visited).toBe(1);
      expect(codes).toEqual(['ERR_PERF_OUT_OF_RANGE', 'ERR_PERF_OUT_OF_RANGE', 'ERR_PERF_CLOSED']);
      expect(codeOf(() => made.ring.finishReadBatch())).toBe('ERR_PERF_CLOSED');
      expect(made.tail).toBe(0n);
    });

    it('close() ends the visit after any record of a run of equals', () => {
      for (let last = 0; last < 20; last++) {
        const made = numbered(20, { position: CAPACITY - 64 });
        const seen: number[] = [];
        made.ring.visit((record) => {
          seen.push(record.u8(0));
          if (record.u8(0) === last) made.ring.close();
        });
        expect(seen).toEqual(Array.from({ length: last + 1 }, (_, i) => i));
      }
    });

    it('close() ends the visit when `other` calls it', () => {
      const made = new RingFixture({ cursors, loop });
      made.publish(lostBytes(1n, 1n), sampleBytes(payloadOf(4)));
      made.ring.startReadBatch();
      expect(made.ring.visit(() => fail(), { other: () => made.ring.close() })).toBe(1);
    });

    it('close() before a throw passes the throw on', () => {
      const { ring } = numbered(3);
      expect(() =>
        ring.visit(() => {
          ring.close();
          throw new Error('mine');
        }),
      ).toThrow('mine');
    });
  });
});

function fail(): never {
  throw new Error('visited, and should not have been');
}
