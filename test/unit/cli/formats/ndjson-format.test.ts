import fc from 'fast-check';
import { hexOf, jsonValue } from '../../../../lib/cli/formats/field-value';
import { NdjsonFormat } from '../../../../lib/cli/formats/ndjson-format';
import {
  decoderFor,
  defineLayout,
  type FieldValue,
  type RingRecord,
  type SampleLayout,
} from '../../../../lib/index';
import { lendRecords, lostPayload, PERF_RECORD_LOST } from '../lent-records';

const LAYOUT = defineLayout([
  { name: 'time', kind: 'u64' },
  { name: 'delta', kind: 'i64' },
  { name: 'pid', kind: 'u32' },
  { name: 'ratio', kind: 'f32' },
  { name: 'comm', kind: 'char[16]' },
  { name: 'hash', kind: 'bytes[4]' },
]);

interface Line {
  readonly comm?: string;
  readonly ratio?: number | null;
}

function payload(comm: string, ratio = 0.5): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, 2n ** 64n - 1n, true);
  view.setBigInt64(8, -(2n ** 62n), true);
  view.setUint32(16, 4_000_000_000, true);
  view.setFloat32(20, ratio, true);
  bytes.set(Buffer.from(comm), 24);
  bytes.set([0, 1, 0xab, 0xff], 40);
  return bytes;
}

function taken(format: NdjsonFormat): string {
  return Buffer.from(format.take()).toString();
}

function line(layout: typeof LAYOUT | undefined, bytes: Uint8Array, options = {}): Line {
  const format = new NdjsonFormat(layout);
  lendRecords([{ payload: bytes }], (record) => format.sample(record), options);
  const text = taken(format);
  expect(text.endsWith('}\n')).toBe(true);
  expect(text.indexOf('\n')).toBe(text.length - 1);
  return JSON.parse(text) as Line;
}

