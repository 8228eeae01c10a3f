import { CURSOR_KINDS } from '../../support/ring-cursor-kinds';
import { codeOf, messageOf } from '../../support/ring-errors';
import { RingFixture, type RingFixtureOptions } from '../../support/ring-fixture';
import { payloadOf, recordBytes, SAMPLE, sampleBytes } from '../../support/ring-records';

const CAPACITY = 2048;
const LENGTHS = Array.from({ length: 40 }, (_, i) => i + 1);

describe.each(CURSOR_KINDS)('writing with %s', (_, cursors) => {
  const fixture = (options: RingFixtureOptions = {}): RingFixture => new RingFixture({ cursors, ...options });

  describe('a sample', () => {
    it.each(LENGTHS)('of %d bytes is framed as the kernel frames it, byte for byte', (n) => {
      const { ring, view, data, ...rest } = fixtureWithOldContents(n);
      const expected = sampleBytes(payloadOf(n));
      expect(view.getUint32(0, true)).toBe(SAMPLE);
      expect(view.getUint16(4, true)).toBe(0);
      expect(view.getUint16(6, true)).toBe(8 + Math.ceil((n + 4) / 8) * 8);
      expect(view.getUint32(8, true)).toBe(Math.ceil((n + 4) / 8) * 8 - 4);
      expect([...data.subarray(0, expected.length)]).toEqual([...expected]);
      expect(data[expected.length]).toBe(0xee);
      expect(rest.published).toBe(BigInt(expected.length));
    });

    it('has its padding zeroed over old contents, and across the edge of the ring', () => {
      for (const n of LENGTHS) {
        const expected = sampleBytes(payloadOf(n));
        for (let before = 8; before <= expected.length; before += 8) {
          const ring = fixture({ position: CAPACITY - before, fill: 0xee });
          ring.write(payloadOf(n));
          expect(ring.bytesAt(CAPACITY - before, expected.length)).toEqual([...expected]);
          expect(ring.data[expected.length - before]).toBe(0xee);
          expect(ring.data[CAPACITY - before - 1]).toBe(0xee);
        }
      }
    });

    function fixtureWithOldContents(n: number) {
      const made = fixture({ fill: 0xee });
      made.write(payloadOf(n));
      return { ring: made.ring, view: made.view, data: made.data, published: made.head };
    }
  });

  describe('a record of another type', () => {
    it.each([0, 1, 2, 8, 10, 0xffff_ffff])('(type %d) has no raw_size', (type) => {
      for (const n of LENGTHS) {
        const { ring, data } = fixture({ fill: 0xee });
        ring.startWriteBatch();
        expect(ring.write(payloadOf(n), type)).toBe(8);
        const padded = new Uint8Array(Math.ceil(n / 8) * 8);
        padded.set(payloadOf(n));
        expect([...data.subarray(0, 8 + padded.length)]).toEqual([...recordBytes(type, padded)]);
        expect(data[8 + padded.length]).toBe(0xee);
      }
    });
  });

  describe('the offset that write() returns', () => {
    it("is the payload's place in the data area", () => {
      const { ring, data } = fixture();
      ring.startWriteBatch();
      expect(ring.write(payloadOf(4))).toBe(12);
      expect(ring.write(payloadOf(20, 2))).toBe(16 + 12);
      expect(ring.write(payloadOf(3, 3), 1)).toBe(16 + 32 + 8);
      expect([...data.subarray(28, 48)]).toEqual([...payloadOf(20, 2)]);
    });

    it('is beyond the edge when raw_size is the last word of the ring', () => {
      const made = fixture({ position: CAPACITY - 16 });
      made.ring.startWriteBatch();
      expect(made.ring.write(payloadOf(16))).toBe(CAPACITY - 4);
      expect(made.bytesAt(CAPACITY - 16, 32)).toEqual([...sampleBytes(payloadOf(16))].slice(0, 32));
    });

    it('wraps when the header is the last thing before the edge', () => {
      const made = fixture({ position: CAPACITY - 8 });
      made.ring.startWriteBatch();
      expect(made.ring.write(payloadOf(9))).toBe(4);
      made.ring.finishWriteBatch();
      expect(made.view.getUint32(0, true)).toBe(12);
      expect(made.bytesAt(CAPACITY - 8, 24)).toEqual([...sampleBytes(payloadOf(9))]);
      made.ring.startReadBatch();
      expect(made.ring.peekSize()).toBe(12);
    });

    it('is 0 for a record of another type whose header is the last thing before the edge', () => {
      const { ring } = fixture({ position: CAPACITY - 8 });
      ring.startWriteBatch();
      expect(ring.write(payloadOf(8), 1)).toBe(0);
    });
  });

  describe('a batch', () => {
    it('shows nothing to the reader before it finishes, and then all of it at once', () => {
      const made = fixture({ position: 40 });
      made.ring.startWriteBatch();
      made.ring.write(payloadOf(10));
      made.ring.write(payloadOf(10));
      expect(made.head).toBe(40n);
      expect(made.ring.availableBytes()).toBe(0);
      expect(made.ring.startReadBatch()).toBe(0);
      made.ring.finishReadBatch();
      made.ring.finishWriteBatch();
      expect(made.head).toBe(40n + 48n);
      expect(made.ring.startReadBatch()).toBe(48);
    });

    it('that wrote nothing publishes nothing', () => {
      const made = fixture();
      made.ring.startWriteBatch();
      made.ring.finishWriteBatch();
      expect(made.head).toBe(0n);
    });

    it('publishes once, however many records it has, and not at all when it has none', () => {
      let published = 0;
      const made = fixture({
        cursors: (geometry) => {
          const inner = cursors(geometry);
          const { publish } = inner;
          inner.publish = (bytes) => {
            published++;
            publish.call(inner, bytes);
          };
          return inner;
        },
      });
      made.write();
      expect(published).toBe(0);
      made.write(...LENGTHS.slice(0, 20).map((n) => payloadOf(n)));
      expect(published).toBe(1);
    });

    it('leaves data_tail alone', () => {
      const made = fixture({ position: 1000 * 8 });
      made.write(payloadOf(100));
      expect(made.tail).toBe(8000n);
    });

    it('counts on past 2^53 and past 2^64', () => {
      for (const position of [2n ** 53n - 8n, 2n ** 64n - 16n]) {
        const made = fixture({ position });
        made.write(payloadOf(20));
        expect(made.head).toBe(BigInt.asUintN(64, position + 32n));
        expect(made.ring.startReadBatch()).toBe(32);
        const copy = new Uint8Array(20);
        made.ring.peekCopy(copy);
        expect(copy).toEqual(payloadOf(20));
        made.ring.pop();
        made.ring.finishReadBatch();
        expect(made.tail).toBe(made.head);
      }
    });

    it('sees the room that the reader gave back, at its start', () => {
      const { ring, ...made } = fill(fixture());
      ring.startReadBatch();
      ring.pop();
      ring.startWriteBatch();
      expect(ring.tryWrite(payloadOf(4))).toBe(-1);
      ring.finishWriteBatch();
      ring.finishReadBatch();
      expect(made.data.length).toBe(CAPACITY);
      ring.startWriteBatch();
      expect(ring.tryWrite(payloadOf(4))).toBe(12);
    });
  });

  describe('a full ring', () => {
    it('is the value -1 of tryWrite, and nothing is written', () => {
      const made = fill(fixture());
      const before = [...made.data];
      made.ring.startWriteBatch();
      expect(made.ring.tryWrite(payloadOf(1))).toBe(-1);
      expect(made.ring.hasRoomFor(1)).toBe(false);
      made.ring.finishWriteBatch();
      expect([...made.data]).toEqual(before);
      expect(made.head).toBe(BigInt(CAPACITY));
    });

    it('is ERR_PERF_RING_FULL of write, which says what is left', () => {
      const { ring } = fixture();
      ring.startWriteBatch();
      ring.write(payloadOf(2000));
      expect(codeOf(() => ring.write(payloadOf(40)))).toBe('ERR_PERF_RING_FULL');
      expect(messageOf(() => ring.write(payloadOf(40)))).toBe(
        'a record of 56 bytes does not fit into the 32 left: finish the batch and let the reader catch up',
      );
    });

    it('takes a smaller record where a larger one did not fit', () => {
      const { ring } = fixture();
      ring.startWriteBatch();
      ring.write(payloadOf(2000));
      expect(ring.tryWrite(payloadOf(21))).toBe(-1);
      expect(ring.hasRoomFor(21)).toBe(false);
      expect(ring.hasRoomFor(20)).toBe(true);
      expect(ring.tryWrite(payloadOf(20))).toBe(2016 + 12);
    });

    it('may be filled to the last byte, and then reports its whole capacity', () => {
      for (const position of [0, 8, 1000, CAPACITY - 8]) {
        const made = fill(fixture({ position }));
        expect(made.ring.availableBytes()).toBe(CAPACITY);
        expect(made.ring.startReadBatch()).toBe(CAPACITY);
        expect(made.ring.bytesRemaining()).toBe(CAPACITY);
      }
    });

    it('may be filled by one record', () => {
      const made = fixture({ position: 1000 });
      made.write(payloadOf(CAPACITY - 12));
      expect(made.ring.startReadBatch()).toBe(CAPACITY);
      const copy = new Uint8Array(CAPACITY - 12);
      made.ring.peekCopy(copy);
      expect(copy).toEqual(payloadOf(CAPACITY - 12));
      made.ring.pop();
      expect(made.ring.bytesRemaining()).toBe(0);
    });
  });

  describe('is refused, with nothing written,', () => {
    const refusal = (action: (ring: RingFixture['ring']) => unknown, options: RingFixtureOptions = {}) => {
      const made = fixture({ fill: 0xee, ...options });
      made.ring.startWriteBatch();
      const code = codeOf(() => action(made.ring));
      made.ring.finishWriteBatch();
      expect(made.head).toBe(0n);
      expect(made.data.every((byte) => byte === 0xee)).toBe(true);
      return code;
    };

    it('for an empty payload', () => {
      for (const type of [SAMPLE, 1]) {
        expect(refusal((ring) => ring.write(new Uint8Array(0), type))).toBe('ERR_PERF_EMPTY_WRITE');
        expect(refusal((ring) => ring.tryWrite(new Uint8Array(0), type))).toBe('ERR_PERF_EMPTY_WRITE');
        expect(refusal((ring) => ring.hasRoomFor(0, type))).toBe('ERR_PERF_EMPTY_WRITE');
      }
    });

    it('for a record longer than the ring', () => {
      expect(refusal((ring) => ring.write(new Uint8Array(CAPACITY - 11)))).toBe('ERR_PERF_RECORD_TOO_LARGE');
      expect(refusal((ring) => ring.write(new Uint8Array(CAPACITY - 7), 1))).toBe(
        'ERR_PERF_RECORD_TOO_LARGE',
      );
      expect(refusal((ring) => ring.tryWrite(new Uint8Array(CAPACITY)))).toBe('ERR_PERF_RECORD_TOO_LARGE');
      expect(refusal((ring) => ring.hasRoomFor(CAPACITY))).toBe('ERR_PERF_RECORD_TOO_LARGE');
    });

    it('for a record longer than its u16 size can say, in a ring that has the room', () => {
      const options = { dataPageCount: 32, pageSize: 4096 };
      expect(refusal((ring) => ring.write(new Uint8Array(65_517)), options)).toBe(
        'ERR_PERF_RECORD_TOO_LARGE',
      );
      expect(refusal((ring) => ring.write(new Uint8Array(65_521), 1), options)).toBe(
        'ERR_PERF_RECORD_TOO_LARGE',
      );
      expect(refusal((ring) => ring.write(new Uint8Array(70_000)), options)).toBe(
        'ERR_PERF_RECORD_TOO_LARGE',
      );
      const { ring } = fixture(options);
      ring.startWriteBatch();
      expect(ring.write(new Uint8Array(65_516))).toBe(12);
      expect(ring.tryWrite(new Uint8Array(65_520), 1)).toBe(65_528 + 8);
    });

    it.each([
      ['undefined', undefined],
      ['null', null],
      ['a string', 'bytes'],
      ['an array', [1, 2, 3]],
      ['an ArrayBuffer', new ArrayBuffer(8)],
      ['a DataView', new DataView(new ArrayBuffer(8))],
      ['a Uint16Array', new Uint16Array(8)],
      ['a proxy of a Uint8Array', new Proxy(new Uint8Array(8), {})],
    ])('for data that are %s', (_, data) => {
      expect(refusal((ring) => ring.write(data as Uint8Array))).toBe('ERR_PERF_INVALID_ARGUMENT');
    });

    it.each([-1, 1.5, 2 ** 32, Number.NaN, '9', 9n, null, Symbol('9'), Object.create(null)])(
      'for the type %p',
      (type) => {
        expect(refusal((ring) => ring.write(payloadOf(8), type as number))).toBe('ERR_PERF_INVALID_ARGUMENT');
      },
    );

    it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '9', 9n, null, undefined])(
      'for a question about a length of %p',
      (length) => {
        expect(refusal((ring) => ring.hasRoomFor(length as number))).toBe('ERR_PERF_INVALID_ARGUMENT');
      },
    );

    it('outside a batch', () => {
      const { ring } = fixture();
      const code = 'ERR_PERF_NO_WRITE_BATCH';
      expect(codeOf(() => ring.write(payloadOf(8)))).toBe(code);
      expect(codeOf(() => ring.tryWrite(payloadOf(8)))).toBe(code);
      expect(codeOf(() => ring.hasRoomFor(8))).toBe(code);
      expect(codeOf(() => ring.finishWriteBatch())).toBe(code);
      ring.startWriteBatch();
      ring.finishWriteBatch();
      expect(codeOf(() => ring.write(payloadOf(8)))).toBe(code);
    });

    it('when a batch is started twice; the first stays open', () => {
      const made = fixture();
      made.ring.startWriteBatch();
      made.ring.write(payloadOf(4));
      expect(codeOf(() => made.ring.startWriteBatch())).toBe('ERR_PERF_BATCH_OPEN');
      made.ring.write(payloadOf(4));
      made.ring.finishWriteBatch();
      expect(made.head).toBe(32n);
    });

    it('after close()', () => {
      const { ring } = fixture();
      ring.startWriteBatch();
      ring.close();
      for (const action of [
        () => ring.startWriteBatch(),
        () => ring.write(payloadOf(8)),
        () => ring.tryWrite(payloadOf(8)),
        () => ring.hasRoomFor(8),
        () => ring.finishWriteBatch(),
      ]) {
        expect(codeOf(action)).toBe('ERR_PERF_CLOSED');
      }
    });
  });

  it('keeps to the bytes of data whose class lies about them', () => {
    class Liar extends Uint8Array {
      override get length(): number {
        return 3;
      }
      override get byteLength(): number {
        return 1e9;
      }
      override subarray(): Uint8Array<ArrayBuffer> {
        throw new Error('not to be asked');
      }
    }
    for (const position of [0, CAPACITY - 16]) {
      const made = fixture({ position });
      made.write(new Liar(payloadOf(20)));
      expect(made.bytesAt(position, 32)).toEqual([...sampleBytes(payloadOf(20))]);
    }
  });

  it('writes a part of a larger array, across the edge too', () => {
    const whole = payloadOf(200);
    for (const position of [0, CAPACITY - 24]) {
      const made = fixture({ position });
      made.write(whole.subarray(50, 150));
      expect(made.bytesAt(position + 12, 100)).toEqual([...whole.subarray(50, 150)]);
    }
  });

  describe('a ring whose positions make no sense', () => {
    it.each([
      ['data_tail is ahead of data_head', 0n, 8n],
      ['they are further apart than the ring is long', BigInt(CAPACITY) + 8n, 0n],
      ['data_head lies on no 8-byte boundary', 20n, 8n],
      ['both lie on no 8-byte boundary', CAPACITY - 4, CAPACITY - 4],
      ['they are half of all numbers apart', 2n ** 63n, 0n],
    ])('is corrupt: %s', (_, head, tail) => {
      const made = fixture();
      made.head = BigInt(head);
      made.tail = BigInt(tail);
      expect(codeOf(() => made.ring.startWriteBatch())).toBe('ERR_PERF_RING_CORRUPT');
      expect(codeOf(() => made.ring.write(payloadOf(8)))).toBe('ERR_PERF_NO_WRITE_BATCH');
      expect(made.data.every((byte) => byte === 0)).toBe(true);
    });
  });

  /** Fills the ring to its last byte. */
  function fill(made: RingFixture): RingFixture {
    made.write(...Array.from({ length: CAPACITY / 64 }, (_, i) => payloadOf(52, i)));
    return made;
  }
});
