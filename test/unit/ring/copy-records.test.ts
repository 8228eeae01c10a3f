import { CURSOR_KINDS } from '../../support/ring-cursor-kinds';
import { codeOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { lostBytes, payloadOf, recordBytes, sampleBytes } from '../../support/ring-records';

const CAPACITY = 2048;
/** Records of 16, 24, 24 and 64 bytes. */
const RECORDS = [
  sampleBytes(payloadOf(4, 1)),
  lostBytes(1n, 2n),
  sampleBytes(payloadOf(12, 3)),
  sampleBytes(payloadOf(52, 4)),
];
const ENDS = [16, 40, 64, 128];

const joined = (records: readonly Uint8Array[]): number[] => records.flatMap((record) => [...record]);

describe.each(CURSOR_KINDS)('PerfRing.copyRecords with %s', (_, cursors) => {
  const reading = (records: readonly Uint8Array[], position = 0): RingFixture => {
    const made = new RingFixture({ cursors, position });
    made.publish(...records);
    made.ring.startReadBatch();
    return made;
  };

  it('copies all records as they lie in the ring, whole, wherever the ring wraps', () => {
    for (let position = CAPACITY - 136; position <= CAPACITY; position += 8) {
      const made = reading(RECORDS, position);
      const target = new Uint8Array(200).fill(0xee);
      expect(made.ring.copyRecords(target)).toEqual({ bytes: 128, records: 4 });
      expect([...target.subarray(0, 128)]).toEqual(joined(RECORDS));
      expect([...target.subarray(128)]).toEqual(new Array(72).fill(0xee));
      expect(made.ring.bytesRemaining()).toBe(0);
      made.ring.finishReadBatch();
      expect(made.tail).toBe(made.head);
    }
  });

  it('copies as many as fit into the target, and no part of the next', () => {
    for (let room = 0; room <= 130; room++) {
      const made = reading(RECORDS, CAPACITY - 48);
      const target = new Uint8Array(room).fill(0xee);
      const records = ENDS.filter((end) => end <= room).length;
      const bytes = ENDS[records - 1] ?? 0;
      expect(made.ring.copyRecords(target)).toEqual({ bytes, records });
      expect([...target]).toEqual([
        ...joined(RECORDS.slice(0, records)),
        ...new Array<number>(room - bytes).fill(0xee),
      ]);
      expect(made.ring.bytesRemaining()).toBe(128 - bytes);
    }
  });

  it('continues where it stopped, mixed with pop and visit', () => {
    const { ring } = reading([...RECORDS, ...RECORDS]);
    ring.peekSize();
    expect(ring.copyRecords(new Uint8Array(40)).records).toBe(2);
    ring.pop();
    expect(ring.copyRecords(new Uint8Array(64 + 16))).toEqual({ bytes: 80, records: 2 });
    expect(ring.visit(() => undefined, { limit: 1 })).toBe(1);
    expect(ring.peekSize()).toBe(12);
    expect(ring.copyRecords(new Uint8Array(1000))).toEqual({ bytes: 88, records: 2 });
    expect(ring.copyRecords(new Uint8Array(1000))).toEqual({ bytes: 0, records: 0 });
  });

  it('copies an exactly full ring from any position', () => {
    const full = Array.from({ length: CAPACITY / 64 }, (_, seed) => sampleBytes(payloadOf(52, seed)));
    for (let position = 0; position < CAPACITY; position += 200) {
      const target = new Uint8Array(CAPACITY);
      expect(reading(full, position).ring.copyRecords(target)).toEqual({ bytes: CAPACITY, records: 32 });
      expect([...target]).toEqual(joined(full));
    }
  });

  it('copies to a view in the middle of a buffer, and to a Buffer, without their own set()', () => {
    const target = Buffer.alloc(200, 0xee).subarray(8, 100);
    target.set = () => {
      throw new Error('of the target');
    };
    expect(reading(RECORDS).ring.copyRecords(target)).toEqual({ bytes: 64, records: 3 });
    expect([...target.subarray(0, 64)]).toEqual(joined(RECORDS.slice(0, 3)));
    expect(target[64]).toBe(0xee);
  });

  it.each([0, 1, 2, 4])('copies the %d records before a corrupt header, and then says so', (before) => {
    const bad = recordBytes(9, new Uint8Array(8), { size: 12 });
    const made = reading([...RECORDS.slice(0, before), bad, ...RECORDS], CAPACITY - 16);
    const target = new Uint8Array(1000);
    if (before > 0) {
      expect(made.ring.copyRecords(target)).toEqual({ bytes: ENDS[before - 1], records: before });
      expect([...target.subarray(0, ENDS[before - 1])]).toEqual(joined(RECORDS.slice(0, before)));
    }
    for (let again = 0; again < 2; again++) {
      expect(codeOf(() => made.ring.copyRecords(target))).toBe('ERR_PERF_RING_CORRUPT');
    }
    expect(made.ring.skipFault().kind).toBe('corrupt');
    expect(made.ring.copyRecords(target)).toEqual({ bytes: 0, records: 0 });
  });

  it('ends the use of a record that was peeked', () => {
    const { ring } = reading(RECORDS);
    const record = ring.peek();
    ring.copyRecords(new Uint8Array(16));
    expect(codeOf(() => record?.u8(0))).toBe('ERR_PERF_OUT_OF_RANGE');
  });

  it('is refused without a batch, in a visitor, on a closed ring, and for what is no Uint8Array', () => {
    const { ring } = reading(RECORDS);
    const copy = (target: unknown = new Uint8Array(16)): string =>
      codeOf(() => ring.copyRecords(target as Uint8Array));
    for (const target of [undefined, null, 16, 'text', [], new ArrayBuffer(64), new Uint16Array(8)]) {
      if (target !== undefined) expect(copy(target)).toBe('ERR_PERF_INVALID_ARGUMENT');
    }
    const inside: string[] = [];
    ring.visit(() => inside.push(copy()), { limit: 1 });
    expect(inside).toEqual(['ERR_PERF_BUSY']);
    ring.finishReadBatch();
    expect(copy()).toBe('ERR_PERF_NO_READ_BATCH');
    ring.startReadBatch();
    ring.close();
    expect(copy()).toBe('ERR_PERF_CLOSED');
  });

  it('copies nothing into a target that was detached', () => {
    const { ring } = reading(RECORDS);
    const target = new Uint8Array(64);
    structuredClone(target.buffer, { transfer: [target.buffer] });
    expect(ring.copyRecords(target)).toEqual({ bytes: 0, records: 0 });
    expect(ring.bytesRemaining()).toBe(128);
  });
});
