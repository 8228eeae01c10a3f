import { defineLayout } from '../../../lib/layout/sample-layout';
import { prepareQuery } from '../../../lib/query/sample-query';
import { recordFormat } from '../../../lib/records/record-format';
import { RingReader } from '../../../lib/merge/ring-reader';
import { splitVisitors } from '../../../lib/delivery/visitors';
import * as kernel from '../../../lib/abi/perf-event';
import { codeOf } from '../../support/ring-errors';
import { RingFixture, type RingFixtureOptions } from '../../support/ring-fixture';
import { lostBytes, recordBytes, sampleBytes, words } from '../../support/ring-records';

const layout = defineLayout([
  { name: 'pid', kind: 'u32' },
  { name: 'bytes', kind: 'u32' },
  { name: 'latency', kind: 'u64' },
]);

function sample(pid: number, bytes: number, latency: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint32(0, pid, true);
  view.setUint32(4, bytes, true);
  view.setBigUint64(8, latency, true);
  return sampleBytes(new Uint8Array(view.buffer));
}

/** A ring with these records in an open read batch. */
function reading(records: readonly Uint8Array[], options: RingFixtureOptions = {}): RingFixture {
  const made = new RingFixture(options);
  made.publish(...records);
  made.ring.startReadBatch();
  return made;
}

const numbered = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => sample(i, 1, BigInt(i)));

