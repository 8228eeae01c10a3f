import type { RingRecord } from '../../../lib/records/record';
import { SHORT_BYTES } from '../../../lib/records/payload-copy';
import { codeOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { payloadOf, sampleBytes } from '../../support/ring-records';

const LONG = SHORT_BYTES + 68;
const PAYLOAD = payloadOf(LONG);
/** The offset of the first record's payload in the data area. */
const PAYLOAD_AT = 12;
/** Includes lengths around the one at which the way of copying changes. */
const LENGTHS = [0, 1, 3, 4, 7, 8, 52, SHORT_BYTES - 1, SHORT_BYTES, SHORT_BYTES + 1, LONG];

function withRecord(look: (record: RingRecord, made: RingFixture) => void, shared = false): void {
  const made = new RingFixture({ shared });
  made.publish(sampleBytes(PAYLOAD));
  made.ring.startReadBatch();
  expect(made.ring.visit((record) => look(record, made))).toBe(1);
}

describe.each(LENGTHS)('a copy of %d bytes', (length) => {
  const wanted = [...PAYLOAD.subarray(0, length)];

  it('copies the bytes asked for, and writes no others', () => {
    const around = new Uint8Array(length + 16);
    for (let offset = 0; offset <= LONG - length; offset++) {
      around.fill(0xee);
      withRecord((record) => record.copyTo(around.subarray(8, 8 + length), offset));
      expect([...around]).toEqual([
        ...new Array<number>(8).fill(0xee),
        ...PAYLOAD.subarray(offset, offset + length),
        ...new Array<number>(8).fill(0xee),
      ]);
    }
  });

  it('is of a whole payload', () => {
    const made = new RingFixture();
    // A length to which the kernel pads.
    const payload = payloadOf(Math.ceil((length + 4) / 8) * 8 - 4);
    made.publish(sampleBytes(payload));
    made.ring.startReadBatch();
    const copies: Uint8Array[] = [];
    made.ring.visit((record) => copies.push(record.bytes()));
    made.data.fill(0);
    expect(copies).toEqual([payload]);
    expect(copies[0]?.buffer.byteLength).toBe(payload.length);
  });

  it('leaves out the fraction of an offset', () => {
    const target = new Uint8Array(length);
    const after = [...PAYLOAD.subarray(2, 2 + length)];
    withRecord((record) => {
      if (length > LONG - 3)
        return void expect(codeOf(() => record.copyTo(target, 2.9))).toBe('ERR_PERF_OUT_OF_RANGE');
      record.copyTo(target, 2.9);
      expect([...target]).toEqual(after);
    });
  });

  it.each<[string, () => Uint8Array]>([
    ['a Buffer', () => Buffer.alloc(length)],
    ['shared memory', () => new Uint8Array(new SharedArrayBuffer(length + 1), 1, length)],
    ['a subclass', () => new (class Own extends Uint8Array {})(length)],
  ])('goes into %s', (_, make) => {
    const target = make();
    withRecord((record) => record.copyTo(target));
    expect([...target]).toEqual(wanted);
  });

  it('calls no method of its target', () => {
    const asked: PropertyKey[] = [];
    class Liar extends Uint8Array {}
    const target = new Liar(length);
    for (const name of [
      'length',
      'byteLength',
      'byteOffset',
      'buffer',
      'set',
      'constructor',
      Symbol.toStringTag,
    ]) {
      Object.defineProperty(name === 'byteOffset' ? Liar.prototype : target, name, {
        get: () => {
          asked.push(name);
          return 1;
        },
      });
    }
    withRecord((record) => record.copyTo(target));
    expect(asked).toEqual([]);
    expect([...Array(length).keys()].map((at) => target[at])).toEqual(wanted);
  });

  it.each([false, true])('is correct when the target overlaps the ring itself, shared: %p', (shared) => {
    for (const distance of [-PAYLOAD_AT, -5, -1, 0, 1, 3, 50]) {
      withRecord((record, { data }) => {
        const target = data.subarray(PAYLOAD_AT + distance, PAYLOAD_AT + distance + length);
        record.copyTo(target);
        expect([...target]).toEqual(wanted);
      }, shared);
    }
  });

  it('copies nothing into a target whose memory is gone', () => {
    const target = new Uint8Array(length);
    structuredClone(target.buffer, { transfer: [target.buffer] });
    withRecord((record) => {
      record.copyTo(target);
      expect(codeOf(() => record.copyTo(target, LONG + 1))).toBe('ERR_PERF_OUT_OF_RANGE');
    });
    expect(target).toHaveLength(0);
  });
});

describe('a target that only looks like a Uint8Array', () => {
  const asked: PropertyKey[] = [];
  const watched = (target: object): object =>
    new Proxy(target, {
      get: (_, name) => {
        asked.push(name);
        return 'Uint8Array';
      },
      getPrototypeOf: () => {
        asked.push('prototype');
        return Uint8Array.prototype;
      },
    });

  it.each<[string, unknown]>([
    ['an object of its prototype', Object.create(Uint8Array.prototype)],
    ['its prototype', Uint8Array.prototype],
    ['an object tagged so', { [Symbol.toStringTag]: 'Uint8Array', length: 4, byteLength: 4 }],
    ['a Proxy of one', watched(new Uint8Array(4))],
    ['a Proxy of an object', watched({})],
    ['a Uint8ClampedArray', new Uint8ClampedArray(4)],
    [
      'an Int8Array tagged so',
      Object.defineProperty(new Int8Array(4), Symbol.toStringTag, { value: 'Uint8Array' }),
    ],
    ['a string', 'Uint8Array'],
  ])('is refused: %s', (_, target) => {
    withRecord((record) => {
      expect(codeOf(() => record.copyTo(target as Uint8Array))).toBe('ERR_PERF_INVALID_ARGUMENT');
    });
    expect(asked).toEqual([]);
  });
});
