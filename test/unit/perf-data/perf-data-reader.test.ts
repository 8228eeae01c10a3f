import { kernel } from '../../../lib/index';
import { PerfDataEncoder, PerfDataError, PerfDataReader } from '../../../lib/perf-data';
import { FuzzRandom } from '../../support/fuzz-random';
import { codeOf } from '../../support/ring-errors';

const { PERF_SAMPLE_CPU, PERF_SAMPLE_IDENTIFIER, PERF_SAMPLE_RAW, PERF_SAMPLE_TID, PERF_SAMPLE_TIME } =
  kernel;

const ATTR = {
  type: kernel.PERF_TYPE_SOFTWARE,
  config: kernel.PERF_COUNT_SW_BPF_OUTPUT,
  sample_type:
    PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_RAW,
  sample_id_all: true,
};
const EVENTS = [
  { attr: ATTR, name: 'first', ids: [11n, 12n] },
  {
    attr: { ...ATTR, sample_type: ATTR.sample_type | kernel.PERF_SAMPLE_ADDR },
    name: 'second',
    ids: [2n ** 60n],
  },
];

/** A sample of the first event. */
function sample(time: number, text: string, { cpu = 0, id = 11n } = {}): Uint8Array {
  const raw = Buffer.from(text.padEnd(4, '\0'));
  const record = Buffer.alloc(8 + 8 + 8 + 8 + 8 + 4 + raw.length + 4);
  record.writeUInt32LE(kernel.PERF_RECORD_SAMPLE, 0);
  record.writeUInt16LE(record.length, 6);
  record.writeBigUInt64LE(id, 8);
  record.writeInt32LE(42, 16);
  record.writeInt32LE(43, 20);
  record.writeBigUInt64LE(BigInt(time), 24);
  record.writeUInt32LE(cpu, 32);
  record.writeUInt32LE(raw.length + 4, 40);
  raw.copy(record, 44);
  return record;
}

/** PERF_RECORD_LOST of the first event. */
function lost(time: number, count: number): Uint8Array {
  const record = Buffer.alloc(8 + 16 + 32);
  record.writeUInt32LE(kernel.PERF_RECORD_LOST, 0);
  record.writeUInt16LE(record.length, 6);
  record.writeBigUInt64LE(BigInt(count), 16);
  record.writeBigUInt64LE(BigInt(time), 32);
  record.writeUInt32LE(1, 40);
  record.writeBigUInt64LE(12n, 48);
  return record;
}

/** A file in pipe form. `undefined` ends a round. */
function fileOf(records: readonly (Uint8Array | undefined)[], info = {}): Uint8Array {
  const encoder = new PerfDataEncoder({ events: EVENTS, info });
  for (const record of records) {
    if (record === undefined) encoder.finishRound();
    else encoder.write(record);
  }
  return encoder.take();
}

/** What a file holds: a text for each record of the kernel, and the error at the end. */
function readAll(bytes: Uint8Array, options = {}): { records: string[]; fault: PerfDataError | undefined } {
  const records: string[] = [];
  using reader = PerfDataReader.fromBytes(bytes, options);
  try {
    reader.visit((record) => {
      if (record.type >= 64) return;
      const what = record.type === kernel.PERF_RECORD_LOST ? `lost ${record.lost}` : record.string(0, 4);
      records.push(`${record.time} ${record.cpu} ${what}${record.late ? ' late' : ''}`);
    });
  } catch (error) {
    if (!(error instanceof PerfDataError)) throw error;
    return { records, fault: error };
  }
  return { records, fault: undefined };
}