describe('a query with columns', () => {
  it('fills arrays of the caller, a row for each sample', () => {
    const pid = new Uint32Array(8);
    const latency = new BigUint64Array(8);
    const query = prepareQuery(layout, { columns: { pid, latency } });
    expect(reading(numbered(3)).ring.visit(query)).toBe(3);
    expect([query.rows, [...pid], [...latency]]).toEqual([
      3,
      [0, 1, 2, 0, 0, 0, 0, 0],
      [0n, 1n, 2n, 0n, 0n, 0n, 0n, 0n],
    ]);
    reading([sample(7, 0, 9n)]).ring.visit(query);
    expect([query.rows, pid[3], latency[3]]).toEqual([4, 7, 9n]);
  });

  it('ends the visit when the shortest array is full, and continues where it ended', () => {
    const pid = new Uint32Array(4);
    const query = prepareQuery(layout, { columns: { pid, bytes: new Uint32Array(9) } });
    const { ring } = reading(numbered(10));
    expect(query.rowCapacity).toBe(4);
    expect([ring.visit(query), ring.visit(query), query.rows]).toEqual([4, 0, 4]);
    query.clearRows();
    expect([ring.visit(query), [...pid]]).toEqual([4, [4, 5, 6, 7]]);
    query.clear();
    expect([ring.visit(query), [...pid], query.samples]).toEqual([2, [8, 9, 6, 7], 2]);
  });

  it('fills up with samples that meet the condition, however few they are', () => {
    const pid = new Uint32Array(3);
    const query = prepareQuery(layout, { columns: { pid }, where: ['pid', '>=', 20] });
    const { ring } = reading(numbered(40));
    expect([ring.visit(query), [...pid], query.samples, query.matched]).toEqual([23, [20, 21, 22], 23, 3]);
  });

  it('takes fields of structs, arrays, text, and what the kernel wrote beside the payload', () => {
    const inner = defineLayout([{ name: 'a', kind: 'u16' }]);
    const nested = defineLayout([
      { name: 'inner', kind: inner },
      { name: 'list', kind: 'u16[2]' },
      { name: 'text', kind: 'char[4]' },
      { name: 'wide', kind: 'i64' },
      { name: 'net', kind: 'u16be' },
    ]);
    const columns = {
      'inner.a': new Uint16Array(2),
      list: new Uint16Array(4),
      text: new Uint8Array(8),
      wide: new Float64Array(2),
      net: new Uint16Array(2),
      'record.cpu': new Int32Array(2),
      'record.time': new BigUint64Array(2),
      'record.pid': new Int32Array(2),
      'record.tid': new Int32Array(2),
    };
    const format = recordFormat({
      sample_type: kernel.PERF_SAMPLE_RAW | kernel.PERF_SAMPLE_TID | kernel.PERF_SAMPLE_TIME,
    });
    const payload = new DataView(new ArrayBuffer(28));
    payload.setUint16(0, 1, true);
    payload.setUint16(2, 2, true);
    payload.setUint16(4, 3, true);
    payload.setUint32(6, 0x0064_6362, true);
    payload.setBigInt64(16, -5n, true);
    payload.setUint16(24, 0x0102, false);
    const prefix = words(5n | (6n << 32n), 77n);
    const query = prepareQuery(nested, { columns });
    reading([sampleBytes(new Uint8Array(payload.buffer), prefix)], { format, cpu: 3 }).ring.visit(query);
    expect(
      Object.entries(columns).map(([name, array]) => [
        name,
        ...[...array].slice(0, name === 'text' ? 4 : name === 'list' ? 2 : 1),
      ]),
    ).toEqual([
      ['inner.a', 1],
      ['list', 2, 3],
      ['text', 0x62, 0x63, 0x64, 0],
      ['wide', -5],
      ['net', 0x0102],
      ['record.cpu', 3],
      ['record.time', 77n],
      ['record.pid', 5],
      ['record.tid', 6],
    ]);
    expect(codeOf(() => reading(numbered(1)).ring.visit(query))).toBe('ERR_PERF_INVALID_ARGUMENT');
  });

  it('finds payloads behind fields of variable length', () => {
    const format = recordFormat({
      sample_type: kernel.PERF_SAMPLE_RAW | kernel.PERF_SAMPLE_CALLCHAIN | kernel.PERF_SAMPLE_READ,
      read_format: kernel.PERF_FORMAT_GROUP | kernel.PERF_FORMAT_ID,
    });
    const record = (counters: number, frames: number, pid: number): Uint8Array => {
      const payload = new DataView(new ArrayBuffer(20));
      payload.setUint32(0, pid, true);
      const read = [BigInt(counters), ...new Array<bigint>(counters * 2).fill(1n)];
      const chain = [BigInt(frames), ...new Array<bigint>(frames).fill(2n)];
      return sampleBytes(new Uint8Array(payload.buffer), words(...read, ...chain));
    };
    const pid = new Uint32Array(9);
    const query = prepareQuery(layout, { columns: { pid }, where: ['pid', '!=', 6] });
    const { ring } = reading([record(0, 0, 4), record(3, 1, 5), record(1, 1, 6), record(1, 9, 7)], {
      format,
    });
    expect([ring.visit(query), [...pid.subarray(0, query.rows)]]).toEqual([4, [4, 5, 7]]);
    const damaged = record(1, 2, 8);
    new DataView(damaged.buffer).setBigUint64(8 + 8 + 16, 100n, true);
    const broken = reading([record(0, 1, 4), damaged], { format });
    expect(codeOf(() => broken.ring.visit(query))).toBe('ERR_PERF_RING_CORRUPT');
    expect(query.samples).toBe(5);
  });

  it('counts samples that are too short for its fields', () => {
    const query = prepareQuery(layout, { columns: { latency: new BigUint64Array(9) } });
    const empty = recordFormat({ sample_type: kernel.PERF_SAMPLE_TIME });
    reading([sample(1, 1, 1n), sampleBytes(new Uint8Array(12)), sample(2, 2, 2n)]).ring.visit(query);
    expect([query.samples, query.matched, query.short, query.rows]).toEqual([3, 2, 1, 2]);
    reading([recordBytes(9, words(5n))], { format: empty }).ring.visit(query);
    expect([query.samples, query.short]).toEqual([4, 2]);
  });

  it('says so when an array is detached, and takes nothing', () => {
    const pid = new Uint32Array(4);
    const query = prepareQuery(layout, { columns: { pid } });
    const { ring } = reading(numbered(2));
    structuredClone(pid.buffer, { transfer: [pid.buffer] });
    expect(codeOf(() => ring.visit(query))).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(() => ring.visit(query)).toThrow(/column pid was detached/);
    expect(ring.visit(() => undefined)).toBe(2);
  });

  it('may have its arrays in the very memory that it reads', () => {
    const made = reading(numbered(60));
    const query = prepareQuery(layout, {
      columns: { pid: new Uint32Array(made.memory, 2048), bytes: new Uint32Array(9) },
    });
    expect(['nothing', 'ERR_PERF_RING_CORRUPT']).toContain(codeOf(() => made.ring.visit(query)));
  });
});

