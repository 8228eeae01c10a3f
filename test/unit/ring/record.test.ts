import type { RingRecord } from '../../../lib/records/record';
import { codeOf, messageOf } from '../../support/ring-errors';
import { RingFixture, type RingFixtureOptions } from '../../support/ring-fixture';
import { lostBytes, payloadOf, recordBytes, sampleBytes } from '../../support/ring-records';

const CAPACITY = 2048;
/** In the middle of the ring, and wrapping within the header's 8 bytes, at raw_size, and in the payload. */
const POSITIONS = [0, CAPACITY - 8, CAPACITY - 16, CAPACITY - 24, CAPACITY - 40];

/** Calls `look` with `record`, the only one in a ring. @returns its result */
function withRecord<Answer>(
  record: Uint8Array,
  look: (record: RingRecord) => Answer,
  options: RingFixtureOptions = {},
): Answer {
  const made = new RingFixture(options);
  made.publish(record);
  made.ring.startReadBatch();
  const answers: Answer[] = [];
  made.ring.visit((lent) => answers.push(look(lent)));
  expect(answers).toHaveLength(1);
  return answers[0] as Answer;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

type Read = (record: RingRecord, offset: number) => unknown;
type Expected = (bytes: DataView, offset: number) => unknown;

const READS: [string, number, Read, Expected][] = [
  ['u8', 1, (record, at) => record.u8(at), (bytes, at) => bytes.getUint8(at)],
  ['i8', 1, (record, at) => record.i8(at), (bytes, at) => bytes.getInt8(at)],
  ['u16', 2, (record, at) => record.u16(at), (bytes, at) => bytes.getUint16(at, true)],
  ['i16', 2, (record, at) => record.i16(at), (bytes, at) => bytes.getInt16(at, true)],
  ['u32', 4, (record, at) => record.u32(at), (bytes, at) => bytes.getUint32(at, true)],
  ['i32', 4, (record, at) => record.i32(at), (bytes, at) => bytes.getInt32(at, true)],
  ['f32', 4, (record, at) => record.f32(at), (bytes, at) => bytes.getFloat32(at, true)],
  ['f64', 8, (record, at) => record.f64(at), (bytes, at) => bytes.getFloat64(at, true)],
  ['u64', 8, (record, at) => record.u64(at), (bytes, at) => bytes.getBigUint64(at, true)],
  ['i64', 8, (record, at) => record.i64(at), (bytes, at) => bytes.getBigInt64(at, true)],
];

describe('RingRecord', () => {
  describe.each(READS)('%s', (_, width, read, expected) => {
    // With high bits set, so that wrong signs are found.
    const payload = Uint8Array.from({ length: 44 }, (_, i) => (i * 37 + 0x85) & 0xff);

    it.each(POSITIONS)('reads little-endian at every offset of a record at %d', (position) => {
      const bytes = view(payload);
      const offsets = Array.from({ length: payload.length - width + 1 }, (_, i) => i);
      const seen = withRecord(sampleBytes(payload), (record) => offsets.map((at) => read(record, at)), {
        position,
      });
      expect(seen).toEqual(offsets.map((at) => expected(bytes, at)));
    });

    it.each(POSITIONS)('refuses every offset that leaves the payload of a record at %d', (position) => {
      const offsets = [-1, -8, -(2 ** 31), payload.length - width + 1, payload.length, 2 ** 31, 2 ** 53];
      const more = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0.5];
      const codes = withRecord(
        sampleBytes(payload),
        (record) => [...offsets, ...more].map((at) => codeOf(() => read(record, at))),
        { position },
      );
      expect(new Set(codes)).toEqual(new Set(['ERR_PERF_OUT_OF_RANGE']));
    });

    it('refuses offsets that are no numbers', () => {
      const values = ['0', null, undefined, 0n, true, {}, [], Symbol('0'), Object.create(null)];
      const codes = withRecord(sampleBytes(payload), (record) =>
        values.map((at) => codeOf(() => read(record, at as number))),
      );
      expect(new Set(codes)).toEqual(new Set(['ERR_PERF_OUT_OF_RANGE']));
    });

    it('does not reach a byte of the next record', () => {
      const made = new RingFixture();
      made.publish(sampleBytes(new Uint8Array(12)), sampleBytes(new Uint8Array(12).fill(0xff)));
      made.ring.startReadBatch();
      expect(codeOf(() => made.ring.visit((record) => String(read(record, 12 - width + 1))))).toBe(
        'ERR_PERF_OUT_OF_RANGE',
      );
    });

    it.each(POSITIONS)('is out of range when the record is no longer lent (at %d)', (position) => {
      const made = new RingFixture({ position });
      made.publish(sampleBytes(payload), sampleBytes(payload));
      made.ring.startReadBatch();
      let kept: RingRecord | undefined;
      made.ring.visit(
        (record) => {
          kept = record;
        },
        { limit: 1 },
      );
      expect(codeOf(() => read(kept as RingRecord, 0))).toBe('ERR_PERF_OUT_OF_RANGE');
      made.ring.finishReadBatch();
      expect(codeOf(() => read(kept as RingRecord, 0))).toBe('ERR_PERF_OUT_OF_RANGE');
      made.ring.close();
      expect(codeOf(() => read(kept as RingRecord, 0))).toBe('ERR_PERF_OUT_OF_RANGE');
      made.detach();
      expect(codeOf(() => read(kept as RingRecord, 0))).toBe('ERR_PERF_OUT_OF_RANGE');
    });
  });

  it('says in its error what was read and how long the payload is', () => {
    const message = withRecord(sampleBytes(new Uint8Array(12)), (record) => messageOf(() => record.u32(9)));
    expect(message).toContain('bytes 9 to +4 are outside the payload of 12 bytes');
  });

  describe('u64AsNumber', () => {
    const read = (value: bigint) => {
      const payload = new Uint8Array(12);
      view(payload).setBigUint64(4, value, true);
      return withRecord(sampleBytes(payload), (record) => {
        const code = codeOf(() => record.u64AsNumber(4));
        return code === 'nothing' ? record.u64AsNumber(4) : code;
      });
    };

    it.each([0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 52n + 1n, 2n ** 53n - 1n])(
      'reads %d exactly',
      (value) => {
        expect(read(value)).toBe(Number(value));
      },
    );

    it.each([2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n])('refuses %d', (value) => {
      expect(read(value)).toBe('ERR_PERF_UNSAFE_INTEGER');
    });

    it('is out of range like u64', () => {
      const codes = withRecord(sampleBytes(new Uint8Array(12)), (record) => [
        codeOf(() => record.u64AsNumber(5)),
        codeOf(() => record.u64AsNumber(-1)),
        codeOf(() => record.u64AsNumber('0' as unknown as number)),
      ]);
      expect(new Set(codes)).toEqual(new Set(['ERR_PERF_OUT_OF_RANGE']));
    });
  });

  describe('string', () => {
    const stringOf = (bytes: Uint8Array | string, length: number, offset = 0, position = 0): string => {
      const payload = new Uint8Array(84).fill(0x7e);
      const encoded = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
      payload.set(encoded, offset);
      return withRecord(sampleBytes(payload), (record) => record.string(offset, length), { position });
    };

    describe.each([4, 8, 16, 17, 64])('of %d bytes', (length) => {
      it.each(POSITIONS)('ends at the first NUL (record at %d)', (position) => {
        expect(stringOf('abc\0def\0'.slice(0, length), length, 3, position)).toBe('abc');
      });

      it('is empty when it begins with NUL', () => {
        expect(stringOf('\0bc', length)).toBe('');
      });

      it('fills its field where there is no NUL', () => {
        const text = 'abcdefgh'.repeat(8).slice(0, length);
        expect(stringOf(text, length)).toBe(text);
      });

      it('does not end at a NUL before or after its field', () => {
        const text = 'x'.repeat(length);
        const payload = new Uint8Array(84);
        payload.set(new TextEncoder().encode(text), 2);
        expect(withRecord(sampleBytes(payload), (record) => record.string(2, length))).toBe(text);
      });

      it('is UTF-8, with U+FFFD for what is none', () => {
        expect(stringOf('é\0', length)).toBe('é');
        expect(stringOf('😀'.repeat(16).slice(0, length / 2), length)).toContain('😀');
        expect(stringOf(Uint8Array.of(0xff, 0x41, 0), length)).toBe('\ufffdA');
        // The end of the field cuts a character.
        expect(stringOf(new Uint8Array(length).fill(0x61).fill(0xc3, length - 1), length)).toBe(
          `${'a'.repeat(length - 1)}\ufffd`,
        );
      });
    });

    it('may be empty anywhere in the payload, its end included', () => {
      expect(withRecord(sampleBytes(payloadOf(12)), (record) => record.string(12, 0))).toBe('');
    });

    it.each([
      [-1, 4],
      [0, 13],
      [9, 4],
      [13, 0],
      [0, -1],
      [0, 2 ** 53],
      [Number.NaN, 4],
      [0, Number.NaN],
      ['0', 4],
      [0, '4'],
      [0, 4n],
      [0, undefined],
      [-4, 16],
      [0, 16],
    ])('at %p of %p bytes leaves a payload of 12', (offset, length) => {
      const code = withRecord(sampleBytes(payloadOf(12)), (record) =>
        codeOf(() => record.string(offset as number, length as number)),
      );
      expect(code).toBe('ERR_PERF_OUT_OF_RANGE');
    });

    it('of 16 bytes is right however many names there are, and whichever share a slot of the cache', () => {
      const made = new RingFixture({ dataPageCount: 64, pageSize: 4096 });
      const names = Array.from({ length: 3000 }, (_, i) => `n${(i * 2654435761) % 4096}-${i % 7}`);
      const payloads = names.map((name) => {
        const payload = new Uint8Array(20);
        payload.set(new TextEncoder().encode(name), 2);
        return payload;
      });
      for (let round = 0; round < 3; round++) {
        made.write(...payloads);
        made.ring.startReadBatch();
        const seen: string[] = [];
        made.ring.visit((record) => seen.push(record.string(2, 16)));
        made.ring.finishReadBatch();
        expect(seen).toEqual(names);
      }
    });

    it('of 16 bytes distinguishes names that differ in one bit, in any of its words', () => {
      const made = new RingFixture({ dataPageCount: 2, pageSize: 4096 });
      const base = new Uint8Array(20).fill(0x41, 0, 16);
      const payloads = Array.from({ length: 16 * 7 }, (_, i) => {
        const payload = base.slice();
        payload[i >> 3] = 0x41 ^ (1 << ((i & 7) % 7));
        return payload;
      });
      made.write(base, ...payloads, base);
      made.ring.startReadBatch();
      const seen: string[] = [];
      made.ring.visit((record) => seen.push(record.string(0, 16)));
      expect(seen).toEqual(
        [base, ...payloads, base].map((payload) => new TextDecoder().decode(payload.subarray(0, 16))),
      );
    });
  });

  describe('copyTo and bytes', () => {
    it.each(POSITIONS)('copy every span of a record at %d', (position) => {
      const payload = payloadOf(44);
      const wrong: string[] = [];
      withRecord(
        sampleBytes(payload),
        (record) => {
          if (Buffer.compare(record.bytes(), payload) !== 0) wrong.push('bytes()');
          for (let offset = 0; offset <= 44; offset++) {
            for (let length = 0; length <= 44 - offset; length++) {
              const target = new Uint8Array(length);
              record.copyTo(target, offset);
              if (Buffer.compare(target, payload.subarray(offset, offset + length)) !== 0) {
                wrong.push(`${length} from ${offset}`);
              }
            }
          }
        },
        { position },
      );
      expect(wrong).toEqual([]);
    });

    it('return a copy, which later changes of the ring do not affect', () => {
      const made = new RingFixture();
      made.publish(sampleBytes(payloadOf(12)));
      made.ring.startReadBatch();
      let copy = new Uint8Array(0);
      made.ring.visit((record) => {
        copy = new Uint8Array(record.bytes());
      });
      made.data.fill(0);
      expect(copy).toEqual(payloadOf(12));
    });

    it('refuse a span that leaves the payload, and copy nothing', () => {
      const target = new Uint8Array(8).fill(0xee);
      const codes = withRecord(sampleBytes(payloadOf(12)), (record) =>
        [5, -1, 13, Number.NaN, '0', null, 0n].map((at) => codeOf(() => record.copyTo(target, at as number))),
      );
      expect(new Set(codes)).toEqual(new Set(['ERR_PERF_OUT_OF_RANGE']));
      expect(target.every((byte) => byte === 0xee)).toBe(true);
    });

    it.each([undefined, null, [], new ArrayBuffer(4), new Uint32Array(1), new DataView(new ArrayBuffer(4))])(
      'refuse a target that is no Uint8Array (%#)',
      (target) => {
        const code = withRecord(sampleBytes(payloadOf(12)), (record) =>
          codeOf(() => record.copyTo(target as unknown as Uint8Array)),
        );
        expect(code).toBe('ERR_PERF_INVALID_ARGUMENT');
      },
    );
  });

  describe('of PERF_RECORD_LOST', () => {
    it.each(POSITIONS)('says how many were lost (at %d)', (position) => {
      const lost = withRecord(
        lostBytes(3n, 2n ** 40n + 5n),
        (record) => [record.lost, record.size, record.u64(0)],
        {
          position,
        },
      );
      expect(lost).toEqual([2 ** 40 + 5, 16, 3n]);
    });

    it('says 0 when it is too short to say, and for records of other types', () => {
      expect(withRecord(recordBytes(2, new Uint8Array(8).fill(0xff)), (record) => record.lost)).toBe(0);
      expect(withRecord(sampleBytes(new Uint8Array(20).fill(0xff)), (record) => record.lost)).toBe(0);
      expect(withRecord(recordBytes(13, new Uint8Array(16).fill(0xff)), (record) => record.lost)).toBe(0);
    });
  });

  describe('type, misc, cpu and late', () => {
    it.each(POSITIONS)('are those of the record (at %d)', (position) => {
      const bytes = recordBytes(0xfedc_ba98, payloadOf(48), { misc: 0x4321 });
      const seen = withRecord(
        bytes,
        (record) => [record.type, record.misc, record.cpu, record.size, record.late],
        {
          position,
          cpu: 7,
        },
      );
      expect(seen).toEqual([0xfedc_ba98, 0x4321, 7, 48, false]);
    });

    it('misc is there in a record that is nothing but its header', () => {
      expect(withRecord(recordBytes(14, new Uint8Array(0), { misc: 0x2000 }), (record) => record.misc)).toBe(
        0x2000,
      );
    });

    it('misc and size are 0 when the record is no longer lent', () => {
      const made = new RingFixture();
      made.publish(recordBytes(14, payloadOf(8), { misc: 0x2000 }));
      made.ring.startReadBatch();
      let kept: RingRecord | undefined;
      made.ring.visit((record) => {
        kept = record;
      });
      expect([kept?.misc, kept?.size]).toEqual([0, 0]);
      made.detach();
      expect(kept?.misc).toBe(0);
    });
  });
});
