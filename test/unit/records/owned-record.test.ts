import { inspect } from 'node:util';
import { OwnedRecord } from '../../../lib/records/owned-record';
import { decoderFor } from '../../../lib/layout/sample-decoder';
import { defineLayout } from '../../../lib/layout/sample-layout';
import type { RecordPayload, RingRecord } from '../../../lib/records/record';
import { codeOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { sampleBytes } from '../../support/ring-records';

const PAYLOAD = Uint8Array.from({ length: 132 }, (_, index) => (index * 77 + 0x81) & 0xff);
PAYLOAD.set(Buffer.from('a name\0behind it'), 16);
// As a u64: 0x7060504030201, below 2^53.
PAYLOAD.set([1, 2, 3, 4, 5, 6, 7, 0], 32);

/** Calls `look` with a record in a ring and its copy. @returns the copy */
function withBoth(look: (lent: RingRecord, owned: OwnedRecord) => void, payload = PAYLOAD): OwnedRecord {
  const made = new RingFixture({ cpu: 3 });
  made.publish(sampleBytes(payload));
  made.ring.startReadBatch();
  let owned: OwnedRecord | undefined;
  made.ring.visit((record) => {
    owned = new OwnedRecord(record);
    look(record, owned);
  });
  return owned as OwnedRecord;
}

const kept = (): OwnedRecord => withBoth(() => undefined);

const READS: readonly (readonly [string, number, (payload: RecordPayload, offset: number) => unknown])[] = [
  ['u8', 1, (payload, offset) => payload.u8(offset)],
  ['i8', 1, (payload, offset) => payload.i8(offset)],
  ['u16', 2, (payload, offset) => payload.u16(offset)],
  ['i16', 2, (payload, offset) => payload.i16(offset)],
  ['u32', 4, (payload, offset) => payload.u32(offset)],
  ['i32', 4, (payload, offset) => payload.i32(offset)],
  ['f32', 4, (payload, offset) => payload.f32(offset)],
  ['f64', 8, (payload, offset) => payload.f64(offset)],
  ['u64', 8, (payload, offset) => payload.u64(offset)],
  ['i64', 8, (payload, offset) => payload.i64(offset)],
  ['string', 16, (payload, offset) => payload.string(offset, 16)],
  ['copyTo', 9, (payload, offset) => copied(payload, offset, 9)],
];

function copied(payload: RecordPayload, offset: number, length: number): Uint8Array {
  const target = new Uint8Array(length);
  payload.copyTo(target, offset);
  return target;
}

describe('an owned record', () => {
  it.each(READS)('reads as the lent one does: %s', (_name, length, read) => {
    withBoth((lent, owned) => {
      for (let offset = 0; offset <= PAYLOAD.length - length; offset++) {
        expect(read(owned, offset)).toEqual(read(lent, offset));
      }
    });
  });

  it.each(READS)('refuses reads outside its payload: %s', (_name, length, read) => {
    const owned = kept();
    for (const offset of [PAYLOAD.length - length + 1, -1, Number.NaN, Infinity, '0' as never, 2 ** 53]) {
      expect(codeOf(() => read(owned, offset))).toBe('ERR_PERF_OUT_OF_RANGE');
    }
  });

  it('has the fields, and the payload as a copy of its own', () => {
    const owned = withBoth((lent, copy) => {
      const { cpu, type, time, late, pid, tid, size } = copy;
      expect({ cpu, type, time, late, pid, tid, size }).toEqual({
        cpu: 3,
        type: 9,
        time: undefined,
        late: false,
        pid: undefined,
        tid: undefined,
        size: lent.size,
      });
    });
    expect(owned.data).toEqual(PAYLOAD);
    const bytes = owned.bytes();
    expect(bytes).toEqual(PAYLOAD);
    bytes.fill(0);
    expect(owned.data).toEqual(PAYLOAD);
    // Only these properties are passed when a record is posted to a worker.
    expect(Object.keys(owned).sort()).toEqual(['cpu', 'data', 'late', 'pid', 'tid', 'time', 'type']);
    expect(inspect(owned)).toMatch(/^OwnedRecord \{/);
  });

  it('reads 64-bit values as numbers up to 2^53 - 1', () => {
    const owned = kept();
    expect(owned.u64AsNumber(32)).toBe(0x07_0605_0403_0201);
    expect(codeOf(() => owned.u64AsNumber(0))).toBe('ERR_PERF_UNSAFE_INTEGER');
  });

  it('can be decoded after its ring was closed', () => {
    const layout = defineLayout([
      { name: 'head', kind: 'u16[8]' },
      { name: 'comm', kind: 'char[16]' },
    ]);
    const { head, comm } = decoderFor(layout)(kept());
    expect([head[0], comm]).toEqual([0xce81, 'a name']);
  });

  it('is empty when its memory was transferred, read before or not', () => {
    for (const readBefore of [true, false]) {
      // Longer payloads are in memory that can't be transferred.
      const owned = withBoth(() => undefined, PAYLOAD.subarray(0, 60));
      if (readBefore) owned.u8(0);
      structuredClone(owned.data, { transfer: [owned.data.buffer] });
      expect(owned.size).toBe(0);
      expect(owned.bytes()).toHaveLength(0);
      expect(owned.string(0, 0)).toBe('');
      owned.copyTo(new Uint8Array(0));
      for (const [, , read] of READS) expect(codeOf(() => read(owned, 0))).toBe('ERR_PERF_OUT_OF_RANGE');
    }
  });

  it('refuses a target that is no array of bytes', () => {
    expect(codeOf(() => kept().copyTo([] as never))).toBe('ERR_PERF_INVALID_ARGUMENT');
  });
});