describe('a query with groups', () => {
  it('counts, adds up and makes histograms by key, most samples first', () => {
    const query = prepareQuery(layout, { groupBy: 'pid', sum: ['bytes', 'latency'], histogram: ['latency'] });
    reading([
      sample(1, 10, 0n),
      sample(2, 20, 1n),
      sample(2, 30, 5n),
      sample(2, 1, 2n ** 64n - 1n),
    ]).ring.visit(query);
    const [first, second] = query.groups();
    expect([first?.key, first?.count, first?.sums]).toEqual([2, 3, { bytes: 51, latency: 2n ** 64n + 5n }]);
    expect([second?.key, second?.count, second?.sums]).toEqual([1, 1, { bytes: 10, latency: 0n }]);
    expect(
      first?.histograms.latency.flatMap((count, bucket) => (count > 0 ? [[bucket, count]] : [])),
    ).toEqual([
      [1, 1],
      [3, 1],
      [64, 1],
    ]);
    query.clear();
    expect(query.groups()).toEqual([]);
  });

  it('puts what finds no group into one whose key is undefined', () => {
    const query = prepareQuery(layout, { groupBy: 'pid', maxGroups: 2 });
    reading([...numbered(5), ...numbered(1)]).ring.visit(query);
    expect(query.groups().map(({ key, count }) => [key, count])).toEqual([
      [0, 2],
      [1, 1],
      [undefined, 3],
    ]);
  });

  it('without groupBy has one group, and without measures counts alone', () => {
    const all = prepareQuery(layout, { sum: ['pid'], where: ['pid', '>', 1] });
    const none = prepareQuery(layout, {});
    reading(numbered(4)).ring.visit(all);
    reading(numbered(4)).ring.visit(none);
    expect(all.groups()).toEqual([{ key: undefined, count: 2, sums: { pid: 5 }, histograms: {} }]);
    expect(none.groups()).toEqual([{ key: undefined, count: 4, sums: {}, histograms: {} }]);
  });
});

describe('a query over addresses, pointers and enums', () => {
  const packets = defineLayout([
    { name: 'from', kind: 'ipv4' },
    { name: 'state', kind: { enum: { OPEN: 1, GONE: -1 }, as: 'i16' } },
    { name: 'skb', kind: 'ptr' },
    { name: 'at', kind: 'ktime' },
    { name: 'mac', kind: 'mac' },
  ]);
  const packet = (from: number, state: number): Uint8Array => {
    const view = new DataView(new ArrayBuffer(packets.size + 4));
    view.setUint32(0, from, false);
    view.setInt16(4, state, true);
    view.setBigUint64(8, 0xffff_8880_0000_0000n, true);
    view.setBigInt64(16, 5n, true);
    view.setUint8(24, 2);
    return sampleBytes(new Uint8Array(view.buffer));
  };
  const fixture = (): RingFixture =>
    reading([packet(0x0a000001, 1), packet(0x0a000002, -1), packet(0x0a000001, 7)]);

  it.each<[string, 'from' | 'state' | 'skb' | 'mac', unknown[]]>([
    ['addresses', 'from', ['10.0.0.1', 2, '10.0.0.2', 1]],
    ['names of an enum', 'state', ['OPEN', 1, 'GONE', 1, 7, 1]],
    ['pointers', 'skb', ['0xffff888000000000', 3]],
    ['addresses of interfaces', 'mac', ['02:00:00:00:00:00', 3]],
  ])('has keys that are %s', (_, groupBy, expected) => {
    const query = prepareQuery(packets, { groupBy });
    fixture().ring.visit(query);
    expect(new Map(query.groups().map(({ key, count }) => [key, count]))).toEqual(
      new Map(
        Array.from(
          { length: expected.length / 2 },
          (_, i) => [expected[i * 2], expected[i * 2 + 1]] as never,
        ),
      ),
    );
  });

  it('compares enums by name, addresses by bytes, and has columns for all', () => {
    const columns = {
      at: new BigInt64Array(3),
      from: new Uint8Array(12),
      state: new Int16Array(3),
      skb: new Float64Array(3),
    };
    const where = {
      or: [
        ['state', '==', 'GONE'],
        ['from', '!=', Uint8Array.of(10, 0, 0, 1)],
      ],
    } as const;
    const query = prepareQuery(packets, { columns, where });
    fixture().ring.visit(query);
    expect([query.rows, columns.at[0], [...columns.from.subarray(0, 4)], columns.state[0]]).toEqual([
      1,
      5n,
      [10, 0, 0, 2],
      -1,
    ]);
    expect(() => prepareQuery(packets, { where: ['state', '==', 'CLOSED'] })).toThrow(/one of OPEN, GONE/);
  });

  it('refuses bits, and what has no fixed length', () => {
    const other = defineLayout([
      { name: 'bits', kind: 'u32:3' },
      { name: 'n', kind: 'u16' },
      { name: 'text', kind: 'char[n]' },
    ]);
    for (const name of ['bits', 'text'] as const) {
      expect(() => prepareQuery(other, { groupBy: name })).toThrow(/whole fields of a fixed length/);
    }
  });
});

