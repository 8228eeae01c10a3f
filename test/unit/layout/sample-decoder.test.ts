import { decoderFor } from '../../../lib/layout/sample-decoder';
import { defineLayout } from '../../../lib/layout/sample-layout';
import type { RingRecord } from '../../../lib/ring/record';
import { codeOf, messageOf } from '../../support/ring-errors';
import { RingFixture } from '../../support/ring-fixture';
import { sampleBytes } from '../../support/ring-records';

/** A record of a ring with that payload. */
function recordOf(payload: Uint8Array): RingRecord {
  const fixture = new RingFixture();
  fixture.publish(sampleBytes(payload));
  fixture.ring.startReadBatch();
  return fixture.ring.peek() as RingRecord;
}

/** 64 bytes with the highest bit of every value set, and floats that are exact. */
function payload(): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x81);
  view.setUint16(2, 0x8182, true);
  view.setUint32(4, 0x8182_8384, true);
  view.setBigUint64(8, 0x8182_8384_8586_8788n, true);
  view.setFloat32(16, -1.5, true);
  view.setFloat64(24, 1e-300, true);
  bytes.set(Buffer.from('comm\0rest'), 32);
  bytes.set([1, 2, 3, 0, 5], 48);
  return bytes;
}

describe('decoderFor', () => {
  it.each([
    ['u8', 0, 0x81],
    ['i8', 0, -0x7f],
    ['u16', 2, 0x8182],
    ['i16', 2, 0x8182 - 0x1_0000],
    ['u32', 4, 0x8182_8384],
    ['i32', 4, 0x8182_8384 - 2 ** 32],
    ['u64', 8, 0x8182_8384_8586_8788n],
    ['i64', 8, 0x8182_8384_8586_8788n - 2n ** 64n],
    ['f32', 16, -1.5],
    ['f64', 24, 1e-300],
    ['char[16]', 32, 'comm'],
    ['char[3]', 32, 'com'],
    ['bytes[5]', 48, Uint8Array.of(1, 2, 3, 0, 5)],
  ] as const)('reads %s', (kind, offset, value) => {
    const decode = decoderFor(defineLayout([{ name: 'field', kind, offset }]));
    expect(decode(recordOf(payload()))).toEqual({ field: value });
  });

  it('reads every field in the order of the layout, into an object of its own each time', () => {
    const decode = decoderFor(
      defineLayout([
        { name: 'last', kind: 'u32', offset: 4 },
        { name: 'first', kind: 'u8', offset: 0 },
      ]),
    );
    const record = recordOf(payload());
    const event = decode(record);
    expect(Object.entries(event)).toEqual([
      ['last', 0x8182_8384],
      ['first', 0x81],
    ]);
    expect(decode(record)).not.toBe(event);
  });

  it('leaves out what a sample is too short for, to the byte', () => {
    const decode = decoderFor(
      defineLayout([
        { name: 'fits', kind: 'u32', offset: 8 },
        { name: 'cut', kind: 'u32', offset: 9 },
      ]),
    );
    // 12 bytes, as the kernel pads them.
    expect(Object.keys(decode(recordOf(new Uint8Array(12))))).toEqual(['fits']);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['text', 'sample'],
    ['an empty object', {}],
    ['an object of a size', { size: 9 }],
    ['a collection, which has a size of 0', new Map()],
    ['bytes', new Uint8Array(8)],
    ['a function', () => undefined],
    ['an object whose size throws', Object.defineProperty({}, 'size', { get: () => JSON.parse('{') })],
  ])('refuses %s, which is no record', (_, value) => {
    const decode = decoderFor(defineLayout([{ name: 'a', kind: 'u8' }]));
    expect(codeOf(() => decode(value as RingRecord))).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(messageOf(() => decode(value as RingRecord))).toMatch(/a decoder takes a record/);
  });

  it('decodes nothing of a record whose visitor has returned', () => {
    const fixture = new RingFixture();
    fixture.publish(sampleBytes(payload()));
    fixture.ring.startReadBatch();
    let kept: RingRecord | undefined;
    fixture.ring.visit((record) => {
      kept = record;
    });
    const decode = decoderFor(defineLayout([{ name: 'a', kind: 'u8' }]));
    expect(decode(kept as RingRecord)).toEqual({});
  });

  it.each<[string, unknown]>([
    ['a size that is not its kind', { name: 'a', kind: 'u32', offset: 0, size: 8 }],
    ['a fractional offset', { name: 'a', kind: 'u32', offset: 0.5, size: 4 }],
    ['no offset', { name: 'a', kind: 'u32', size: 4 }],
    ['an unknown kind', { name: 'a', kind: 'u128', offset: 0, size: 16 }],
  ])('refuses a layout with a field of %s', (_, field) => {
    expect(codeOf(() => decoderFor({ fields: [field], size: 64 } as never))).toBe(
      'ERR_PERF_INVALID_ARGUMENT',
    );
  });
});
