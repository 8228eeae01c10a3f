import { RawFormat } from '../../../../lib/cli/formats/raw-format';
import { defineLayout, type RingRecord } from '../../../../lib/index';
import { lendRecords } from '../lent-records';

function split(bytes: Uint8Array): Buffer[] {
  const buffer = Buffer.from(bytes);
  const payloads: Buffer[] = [];
  for (let at = 0; at < buffer.length; ) {
    const length = buffer.readUInt32LE(at);
    payloads.push(buffer.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return payloads;
}

describe('RawFormat', () => {
  it('writes the payloads, each after its length, without padding when the layout is known', () => {
    const format = new RawFormat(defineLayout([{ name: 'id', kind: 'u64' }]));
    const payload = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    lendRecords([{ payload }, { payload }], (record) => format.sample(record));
    expect(split(format.take())).toEqual([Buffer.from(payload), Buffer.from(payload)]);
  });

  it('keeps the padding of the kernel where the layout is unknown', () => {
    const format = new RawFormat(undefined);
    lendRecords([{ payload: Uint8Array.of(1, 2, 3, 4, 5) }], (record) => format.sample(record));
    expect(split(format.take()).map((one) => one.length)).toEqual([12]);
  });

  it('grows, and does not change what was taken', () => {
    const format = new RawFormat(undefined);
    const payloads = [1, 2, 3, 4].map((byte) => ({ payload: new Uint8Array(15_996).fill(byte) }));
    for (let round = 0; round < 3; round++) lendRecords(payloads, (record) => format.sample(record));
    const taken = format.take();
    lendRecords(payloads.slice(3), (record) => format.sample(record));
    const bytes = split(taken).map((one) => [one.length, one[0], one.at(-1)]);
    expect(bytes).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4].map((byte) => [15_996, byte, byte]));
    expect(split(format.take())).toHaveLength(1);
  });

  it('grows at once for a record that is larger than twice what it holds', () => {
    const format = new RawFormat(undefined);
    const payload = Uint8Array.from({ length: 200_000 }, (_, at) => at % 251);
    // Larger than any record of a ring, where header.size is a u16.
    const record = {
      size: payload.length,
      copyTo: (target: Uint8Array) => target.set(payload),
    } as RingRecord;
    lendRecords([{ payload: Uint8Array.of(7) }], (first) => format.sample(first));
    format.sample(record);
    const [first, second] = split(format.take());
    expect(first?.[0]).toBe(7);
    expect(Buffer.compare(second ?? Buffer.alloc(0), payload)).toBe(0);
  });

  it('writes only samples', () => {
    const format = new RawFormat(undefined);
    format.begin();
    format.lost();
    format.other();
    format.snapshot();
    expect(format.take()).toHaveLength(0);
  });
});