describe('a query can be used in place of a visitor of samples', () => {
  it('and leaves other records to the one for those', () => {
    const query = prepareQuery(layout, {});
    const seen: number[] = [];
    const { ring } = reading([...numbered(2), lostBytes(1n, 5n), ...numbered(1), recordBytes(3, words(1n))]);
    const { sample: taken, other } = splitVisitors({
      sample: query,
      lost: (record) => seen.push(record.lost),
      other: (record) => seen.push(record.type),
    });
    expect([ring.visit(taken, { other }), query.samples, seen]).toEqual([5, 3, [5, 3]]);
    expect(splitVisitors(query).sample).toBe(query);
  });

  it('within a limit', () => {
    const query = prepareQuery(layout, {});
    const { ring } = reading(numbered(20));
    expect([ring.visit(query, { limit: 3 }), ring.visit(query, { limit: 16 }), ring.visit(query)]).toEqual([
      3, 16, 1,
    ]);
  });

  it('up to a corrupt header, which is reported as ever', () => {
    const query = prepareQuery(layout, {});
    const { ring } = reading([...numbered(3), recordBytes(9, words(0n), { size: 12 }), ...numbered(1)]);
    expect(codeOf(() => ring.visit(query))).toBe('ERR_PERF_RING_CORRUPT');
    expect([query.samples, ring.skipFault().kind]).toEqual([3, 'corrupt']);
  });

  it('in a ring that a visitor of other records closes', () => {
    const query = prepareQuery(layout, {});
    const { ring } = reading([...numbered(1), lostBytes(1n, 5n), ...numbered(1)]);
    expect(ring.visit(query, { other: () => ring.close() })).toBe(2);
    expect(codeOf(() => ring.visit(query))).toBe('ERR_PERF_CLOSED');
  });

  it('but not in time order, nor for other records', () => {
    const query = prepareQuery(layout, {});
    const reader = new RingReader({ live: false });
    reader.start();
    expect(codeOf(() => reader.visit(query as never))).toBe('ERR_PERF_INVALID_ARGUMENT');
    const { ring } = reading(numbered(1));
    expect(codeOf(() => ring.visit(() => undefined, { other: query as never }))).toBe(
      'ERR_PERF_INVALID_ARGUMENT',
    );
    expect(codeOf(() => splitVisitors({ lost: query as never }))).toBe('ERR_PERF_INVALID_ARGUMENT');
  });

  it('and is distinguished from look-alikes', () => {
    const query = prepareQuery(layout, {});
    const { ring } = reading(numbered(1));
    expect(codeOf(() => ring.visit({ ...query } as never))).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(codeOf(() => ring.visit(Object.create(query) as never))).toBe('ERR_PERF_INVALID_ARGUMENT');
    const Class = query.constructor as new (...args: unknown[]) => unknown;
    expect(codeOf(() => new Class(Symbol('making'), layout, {}, {}))).toBe('ERR_PERF_INVALID_ARGUMENT');
  });
});

