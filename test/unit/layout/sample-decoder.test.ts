import { decoderFor } from '../../../lib/layout/sample-decoder';
import { defineLayout, type LayoutValues, type SampleLayout } from '../../../lib/layout/sample-layout';
import type { RingRecord } from '../../../lib/records/record';
import { RingFixture } from '../../support/ring-fixture';
import { sampleBytes } from '../../support/ring-records';

/** Decodes a payload that lies in a ring. */
function decoded<Values>(layout: SampleLayout<Values>, payload: Uint8Array): Values {
  const made = new RingFixture({});
  made.publish(sampleBytes(payload));
  made.ring.startReadBatch();
  const decode = decoderFor(layout);
  let values: Values | undefined;
  made.ring.visit((record) => {
    values = decode(record);
  });
  return values as Values;
}

const BYTES = Uint8Array.of(0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8);
const VIEW = new DataView(BYTES.buffer);

describe('decoderFor', () => {
  it.each([
    ['u8', VIEW.getUint8(0)],
    ['i8', VIEW.getInt8(0)],
    ['u16', VIEW.getUint16(0, true)],
    ['i16', VIEW.getInt16(0, true)],
    ['u32', VIEW.getUint32(0, true)],
    ['i32', VIEW.getInt32(0, true)],
    ['f32', VIEW.getFloat32(0, true)],
    ['f64', VIEW.getFloat64(0, true)],
    ['u64', VIEW.getBigUint64(0, true)],
    ['i64', VIEW.getBigInt64(0, true)],
    ['u16be', VIEW.getUint16(0)],
    ['i16be', VIEW.getInt16(0)],
    ['u32be', VIEW.getUint32(0)],
    ['i32be', VIEW.getInt32(0)],
    ['u64be', VIEW.getBigUint64(0)],
    ['i64be', VIEW.getBigInt64(0)],
    ['bool', true],
    ['bytes[3]', BYTES.slice(0, 3)],
    ['u8[8]', BYTES],
    ['i8[2]', Int8Array.of(VIEW.getInt8(0), VIEW.getInt8(1))],
    ['u16[2]', Uint16Array.of(VIEW.getUint16(0, true), VIEW.getUint16(2, true))],
    ['i16[2]', Int16Array.of(VIEW.getInt16(0, true), VIEW.getInt16(2, true))],
    ['u32[2]', Uint32Array.of(VIEW.getUint32(0, true), VIEW.getUint32(4, true))],
    ['i32[2]', Int32Array.of(VIEW.getInt32(0, true), VIEW.getInt32(4, true))],
    ['f32[2]', Float32Array.of(VIEW.getFloat32(0, true), VIEW.getFloat32(4, true))],
    ['f64[1]', Float64Array.of(VIEW.getFloat64(0, true))],
    ['u64[1]', BigUint64Array.of(VIEW.getBigUint64(0, true))],
    ['i64[1]', BigInt64Array.of(VIEW.getBigInt64(0, true))],
    ['u16be[2]', Uint16Array.of(VIEW.getUint16(0), VIEW.getUint16(2))],
    ['i16be[2]', Int16Array.of(VIEW.getInt16(0), VIEW.getInt16(2))],
    ['u32be[2]', Uint32Array.of(VIEW.getUint32(0), VIEW.getUint32(4))],
    ['i32be[2]', Int32Array.of(VIEW.getInt32(0), VIEW.getInt32(4))],
    ['u64be[1]', BigUint64Array.of(VIEW.getBigUint64(0))],
    ['i64be[1]', BigInt64Array.of(VIEW.getBigInt64(0))],
  ] as const)('reads %s', (kind, value) => {
    // At an odd offset, too: a payload begins 4 bytes after an 8-byte boundary, and fields may be packed.
    const payload = Uint8Array.of(0, 0, 0, ...BYTES, ...BYTES);
    expect(decoded(defineLayout([{ name: 'a', kind, offset: 3 }]), payload)).toEqual({ a: value });
    expect(decoded(defineLayout([{ name: 'a', kind, offset: 0 }]), BYTES)).toEqual({ a: value });
  });

  it('reads a bool of 0 as false, and each of an array', () => {
    const layout = defineLayout([
      { name: 'one', kind: 'bool' },
      { name: 'all', kind: 'bool[3]' },
    ]);
    expect(decoded(layout, Uint8Array.of(0, 1, 0, 255))).toEqual({ one: false, all: [true, false, true] });
  });

  it('reads structs in structs, and arrays of them', () => {
    const address = defineLayout([
      { name: 'ip', kind: 'u8[4]' },
      { name: 'port', kind: 'u16be' },
    ]);
    const layout = defineLayout([
      { name: 'pid', kind: 'u32' },
      { name: 'comm', kind: 'char[4]' },
      { name: 'peer', kind: address },
      { name: 'hops', kind: [address, 2] },
    ]);
    const payload = Uint8Array.of(
      7, 0, 0, 0, 0x73, 0x68, 0, 0, // pid, comm
      10, 0, 0, 1, 0x1f, 0x90, // peer
      10, 0, 0, 2, 0, 80, // hops
      10, 0, 0, 3, 1, 0xbb,
    ); // biome-ignore format: a field a line
    expect(layout.size).toBe(28);
    const values = decoded(layout, payload);
    expect(values).toEqual({
      pid: 7,
      comm: 'sh',
      peer: { ip: Uint8Array.of(10, 0, 0, 1), port: 8080 },
      hops: [
        { ip: Uint8Array.of(10, 0, 0, 2), port: 80 },
        { ip: Uint8Array.of(10, 0, 0, 3), port: 443 },
      ],
    });
  });

  it("gives objects of the caller's own: a later record does not change them", () => {
    const layout = defineLayout([{ name: 'words', kind: 'u16[2]' }]);
    const made = new RingFixture({});
    for (const first of [1, 2]) made.publish(sampleBytes(Uint8Array.of(first, 0, 9, 0)));
    const decode = decoderFor(layout);
    const kept: unknown[] = [];
    made.ring.startReadBatch();
    made.ring.visit((record) => {
      kept.push(decode(record));
    });
    expect(kept).toEqual([{ words: Uint16Array.of(1, 9) }, { words: Uint16Array.of(2, 9) }]);
  });

  it('refuses a payload in which a field would not be whole', () => {
    const layout = defineLayout([
      { name: 'a', kind: 'u32' },
      { name: 'b', kind: 'u8[9]' },
    ]);
    // The kernel pads 8 bytes to 12.
    expect(() => decoded(layout, new Uint8Array(8))).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_OUT_OF_RANGE',
        message: 'the payload has 12 bytes, and the fields of the layout end at byte 13',
      }),
    );
    expect(decoded(layout, new Uint8Array(13))).toEqual({ a: 0, b: new Uint8Array(9) });
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['text', 'sample'],
    ['an empty object', {}],
    ['an object of a small size', { size: 3 }],
    ['an object of a large size', { size: 40 }],
    ['a size that is text', { size: '40' }],
    ['a collection, which has a size of 0', new Map()],
    ['bytes', new Uint8Array(8)],
    ['a function', () => undefined],
    ['an object whose size throws', Object.defineProperty({}, 'size', { get: () => JSON.parse('{') })],
  ])('refuses %s, which is no record', (_what, value) => {
    const decode = decoderFor(defineLayout([{ name: 'a', kind: 'u32' }]));
    expect(() => decode(value as RingRecord)).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_INVALID_ARGUMENT',
        message: expect.stringMatching(/a decoder takes a record/),
      }),
    );
  });

  it('reads fields in the order of the layout', () => {
    const layout = defineLayout([
      { name: 'last', kind: 'u32', offset: 4 },
      { name: 'first', kind: 'u8', offset: 0 },
    ]);
    const payload = Uint8Array.of(7, 0, 0, 0, 9, 0, 0, 0);
    expect(Object.entries(decoded(layout, payload))).toEqual([
      ['last', 9],
      ['first', 7],
    ]);
  });

  it('refuses a record whose visitor has returned', () => {
    const made = new RingFixture({});
    made.publish(sampleBytes(BYTES));
    made.ring.startReadBatch();
    let kept: RingRecord | undefined;
    made.ring.visit((record) => {
      kept = record;
    });
    const decode = decoderFor(defineLayout([{ name: 'a', kind: 'u8' }]));
    expect(() => decode(kept as RingRecord)).toThrow(
      expect.objectContaining({ code: 'ERR_PERF_OUT_OF_RANGE' }),
    );
  });

  it('has the type of its layout', () => {
    const address = defineLayout([{ name: 'port', kind: 'u16be' }]);
    const layout = defineLayout([
      { name: 'pid', kind: 'u32' },
      { name: 'time', kind: 'u64' },
      { name: 'comm', kind: 'char[16]' },
      { name: 'root', kind: 'bool' },
      { name: 'stack', kind: 'u64[2]' },
      { name: 'peer', kind: address },
      { name: 'hops', kind: [address, 2] },
    ]);
    type Event = LayoutValues<typeof layout>;
    const read = (
      event: Event,
    ): [number, bigint, string, boolean, BigUint64Array, number, number | undefined] => [
      event.pid,
      event.time,
      event.comm,
      event.root,
      event.stack,
      event.peer.port,
      event.hops[0]?.port,
    ];
    // @ts-expect-error there is no such field
    const wrong = (event: Event): unknown => event.piid;
    // @ts-expect-error a pid is a number
    const wrongType = (event: Event): string => event.pid;
    const event = decoded(layout, new Uint8Array(layout.size));
    expect(read(event)).toEqual([0, 0n, '', false, new BigUint64Array(2), 0, 0]);
    expect([wrong(event), wrongType(event)]).toEqual([undefined, 0]);
    // @ts-expect-error there is no such kind
    expect(() => defineLayout([{ name: 'a', kind: 'u33' }])).toThrow(/unknown kind "u33"/);
  });

  it('reads enums by name, by raw bits, and as numbers where they have no name', () => {
    const values = { A: 1, NONE: -3, FAR: 70_000, A_AGAIN: 1 };
    const layout = defineLayout([
      { name: 'known', kind: { enum: values } },
      { name: 'negative', kind: { enum: values } },
      { name: 'other', kind: { enum: values, as: 'i32' } },
      { name: 'small', kind: { enum: { LOW: 0, HIGH: 255 }, as: 'i8' } },
      { name: 'many', kind: { enum: values, as: 'u16[2]' } },
      { name: 'bits', kind: { enum: { TWO: 2 }, as: 'u8:2' } },
      { name: 'wide', kind: { enum: { BIG: 1n << 40n, MINUS: -1 }, as: 'u64' } },
      { name: 'wideOther', kind: { enum: {}, as: 'i64' } },
    ]);
    const payload = Buffer.alloc(layout.size);
    payload.writeUInt32LE(1, 0);
    payload.writeUInt32LE(4294967293, 4);
    payload.writeInt32LE(-5, 8);
    payload.writeInt8(-1, 12);
    payload.writeUInt16LE(7, 14);
    payload.writeUInt16LE(1, 16);
    payload.writeUInt8(0b1110, 18);
    payload.writeBigUInt64LE(1n << 40n, 24);
    payload.writeBigInt64LE(-4n, 32);
    const values_ = decoded(layout, payload);
    expect(values_).toEqual({
      known: 'A',
      negative: 'NONE',
      other: -5,
      small: 'HIGH',
      many: [7, 'A'],
      bits: 'TWO',
      wide: 'BIG',
      wideOther: -4n,
    });
    const known: 'A' | 'NONE' | 'FAR' | 'A_AGAIN' | number = values_.known;
    expect(known).toBe('A');
  });

  it('reads bitfields of every width at every place', () => {
    const bytes = Uint8Array.of(0xa5, 0x3c, 0xf1, 0x97, 0x6e, 0x81, 0x42, 0xdb, 0x18, 0x99);
    const all = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    for (let bitOffset = 0; bitOffset < 8; bitOffset++) {
      for (let width = 1; width <= 64; width++) {
        const kinds = (width <= 32 ? (['u32', 'i32'] as const) : []).concat(['u64', 'i64'] as never[]);
        for (const storage of kinds) {
          const kind = `${storage}:${width}` as const;
          const bits = all >> BigInt(bitOffset + 8);
          const expected = (storage.startsWith('u') ? BigInt.asUintN : BigInt.asIntN)(width, bits);
          const layout = defineLayout([{ name: 'a', kind, offset: 1, bitOffset }]);
          const value = decoded(layout, bytes).a;
          expect([kind, bitOffset, BigInt(value)]).toEqual([kind, bitOffset, expected]);
        }
      }
    }
  });

  it('reads addresses, pointers and times of the kernel', () => {
    const layout = defineLayout({
      ip: 'ipv4',
      ips: 'ipv4[2]',
      mac: 'mac',
      six: 'ipv6',
      low: 'ptr',
      high: 'ptr',
      when: 'ktime',
    });
    const payload = Buffer.alloc(layout.size);
    payload.set([192, 168, 0, 255, 1, 2, 3, 4, 5, 6, 7, 8, 2, 0x42, 0, 0xac, 0x11, 0]);
    payload.set([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 18);
    payload.writeBigUInt64LE(0xabcn, 40);
    payload.writeBigUInt64LE(0xffff888000000010n, 48);
    payload.writeBigInt64LE(-1n, 56);
    expect(decoded(layout, payload)).toEqual({
      ip: '192.168.0.255',
      ips: ['1.2.3.4', '5.6.7.8'],
      mac: '02:42:00:ac:11:00',
      six: 'fe80::1',
      low: '0xabc',
      high: '0xffff888000000010',
      when: -1n,
    });
  });

  it.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['00010000000000000000000000000000', '1::'],
    ['00000000000000000000ffff0a000001', '::ffff:10.0.0.1'],
    ['20010db800010002000300040005abcd', '2001:db8:1:2:3:4:5:abcd'],
  ])('shows the address %s as %s', (hex, text) => {
    expect(decoded(defineLayout({ a: 'ipv6' }), Buffer.from(hex, 'hex'))).toEqual({ a: text });
  });

  it.each([
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['00000000000000000000ffff0a000001', '10.0.0.1'],
    ['00000000000000010000ffff0a000001', '::1:0:ffff:a00:1'],
    ['0000000000000000000000000a000001', '::a00:1'],
  ])('shows the address %s of either family as %s', (hex, text) => {
    expect(decoded(defineLayout({ a: 'ip' }), Buffer.from(hex, 'hex'))).toEqual({ a: text });
  });

  it('reads texts in an array, and what is left of a sample', () => {
    const layout = defineLayout({ names: 'char[2][4]', rest: 'u16be[]' });
    const payload = Buffer.concat([Buffer.from('ls\0\0node'), Buffer.from([1, 2, 3, 4])]);
    expect(decoded(layout, payload)).toEqual({ names: ['ls', 'node'], rest: Uint16Array.of(0x102, 0x304) });
  });

  it('refuses a sample that is shorter than its length says, or a length below 0', () => {
    const layout = defineLayout({ count: 'i32', words: 'u64[count]' });
    const sample = (count: number, words: number): Buffer => {
      const bytes = Buffer.alloc(8 + words * 8);
      bytes.writeInt32LE(count);
      return bytes;
    };
    expect(decoded(layout, sample(2, 2)).words).toEqual(new BigUint64Array(2));
    expect(decoded(layout, sample(0, 2)).words).toEqual(new BigUint64Array(0));
    for (const count of [4, 1_000_000_000, -1]) {
      expect(() => decoded(layout, sample(count, 2))).toThrow(
        expect.objectContaining({ code: 'ERR_PERF_OUT_OF_RANGE' }),
      );
    }
  });
});