describe('PerfDataReader', () => {
  it('gives records in the order of their times, as soon as no earlier one can come', () => {
    const file = fileOf([
      ...[sample(30, 'c'), sample(10, 'a'), undefined],
      ...[sample(40, 'd', { cpu: 1 }), lost(20, 7), undefined],
      ...[sample(35, 'late?'), undefined, sample(50, 'e')],
    ]);
    expect(readAll(file).records).toEqual([
      '10 0 a',
      '20 1 lost 7',
      '30 0 c',
      '35 0 late',
      '40 1 d',
      '50 0 e',
    ]);
  });

  it('marks and counts a record that comes after one of a later time', () => {
    const file = fileOf([sample(30, 'a'), undefined, undefined, undefined, sample(10, 'b'), sample(40, 'c')]);
    expect(readAll(file).records).toEqual(['30 0 a', '10 0 b late', '40 0 c']);
    using reader = PerfDataReader.fromBytes(file);
    reader.visit(() => undefined);
    expect(reader.late).toBe(1);
  });

  it('gives records as they lie in the file', () => {
    const file = fileOf([sample(30, 'c'), sample(10, 'a')]);
    expect(readAll(file, { order: 'file' }).records).toEqual(['30 0 c', '10 0 a']);
  });

  it('sorts more than it may keep as well as it can', () => {
    const times = Array.from({ length: 20_000 }, (_, index) => (index % 2 === 0 ? index : index + 10));
    const file = fileOf(times.map((time) => sample(time + 1, 'x')));
    expect(readAll(file, { sortBytes: 2 ** 20 })).toEqual(readAll(file));
  });

  it('takes little memory for a long file, whatever it holds', () => {
    const records = Array.from({ length: 30_000 }, (_, index) => sample(index + 1, 'x'));
    // A time in the far future waits until the end.
    const { records: read } = readAll(fileOf([sample(2 ** 40, 'last'), ...records]), { sortBytes: 2 ** 20 });
    expect(read).toHaveLength(30_001);
  });

  it('says which event wrote a record, by its id', () => {
    const file = fileOf([sample(1, 'a', { id: 12n }), lost(2, 1), sample(3, 'b', { id: 99n })]);
    using reader = PerfDataReader.fromBytes(file);
    const names: (string | undefined)[] = [];
    reader.visit((record) => names.push(reader.eventOf(record)?.name));
    // The first ones describe the file. A record with an unknown id is taken for one of the first event, as by perf.
    expect(names.slice(-3)).toEqual(['first', 'first', 'first']);
    expect(reader.events.map(({ name, ids }) => [name, ids])).toEqual([
      ['first', [11n, 12n]],
      ['second', [2n ** 60n]],
    ]);
    expect(reader.events[0]?.attr).toEqual(ATTR);
  });

  it('gives records one by one, and stops where it is asked to', () => {
    const file = fileOf([sample(1, 'a'), sample(2, 'b'), sample(3, 'c')]);
    using reader = PerfDataReader.fromBytes(file, { order: 'file' });
    while (reader.next()?.type !== kernel.PERF_RECORD_SAMPLE);
    expect(reader.visit((record) => expect(record.string(0, 1)).toBe('b'), { limit: 1 })).toBe(1);
    const rest: string[] = [];
    for (const record of reader) rest.push(record.string(0, 1));
    expect([rest, reader.next(), reader.visit(() => undefined)]).toEqual([['c'], null, 0]);
  });

  it('lends a record until its visitor returns', () => {
    using reader = PerfDataReader.fromBytes(fileOf([sample(1, 'a')]));
    let kept: { u8(offset: number): number } | undefined;
    reader.visit((record) => {
      kept = record;
    });
    expect(codeOf(() => kept?.u8(0))).toBe('ERR_PERF_OUT_OF_RANGE');
  });

  it('refuses what a visitor may not do, and ends when a visitor closes it', () => {
    using reader = PerfDataReader.fromBytes(fileOf([sample(1, 'a'), sample(2, 'b')]));
    const codes: unknown[] = [];
    const visited = reader.visit(() => {
      codes.push(codeOf(() => reader.next()));
      reader.close();
    });
    expect({ visited: visited > 0, codes: [...new Set(codes)] }).toEqual({
      visited: true,
      codes: ['ERR_PERF_BUSY'],
    });
    expect(codeOf(() => reader.visit(() => undefined))).toBe('ERR_PERF_CLOSED');
  });

  it.each([
    [{ order: 'cpu' }, 'ERR_PERF_INVALID_OPTION'],
    [{ sortBytes: 1 }, 'ERR_PERF_INVALID_OPTION'],
    [{ other: 1 }, 'ERR_PERF_INVALID_OPTION'],
  ])('refuses the options %j', (options, code) => {
    expect(codeOf(() => PerfDataReader.fromBytes(fileOf([]), options as object))).toBe(code);
  });

  it('says that a file is no perf.data file', () => {
    expect(codeOf(() => PerfDataReader.fromBytes(Buffer.from('no perf.data')))).toBe('ERR_PERF_DATA_DAMAGED');
    expect(codeOf(() => PerfDataReader.open('/nowhere/perf.data'))).toBe('ENOENT');
    expect(codeOf(() => PerfDataReader.open(-1))).toBe('ERR_PERF_INVALID_ARGUMENT');
  });
});

