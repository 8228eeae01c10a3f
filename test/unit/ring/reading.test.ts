import { CURSOR_KINDS } from '../../support/ring-cursor-kinds';
import { codeOf, messageOf } from '../../support/ring-errors';
import { RingFixture, type RingFixtureOptions } from '../../support/ring-fixture';
import { lostBytes, payloadOf, recordBytes, SAMPLE, sampleBytes } from '../../support/ring-records';

const CAPACITY = 2048;
const BEFORE_EDGE = CAPACITY - 16;

describe.each(CURSOR_KINDS)('reading with %s', (_, cursors) => {
  const fixture = (options: RingFixtureOptions = {}): RingFixture => new RingFixture({ cursors, ...options });
  /** A ring with samples of these lengths in an open read batch. */
  const reading = (lengths: readonly number[], options: RingFixtureOptions = {}): RingFixture => {
    const made = fixture(options);
    made.publish(...lengths.map((length, i) => sampleBytes(payloadOf(length, i))));
    made.ring.startReadBatch();
    return made;
  };

  describe('startReadBatch', () => {
    it('returns 0 for an empty ring, and a batch is open', () => {
      const { ring } = fixture();
      expect(ring.startReadBatch()).toBe(0);
      expect(ring.bytesRemaining()).toBe(0);
      ring.finishReadBatch();
    });

    it('returns the bytes published, headers included', () => {
      const made = fixture({ position: 64 });
      made.publish(sampleBytes(payloadOf(4)), lostBytes(1n, 2n));
      expect(made.ring.startReadBatch()).toBe(16 + 24);
    });

    it('does not see what is published after it', () => {
      const made = reading([4]);
      made.publish(sampleBytes(payloadOf(4)));
      expect(made.ring.bytesRemaining()).toBe(16);
      made.ring.pop();
      expect(codeOf(() => made.ring.peekSize())).toBe('ERR_PERF_EMPTY');
      made.ring.finishReadBatch();
      expect(made.ring.startReadBatch()).toBe(16);
    });
  });

  describe('peekSize and peekType', () => {
    it("return a sample's padded payload and its type", () => {
      for (let n = 1; n <= 40; n++) {
        const { ring } = reading([n]);
        expect(ring.peekSize()).toBe(Math.ceil((n + 4) / 8) * 8 - 4);
        expect(ring.peekType()).toBe(SAMPLE);
      }
    });

    it('return what follows the header for other types', () => {
      const made = fixture();
      made.publish(lostBytes(1n, 2n), recordBytes(14, new Uint8Array(0)), recordBytes(77, payloadOf(48)));
      made.ring.startReadBatch();
      const seen: [number, number][] = [];
      while (made.ring.bytesRemaining() > 0) {
        seen.push([made.ring.peekType(), made.ring.peekSize()]);
        made.ring.pop();
      }
      expect(seen).toEqual([
        [2, 16],
        [14, 0],
        [77, 48],
      ]);
    });

    it('do not consume', () => {
      const { ring } = reading([4, 12]);
      expect([ring.peekSize(), ring.peekSize(), ring.bytesRemaining()]).toEqual([4, 4, 40]);
    });
  });

  describe('peekCopy', () => {
    const copyOf = (made: RingFixture, bytes: number, offset?: number, length?: number): number[] => {
      const target = new Uint8Array(bytes);
      made.ring.peekCopy(target, offset, length);
      return [...target];
    };

    it.each([0, BEFORE_EDGE, CAPACITY - 8, CAPACITY - 24])(
      'copies the payload of a record at %d',
      (position) => {
        const made = reading([52], { position });
        expect(copyOf(made, 52)).toEqual([...payloadOf(52, 0)]);
      },
    );

    it('copies every span of a payload that wraps at each of its places', () => {
      const payload = [...payloadOf(20, 0)];
      for (const before of [8, 16, 24]) {
        const made = reading([20], { position: CAPACITY - before });
        for (let offset = 0; offset <= 20; offset++) {
          for (let length = 0; length <= 20 - offset; length++) {
            expect(copyOf(made, length, offset)).toEqual(payload.slice(offset, offset + length));
          }
        }
      }
    });

    it('copies `length` bytes to the beginning of a larger target, and leaves its rest alone', () => {
      const made = reading([20], { position: BEFORE_EDGE });
      const target = new Uint8Array(32).fill(0xee);
      expect(made.ring.peekCopy(target, 4, 10)).toBe(10);
      expect([...target.subarray(0, 10)]).toEqual([...payloadOf(20, 0)].slice(4, 14));
      expect(target.subarray(10).every((byte) => byte === 0xee)).toBe(true);
    });

    it('copies into a part of a larger array, a Buffer, and shared memory', () => {
      const made = reading([12]);
      const payload = [...payloadOf(12, 0)];
      const whole = new Uint8Array(32);
      made.ring.peekCopy(whole.subarray(8, 20));
      expect([...whole.subarray(8, 20)]).toEqual(payload);
      expect(whole[20]).toBe(0);
      const buffer = Buffer.alloc(12);
      made.ring.peekCopy(buffer);
      expect([...buffer]).toEqual(payload);
      const shared = new Uint8Array(new SharedArrayBuffer(12));
      made.ring.peekCopy(shared, 0, 12);
      expect([...shared]).toEqual(payload);
    });

    it.each([
      ['a target longer than the payload', 13, 0, undefined],
      ['an offset that moves the end past the payload', 12, 1, undefined],
      ['an offset past the payload', 0, 13, undefined],
      ['an offset and a length past the payload', 12, 8, 5],
      ['a length past the target', 4, 0, 5],
      ['a negative offset', 4, -1, undefined],
      ['a negative length', 4, 0, -1],
      ['an offset that is no number', 4, '0', undefined],
      ['an offset of NaN', 4, Number.NaN, undefined],
      ['a length that is no integer', 4, 0, 1.5],
      ['a length that is no number', 4, 0, 2n],
      ['an offset without a prototype', 4, Object.create(null), undefined],
    ])('refuses %s, and copies nothing', (_, bytes, offset, length) => {
      const { ring } = reading([12]);
      const target = new Uint8Array(bytes).fill(0xee);
      expect(codeOf(() => ring.peekCopy(target, offset as number, length as number))).toBe(
        'ERR_PERF_OUT_OF_RANGE',
      );
      expect(target.every((byte) => byte === 0xee)).toBe(true);
    });

    it.each([
      undefined,
      null,
      12,
      [],
      new ArrayBuffer(12),
      new Uint16Array(2),
      new Proxy(new Uint8Array(4), {}),
    ])('refuses a target that is no Uint8Array (%#)', (target) => {
      expect(codeOf(() => reading([12]).ring.peekCopy(target as Uint8Array))).toBe(
        'ERR_PERF_INVALID_ARGUMENT',
      );
    });

    it('never writes past a target that lies about its length', () => {
      class Liar extends Uint8Array {
        override get length(): number {
          return 4096;
        }
        override get byteLength(): number {
          return 4096;
        }
      }
      const memory = new Uint8Array(256).fill(0xee);
      const target = new Liar(memory.buffer, 64, 8);
      const { ring } = reading([100]);
      expect(codeOf(() => ring.peekCopy(target, 0, 100))).toBe('ERR_PERF_OUT_OF_RANGE');
      expect(ring.peekCopy(target)).toBe(8);
      expect(memory.subarray(72).every((byte) => byte === 0xee)).toBe(true);
      expect([...memory.subarray(64, 72)]).toEqual([...payloadOf(100, 0)].slice(0, 8));
    });
  });

  describe('pop', () => {
    it('steps over records in order, across the edge', () => {
      const lengths = [4, 60, 12, 1, 33];
      const { ring } = reading(lengths, { position: CAPACITY - 40 });
      for (const [i, length] of lengths.entries()) {
        const copy = new Uint8Array(length);
        ring.peekCopy(copy);
        expect(copy).toEqual(payloadOf(length, i));
        ring.pop();
      }
      expect(ring.bytesRemaining()).toBe(0);
      expect(ring.peek()).toBeNull();
    });

    it('needs no peek before it', () => {
      const { ring } = reading([4, 12]);
      ring.pop();
      expect(ring.peekSize()).toBe(12);
      expect(ring.bytesRemaining()).toBe(24);
    });

    it('reads an exactly full ring, whole', () => {
      const made = fixture({ position: 1000 });
      made.publish(...Array.from({ length: CAPACITY / 64 }, (_, i) => sampleBytes(payloadOf(52, i))));
      made.ring.startReadBatch();
      let records = 0;
      for (; made.ring.bytesRemaining() > 0; made.ring.pop()) records++;
      expect(records).toBe(CAPACITY / 64);
      made.ring.finishReadBatch();
      expect(made.tail).toBe(made.head);
    });
  });

  describe('finishReadBatch', () => {
    it('gives back what was popped, and nothing before', () => {
      const made = reading([4, 12, 20]);
      made.ring.pop();
      made.ring.pop();
      expect(made.tail).toBe(0n);
      made.ring.finishReadBatch();
      expect(made.tail).toBe(16n + 24n);
    });

    it('gives back nothing when nothing was popped', () => {
      const made = reading([4]);
      made.ring.peekSize();
      made.ring.finishReadBatch();
      expect(made.tail).toBe(0n);
    });

    it('lets the next batch read again what was not popped', () => {
      const { ring } = reading([4, 12, 20]);
      ring.pop();
      ring.peekSize();
      ring.finishReadBatch();
      expect(ring.startReadBatch()).toBe(24 + 32);
      expect(ring.peekSize()).toBe(12);
    });

    it('leaves data_head alone', () => {
      const made = reading([4]);
      made.ring.pop();
      made.ring.finishReadBatch();
      expect(made.head).toBe(16n);
    });

    it('is refused, and gives nothing back, when data_head was moved back behind what was read', () => {
      const made = reading([4, 12]);
      made.ring.pop();
      made.ring.pop();
      made.head = 8n;
      expect(codeOf(() => made.ring.finishReadBatch())).toBe('ERR_PERF_RING_CORRUPT');
      expect(made.tail).toBe(0n);
    });
  });

  describe('peek', () => {
    it('lends the next record, and returns null at the end of the batch', () => {
      const { ring } = reading([8]);
      const record = ring.peek();
      expect(record?.u32(0)).toBe(new DataView(payloadOf(8, 0).buffer).getUint32(0, true));
      expect(ring.peek()).toBe(record);
      ring.pop();
      expect(ring.peek()).toBeNull();
    });

    it('lends it until the batch is finished', () => {
      for (const position of [0, BEFORE_EDGE]) {
        const { ring } = reading([20], { position });
        const record = ring.peek();
        expect(record?.size).toBe(20);
        ring.finishReadBatch();
        expect(codeOf(() => record?.u8(0))).toBe('ERR_PERF_OUT_OF_RANGE');
      }
    });

    it('lends it until it is popped', () => {
      const { ring } = reading([8, 8]);
      const record = ring.peek();
      ring.pop();
      expect(codeOf(() => record?.u8(0))).toBe('ERR_PERF_OUT_OF_RANGE');
    });
  });

  describe('is refused', () => {
    const operations: [string, (ring: RingFixture['ring']) => unknown][] = [
      ['peekSize', (ring) => ring.peekSize()],
      ['peekType', (ring) => ring.peekType()],
      ['peekCopy', (ring) => ring.peekCopy(new Uint8Array(1))],
      ['pop', (ring) => ring.pop()],
    ];
    const inBatch: typeof operations = [
      ...operations,
      ['peek', (ring) => ring.peek()],
      ['bytesRemaining', (ring) => ring.bytesRemaining()],
      ['visit', (ring) => ring.visit(() => undefined)],
      ['finishReadBatch', (ring) => ring.finishReadBatch()],
    ];

    it.each(operations)('%s with nothing there', (_, operation) => {
      expect(codeOf(() => operation(reading([]).ring))).toBe('ERR_PERF_EMPTY');
    });

    it.each(inBatch)('%s outside a batch', (_, operation) => {
      const made = fixture();
      made.publish(sampleBytes(payloadOf(4)));
      expect(codeOf(() => operation(made.ring))).toBe('ERR_PERF_NO_READ_BATCH');
      made.ring.startReadBatch();
      made.ring.finishReadBatch();
      expect(codeOf(() => operation(made.ring))).toBe('ERR_PERF_NO_READ_BATCH');
    });

    it.each([
      ...inBatch,
      ['startReadBatch', (ring) => ring.startReadBatch()],
      ['resynchronise', (ring) => ring.resynchronise()],
      ['availableBytes', (ring) => ring.availableBytes()],
    ] satisfies typeof operations)('%s after close()', (_, operation) => {
      const { ring } = reading([4]);
      ring.close();
      ring.close();
      expect(ring.closed).toBe(true);
      expect(codeOf(() => operation(ring))).toBe('ERR_PERF_CLOSED');
    });

    it('everything after Symbol.dispose, which closes', () => {
      const { ring } = reading([4]);
      ring[Symbol.dispose]();
      expect(ring.closed).toBe(true);
      expect(codeOf(() => ring.pop())).toBe('ERR_PERF_CLOSED');
    });

    it('a second batch while one is open; the first continues', () => {
      const { ring } = reading([4]);
      expect(codeOf(() => ring.startReadBatch())).toBe('ERR_PERF_BATCH_OPEN');
      ring.pop();
      ring.finishReadBatch();
    });
  });

  describe('a ring whose positions make no sense', () => {
    it.each([
      ['data_tail is ahead of data_head', 0n, 8n],
      ['they are further apart than the ring is long', BigInt(CAPACITY) + 8n, 0n],
      ['data_head lies on no 8-byte boundary', 20n, 8n],
      ['both lie on no 8-byte boundary', 12n, 12n],
      ['they are half of all numbers apart', 2n ** 63n, 0n],
      ['they are all but 8 of all numbers apart', 0n, 2n ** 64n - 8n - BigInt(CAPACITY)],
    ])('is corrupt, and says so: %s', (_, head, tail) => {
      const made = fixture();
      made.head = head;
      made.tail = tail;
      expect(codeOf(() => made.ring.startReadBatch())).toBe('ERR_PERF_RING_CORRUPT');
      expect(messageOf(() => made.ring.startReadBatch())).toContain('resynchronise()');
      expect(made.tail).toBe(tail);
    });

    it('continues at data_head after resynchronise()', () => {
      const made = fixture();
      made.head = 2n ** 40n;
      made.tail = 1n;
      expect(made.ring.resynchronise()).toBe(CAPACITY);
      expect(made.tail).toBe(2n ** 40n);
      made.write(payloadOf(4));
      expect(made.ring.startReadBatch()).toBe(16);
      expect(made.ring.peekSize()).toBe(4);
    });
  });

  describe('unreadBytes', () => {
    it('is what is published and was not popped, in a batch and out of it', () => {
      const made = reading([4, 12]);
      expect(made.ring.unreadBytes()).toBe(16 + 24);
      made.ring.pop();
      expect(made.ring.unreadBytes()).toBe(24);
      made.publish(sampleBytes(payloadOf(4)));
      expect(made.ring.unreadBytes()).toBe(24 + 16);
      made.ring.finishReadBatch();
      expect(made.ring.unreadBytes()).toBe(24 + 16);
    });
  });

  describe('resynchronise', () => {
    it('skips what is published, and returns how much', () => {
      const made = fixture({ position: 64 });
      made.publish(sampleBytes(payloadOf(4)), sampleBytes(payloadOf(12)));
      expect(made.ring.resynchronise()).toBe(40);
      expect(made.ring.availableBytes()).toBe(0);
    });

    it('ends a read batch, and does not count what the batch had popped', () => {
      const made = reading([4, 12, 20]);
      made.ring.pop();
      expect(made.ring.resynchronise()).toBe(24 + 32);
      expect(codeOf(() => made.ring.peekSize())).toBe('ERR_PERF_NO_READ_BATCH');
      expect(made.ring.startReadBatch()).toBe(0);
    });

    it('returns 0 for an empty ring', () => {
      expect(fixture().ring.resynchronise()).toBe(0);
    });
  });
});