describe('NdjsonFormat', () => {
  it('has a sample decoded, every digit of 64-bit integers in strings', () => {
    const object = line(LAYOUT, payload('node'), { cpu: 3 });
    expect(object).toEqual({
      cpu: 3,
      type: 'sample',
      time: '18446744073709551615',
      delta: '-4611686018427387904',
      pid: 4_000_000_000,
      ratio: 0.5,
      comm: 'node',
      hash: '0001abff',
    });
    expect(Object.keys(object).slice(0, 3)).toEqual(['cpu', 'type', 'time']);
  });

  it('escapes line breaks and control characters of a name', () => {
    const hostile = '"\n\u001b[2J\u007f\\';
    expect(line(LAYOUT, payload(hostile)).comm).toBe(hostile);
    const format = new NdjsonFormat(LAYOUT);
    lendRecords([{ payload: payload('\u009b31m') }], (record) => format.sample(record));
    expect(taken(format)).toContain('"comm":"\\u009b31m"');
  });

  it('has null for a number that JSON cannot represent', () => {
    expect(line(LAYOUT, payload('x', Number.NaN)).ratio).toBeNull();
  });

  it('shows the bytes of a sample that is shorter than its layout', () => {
    const short = payload('x').subarray(0, 20);
    expect(line(LAYOUT, short)).toEqual({
      cpu: 0,
      type: 'sample',
      size: 20,
      data: Buffer.from(short).toString('hex'),
    });
  });

  it('has size and bytes of a sample of unknown layout, and its time where the ring has one', () => {
    const bytes = new Uint8Array(BigUint64Array.of(77n).buffer);
    // The kernel pads to 4 more than a multiple of 8.
    expect(line(undefined, bytes)).toEqual({
      cpu: 0,
      type: 'sample',
      size: 12,
      data: '4d0000000000000000000000',
    });
    expect(line(undefined, bytes, { timeInPayload: 0 })).toMatchObject({ time: '77' });
  });

  it('writes losses, other records and snapshots as separate objects', () => {
    const format = new NdjsonFormat(LAYOUT);
    lendRecords([{ payload: lostPayload(5), type: PERF_RECORD_LOST }], (record) => {
      format.lost(1, record.lost);
      format.other(record);
    });
    format.snapshot(2);
    expect(
      taken(format)
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text) as unknown),
    ).toEqual([
      { cpu: 1, type: 'lost', lost: '5' },
      { cpu: 0, type: 'other', record: 2, size: 16, data: '07000000000000000500000000000000' },
      { type: 'snapshot', number: 2 },
    ]);
    expect(taken(format)).toBe('');
  });

  it('writes the same as an encoder that makes strings, for any bytes', () => {
    const kinds = {
      all: ALL_KINDS,
      numbers: defineLayout({ a: 'u64', b: 'u32', c: 'i16', d: 'i8', e: 'u8', f: 'u16', g: 'i32' }),
      texts: defineLayout({ first: 'char[16]', time: 'u64', second: 'char[5]', last: 'char[300]' }),
      renamed: defineLayout({ type: 'u32', cpu: 'i32', late: 'u8', type_: 'u16' }),
      unknown: undefined,
    };
    // Bytes as samples have them: random ones, zeros, text, and 64-bit numbers around the limits of their encoders.
    const word = fc.oneof(
      fc.constantFrom(
        0n,
        1n,
        99_999_999n,
        100_000_000n,
        2n ** 32n - 1n,
        2n ** 53n - 1n,
        2n ** 53n,
        2n ** 64n - 1n,
      ),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc
        .tuple(fc.integer({ min: 1, max: 90_000_000 }), fc.integer({ min: -2, max: 2 }))
        .map(([times, off]) => BigInt(times) * 100_000_000n + BigInt(off)),
    );
    const piece = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 24 }),
      word.map((value) => new Uint8Array(BigUint64Array.of(value).buffer)),
      fc.string({ unit: 'grapheme', maxLength: 16 }).map((text) => new Uint8Array(Buffer.from(`${text}\0`))),
      fc.string({ unit: 'grapheme-ascii', maxLength: 16 }).map((text) => new Uint8Array(Buffer.from(text))),
    );
    const bytes = fc.array(piece, { maxLength: 60 }).map((pieces) => new Uint8Array(Buffer.concat(pieces)));
    const samples = fc.array(bytes, { minLength: 1, maxLength: 5 });
    for (const layout of Object.values(kinds)) {
      fc.assert(
        fc.property(samples, fc.integer({ min: -1, max: 1000 }), fc.boolean(), (payloads, cpu, hasTime) => {
          const format = new NdjsonFormat(layout as SampleLayout | undefined);
          let expected = '';
          lendRecords(
            payloads.map((payload) => ({ payload: payload.length === 0 ? Uint8Array.of(0) : payload })),
            (record) => {
              format.sample(record);
              expected += lineOf(record, layout as SampleLayout<unknown> | undefined);
            },
            hasTime ? { cpu, timeInPayload: 0 } : { cpu },
          );
          expect(taken(format)).toBe(expected);
        }),
      );
    }
  });

  it('leaves no part of a line behind when a record can not be read', () => {
    const format = new NdjsonFormat(defineLayout({ comm: 'char[8]', pid: 'u32' }));
    lendRecords([{ payload: payload('whole') }], (record) => {
      format.sample(record);
      const broken = new Proxy(record, {
        get: (target, name) => {
          if (name === 'u32') throw new Error('gone');
          const value = Reflect.get(target, name, target) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      expect(() => format.sample(broken)).toThrow('gone');
      format.sample(record);
    });
    const lines = taken(format).trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toBe(lines[1]);
  });
});

const ALL_KINDS = defineLayout([
  { name: 'u8', kind: 'u8' },
  { name: 'i8', kind: 'i8' },
  { name: 'u16', kind: 'u16' },
  { name: 'i16', kind: 'i16' },
  { name: 'u32', kind: 'u32' },
  { name: 'i32', kind: 'i32' },
  { name: 'u64', kind: 'u64' },
  { name: 'i64', kind: 'i64' },
  { name: 'f32', kind: 'f32' },
  { name: 'f64', kind: 'f64' },
  { name: 'bool', kind: 'bool' },
  { name: 'address', kind: 'ipv4' },
  { name: 'pointer', kind: 'ptr' },
  { name: 'state', kind: 'u32', values: { idle: 0, busy: 1 } },
  { name: 'bits', kind: 'u32:3' },
  { name: 'list', kind: 'u32[3]' },
  { name: 'bytes', kind: 'bytes[5]' },
  { name: 'a "name"', kind: 'char[7]' },
]) as SampleLayout<unknown>;

/** Fields named like members that every line may have. */
const RENAMED: Readonly<Record<string, string>> = { type: 'type__', cpu: 'cpu_', late: 'late_' };

/** The line as JSON texts of the values of the decoder make it. */
function lineOf(record: RingRecord, layout: SampleLayout<unknown> | undefined): string {
  const isDecoded =
    layout !== undefined &&
    record.size >= Math.max(...layout.fields.map(({ offset, size }) => offset + size));
  const values = isDecoded ? (decoderFor(layout)(record as never) as Record<string, FieldValue>) : {};
  const members = Object.entries(values).map(
    ([name, value]) => `${JSON.stringify(RENAMED[name] ?? name)}:${jsonValue(value)}`,
  );
  const time =
    record.time === undefined || (isDecoded && 'time' in values) ? [] : [`"time":"${record.time}"`];
  const raw = [`"size":${record.size}`, `"data":"${hexOf(record.bytes())}"`];
  const cpu = record.cpu < 0 ? [] : [`"cpu":${record.cpu}`];
  return `{${[...cpu, '"type":"sample"', ...time, ...(isDecoded ? members : raw)].join(',')}}\n`;
}