describe('a damaged file', () => {
  const records = [sample(1, 'a'), sample(2, 'b'), lost(3, 4), undefined, sample(4, 'c')];
  const file = fileOf(records, { hostname: 'here', commandLine: ['one', 'two'] });
  const whole = readAll(file).records;

  it.each(Array.from({ length: 8 }, (_, part) => part))('gives what is before any cut (part %i)', (part) => {
    const start = file.length - records.reduce((sum, record) => sum + (record?.length ?? 8), 0);
    for (let length = part; length < file.length; length += 8) {
      if (length < 16) {
        expect(codeOf(() => readAll(file.subarray(0, length)))).toBe('ERR_PERF_DATA_DAMAGED');
        continue;
      }
      const { records: read, fault } = readAll(file.subarray(0, length));
      expect(read).toEqual(whole.slice(0, read.length));
      // Each whole record before the cut is there.
      let at = start;
      let count = 0;
      let isBoundary = length === start;
      for (const record of records) {
        at += record?.length ?? 8;
        if (at > length) break;
        if (record !== undefined) count++;
        isBoundary = at === length;
      }
      if (length >= start)
        expect({ count: read.length, damaged: fault !== undefined }).toEqual({ count, damaged: !isBoundary });
      if (fault !== undefined) expect(fault.offset).toBeLessThanOrEqual(length);
    }
  });

  it('gives what is before a record whose size can not be, and says where that is', () => {
    const damaged = Uint8Array.from(file);
    const at = file.length - sample(4, 'c').length;
    damaged[at + 6] = 7;
    const { records: read, fault } = readAll(damaged);
    expect(read).toEqual(whole.slice(0, 3));
    expect({ code: fault?.code, offset: fault?.offset }).toEqual({
      code: 'ERR_PERF_DATA_DAMAGED',
      offset: at,
    });
    expect(fault?.message).toBe(
      `the bytes is damaged at byte ${at}: a record of type 9 has 7 bytes, less than its header`,
    );
  });

  it('throws its error at each call', () => {
    using reader = PerfDataReader.fromBytes(file.subarray(0, -1));
    const codes = [0, 1].map(() => codeOf(() => reader.visit(() => undefined)));
    expect([...codes, codeOf(() => reader.next())]).toEqual(Array(3).fill('ERR_PERF_DATA_DAMAGED'));
    expect(reader.faults.map(({ code }) => code)).toEqual(['ERR_PERF_DATA_DAMAGED']);
  });

  it('gives records or an error with a code, whatever bits are flipped', () => {
    const random = new FuzzRandom(1);
    for (let round = 0; round < 2000; round++) {
      const damaged = Uint8Array.from(file);
      for (let flips = 1 + random.below(4); flips > 0; flips--) {
        const at = random.below(damaged.length);
        damaged[at] = (damaged[at] as number) ^ (1 << random.below(8));
      }
      touchAll(damaged);
    }
  });
});

/** Reads everything of a file. Errors without a code fail the test. */
function touchAll(bytes: Uint8Array): void {
  try {
    using reader = PerfDataReader.fromBytes(bytes);
    // A file of this size has no more records, whatever its bytes are.
    const visited = reader.visit((record) => {
      expect(codeOf(() => [record.decode(), record.bytes(), record.recordBytes()])).toMatch(CODES);
    });
    expect(visited).toBeLessThanOrEqual(bytes.length / 8);
    expect(typeof reader.info).toBe('object');
  } catch (error) {
    expect(String((error as { code?: unknown }).code)).toMatch(/^ERR_PERF_/);
  }
}

const CODES = /^(nothing|ERR_PERF_RECORD_DAMAGED)$/;
