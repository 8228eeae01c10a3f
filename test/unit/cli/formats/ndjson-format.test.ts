import { NdjsonFormat } from '../../../../lib/cli/formats/ndjson-format';
import { defineLayout } from '../../../../lib/index';
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

function line(layout: typeof LAYOUT | undefined, bytes: Uint8Array, options = {}): Line {
  const format = new NdjsonFormat(layout);
  lendRecords([{ payload: bytes }], (record) => format.sample(record), options);
  const text = format.take();
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
    expect(format.take()).toContain('"comm":"\\u009b31m"');
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
      format
        .take()
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text) as unknown),
    ).toEqual([
      { cpu: 1, type: 'lost', lost: '5' },
      { cpu: 0, type: 'other', record: 2, size: 16, data: '07000000000000000500000000000000' },
      { type: 'snapshot', number: 2 },
    ]);
    expect(format.take()).toBe('');
  });
});
