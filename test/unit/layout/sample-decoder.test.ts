import { decoderFor } from '../../../lib/layout/sample-decoder';
import { defineLayout, type LayoutValues, type SampleLayout } from '../../../lib/layout/sample-layout';
import type { RingRecord } from '../../../lib/records/record';
import { RingFixture } from '../../support/ring-fixture';
import { sampleBytes } from '../../support/ring-records';

/** What a decoder makes of a payload that lies in a ring, wrapping or not. */
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
    // At an odd place too: the payload begins 4 bytes off an 8-byte boundary, and fields may be packed.
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
});