describe('prepareQuery refuses', () => {
  const kinds = defineLayout([
    { name: 'n', kind: 'u8' },
    { name: 'f', kind: 'f64' },
    { name: 'b', kind: 'bool' },
    { name: 't', kind: 'char[16]' },
    { name: 'long', kind: 'char[17]' },
    { name: 'bytes', kind: 'bytes[3]' },
    { name: 'wide', kind: 'i64' },
    { name: 'list', kind: 'u32be[2]' },
    { name: 'inner', kind: layout },
  ]);
  let deep: unknown = ['n', '==', 1];
  for (let i = 0; i < 20; i++) deep = { or: [['n', '==', 1], deep] };
  const circle: { not?: unknown } = {};
  circle.not = circle;

  it.each<[string, unknown, RegExp]>([
    ['an unknown option', { wher: [] }, /there is no option wher; there are where, columns/],
    ['a field that is not there', { sum: ['x'] }, /no field x; there are n, f, b, .*record\.time/],
    ['a name of Object.prototype', { sum: ['constructor'] }, /no field constructor/],
    [
      'a struct',
      { columns: { inner: new Uint8Array(9) } },
      /inner is a struct: name a field of it, inner\.NAME/,
    ],
    ['an array in the network order', { columns: { list: new Uint32Array(9) } }, /network's byte order/],
    [
      'an array of another kind',
      { columns: { n: new Uint16Array(9) } },
      /kind u8: it needs a Uint8Array, got/,
    ],
    ['doubles for narrow integers', { columns: { n: new Float64Array(9) } }, /needs a Uint8Array, got/],
    ['what is no array', { columns: { wide: [1] } }, /needs a BigInt64Array or Float64Array, got an object/],
    ['an array without room', { columns: { t: new Uint8Array(15) } }, /no room for a row/],
    ['a sum of text', { sum: ['t'] }, /sum takes numbers, and field t is char\[16\]/],
    ['a histogram of booleans', { histogram: ['b'] }, /histogram takes numbers/],
    ['a long key', { groupBy: 'long' }, /groupBy takes scalars, and at most 16 bytes of text/],
    ['groups without a key', { maxGroups: 5 }, /maxGroups needs groupBy/],
    ['no groups', { groupBy: 'n', maxGroups: 0 }, /maxGroups must be 1 to 4194304, got 0/],
    ['a table too large', { groupBy: 'n', maxGroups: 2 ** 22, histogram: ['f'] }, /take a smaller maxGroups/],
    ['an unknown comparison', { where: ['n', '=', 1] }, /a comparison is ==, !=, <, <=, >, >=, got "="/],
    ['a comparison without a value', { where: ['n', '=='] }, /\[field, comparison, value\]/],
    ['an empty or', { where: { or: [] } }, /or needs at least one/],
    [
      'two combinations at once',
      { where: { or: [['n', '==', 1]], not: ['n', '==', 1] } },
      /has one of and, or and not/,
    ],
    ['no condition at all', { where: 5 }, /a condition must be an object, got 5/],
    ['conditions too deep', { where: deep }, /nest at most 16 deep/],
    [
      'a value out of range',
      { where: ['n', '<', 256] },
      /field n is u8: compare it with a whole number of kind u8, not with 256/,
    ],
    ['a fraction', { where: ['wide', '<', 0.5] }, /whole number/],
    ['text for a number', { where: ['f', '<', '1'] }, /field f is f64: compare it with a number/],
    ['an order of text', { where: ['t', '<', 'a'] }, /compare it by == or !=/],
    ['text too long', { where: ['t', '==', 'é'.repeat(9)] }, /a string of at most 16 bytes/],
    ['text with NUL', { where: ['t', '==', 'a\0'] }, /without NUL/],
    ['bytes of another length', { where: ['bytes', '==', new Uint8Array(2)] }, /a Uint8Array of 3 bytes/],
    ['a long field compared', { where: ['long', '==', 'a'] }, /at most 16 bytes can be compared/],
    ['a number for a boolean', { where: ['b', '==', 1] }, /true or false/],
  ])('%s', (_, options, message) => {
    expect(codeOf(() => prepareQuery(kinds, options as never))).toBe('ERR_PERF_INVALID_ARGUMENT');
    expect(() => prepareQuery(kinds, options as never)).toThrow(message);
  });

  it('what is no layout', () => {
    expect(codeOf(() => prepareQuery({} as never, {}))).toBe('ERR_PERF_INVALID_ARGUMENT');
  });

  it('but takes every comparable value', () => {
    const where = {
      and: [
        ['b', '!=', true],
        ['bytes', '==', Uint8Array.of(1, 2, 3)],
        { not: ['t', '==', 'sixteen letters!'] },
        ['wide', '>=', -1],
        ['inner.pid', '<=', 4n],
        ['record.cpu', '==', -1],
      ],
    } as const;
    expect(() => prepareQuery(kinds, { where })).not.toThrow();
  });
});
