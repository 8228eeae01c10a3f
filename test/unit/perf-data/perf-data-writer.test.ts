import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernel } from '../../../lib/index';
import {
  PerfDataEncoder,
  type PerfDataFileOptions,
  PerfDataReader,
  PerfDataWriter,
} from '../../../lib/perf-data';
import { codeOf } from '../../support/ring-errors';

const attr = {
  type: kernel.PERF_TYPE_SOFTWARE,
  config: kernel.PERF_COUNT_SW_BPF_OUTPUT,
  sample_type: kernel.PERF_SAMPLE_TIME | kernel.PERF_SAMPLE_RAW,
  sample_freq: 7,
  freq: true,
};

function sample(time: number, raw = 'data'): Uint8Array {
  const record = Buffer.alloc(8 + 8 + 4 + raw.length);
  record.writeUInt32LE(kernel.PERF_RECORD_SAMPLE, 0);
  record.writeUInt16LE(record.length, 6);
  record.writeBigUInt64LE(BigInt(time), 8);
  record.writeUInt32LE(raw.length, 16);
  record.write(raw, 20);
  return record;
}

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'perfring-writer-'));
  path = join(directory, 'perf.data');
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function timesIn(reader: PerfDataReader): bigint[] {
  const times: bigint[] = [];
  reader.visit((record) => {
    if (record.type === kernel.PERF_RECORD_SAMPLE) times.push(record.time as bigint);
  });
  return times;
}

describe('PerfDataWriter', () => {
  it('writes a file that is readable after each flush, as far as it was flushed', () => {
    const writer = PerfDataWriter.create(path, { events: [{ attr }] });
    for (let time = 1; time <= 3; time++) {
      writer.write(sample(time));
      // Not flushed yet.
      using before = PerfDataReader.open(path);
      expect(timesIn(before)).toHaveLength(time - 1);
      writer.flush();
      using after = PerfDataReader.open(path);
      expect(timesIn(after)).toHaveLength(time);
      expect(after.faults).toEqual([]);
    }
    writer.close();
    using reader = PerfDataReader.open(path);
    expect(timesIn(reader)).toEqual([1n, 2n, 3n]);
    expect(reader.counts).toEqual({ SAMPLE: 3 });
  });

  it('writes what it is told of the machine, the recording and the events', () => {
    const info = {
      hostname: 'here',
      osRelease: '6.1',
      writerVersion: '1',
      arch: 'riscv64',
      cpus: { available: 2, online: 1 },
      cpuDescription: 'a CPU',
      cpuId: 'a,1',
      totalMemoryKilobytes: 2n ** 40n,
      commandLine: ['one', 'two words', 'ä'],
      buildIds: [{ path: '/bin/true', buildId: '0123456789abcdef', pid: -1, misc: 2 }],
      topology: {
        sockets: ['0-1'],
        cores: ['0', '1'],
        cpus: [
          { coreId: 0, socketId: 0 },
          { coreId: 1, socketId: 0 },
        ],
      },
      pmus: [{ type: 1, name: 'software' }],
      groups: [{ name: '', leader: 0, members: 2 }],
      sampleTimes: { first: 1n, last: 2n },
      clock: { clockid: 1, wallNanoseconds: 10n, clockNanoseconds: 5n },
    };
    const events = [{ attr, name: 'mine', ids: [1n, 2n ** 64n - 1n] }];
    const features = new Map([[200, Uint8Array.of(1, 2, 3)]]);
    for (const form of ['file', 'pipe'] as const) {
      PerfDataWriter.create(path, { events, info, features, form }).close();
      using reader = PerfDataReader.open(path);
      timesIn(reader);
      expect({ ...reader.info }).toEqual(info);
      expect(reader.events).toMatchObject(events);
      // The records that hold sections in pipe form are padded.
      expect(reader.feature(200)?.subarray(0, 3)).toEqual(Uint8Array.of(1, 2, 3));
      expect({ form: reader.form, faults: reader.faults }).toEqual({ form, faults: [] });
    }
  });

  it('says by itself what the machine is', () => {
    PerfDataWriter.create(path, { events: [{ attr }] }).close();
    using reader = PerfDataReader.open(path);
    expect(reader.info).toMatchObject({
      hostname: expect.any(String),
      writerVersion: 'perfring',
      commandLine: expect.any(Array),
    });
    expect(reader.events[0]).toMatchObject({ name: 'bpf-output', attr });
  });

  it('leaves a file that gives its records, wherever it is cut', () => {
    using writer = PerfDataWriter.create(path, { events: [{ attr }], info: {} });
    for (let time = 1; time <= 3; time++) writer.write(sample(time));
    writer.flush();
    const flushed = writer.byteLength;
    writer.close();
    for (let length = readFileSync(path).length; length >= flushed; length--) {
      truncateSync(path, length);
      using reader = PerfDataReader.open(path);
      expect(timesIn(reader)).toEqual([1n, 2n, 3n]);
    }
  });

  it('gives the records of a file that its writer did not finish', () => {
    const writer = PerfDataWriter.create(path, { events: [{ attr }], info: {} });
    for (let time = 1; time <= 3; time++) writer.write(sample(time));
    writer.flush();
    const bytes = readFileSync(path);
    // As perf record leaves it when it is killed: without the size of the records.
    bytes.fill(0, 48, 56);
    writeFileSync(path, bytes);
    using reader = PerfDataReader.open(path);
    const times: unknown[] = [];
    expect(codeOf(() => reader.visit((record) => times.push(record.time)))).toBe('ERR_PERF_DATA_DAMAGED');
    expect(times).toEqual([1n, 2n, 3n]);
    writer.close();
  });

  it('writes lent records, and leaves out those that describe the file they come from', () => {
    const encoder = new PerfDataEncoder({ events: [{ attr }], info: { hostname: 'here' } });
    encoder.write(sample(1));
    encoder.finishRound();
    using source = PerfDataReader.fromBytes(encoder.take());
    const writer = PerfDataWriter.create(path, { events: source.events });
    const written = new Map<number, boolean>();
    source.visit((record) => written.set(record.type, writer.write(record)));
    writer.close();
    expect([...written]).toEqual([
      [64, false],
      [80, false],
      [68, true],
      [9, true],
    ]);
    using reader = PerfDataReader.open(path);
    reader.visit(() => undefined);
    expect(reader.counts).toEqual({ SAMPLE: 1, FINISHED_ROUND: 1 });
  });

  const second = { attr: { ...attr, config: 0 }, ids: [2n] };
  it.each<[string, object]>([
    ['no events', { events: [] }],
    ['more events without ids', { events: [{ attr }, second] }],
    ['more events without an id in their samples', { events: [{ attr, ids: [1n] }, second] }],
    ['an id that is no bigint', { events: [{ attr, ids: [1] }] }],
    ['a name that is no string', { events: [{ attr, name: 1 }] }],
    ['attrBytes of another size', { events: [{ attr, attrBytes: new Uint8Array(3) }] }],
    ['an unknown form', { events: [{ attr }], form: 'tar' }],
    ['an unknown option', { events: [{ attr }], compress: true }],
    ['an unknown feature', { events: [{ attr }], features: new Map([[0, new Uint8Array(1)]]) }],
  ])('refuses %s', (_, options) => {
    expect(codeOf(() => PerfDataWriter.create(path, options as PerfDataFileOptions))).toBe(
      'ERR_PERF_INVALID_OPTION',
    );
    expect(codeOf(() => readFileSync(path))).toBe('ENOENT');
  });

  it('refuses bytes that are no record, and everything after close()', () => {
    const writer = PerfDataWriter.create(path, { events: [{ attr }] });
    for (const bytes of [new Uint8Array(4), new Uint8Array(8), sample(1).subarray(0, -1), 7, null]) {
      expect(codeOf(() => writer.write(bytes as Uint8Array))).toBe('ERR_PERF_INVALID_ARGUMENT');
    }
    writer.close();
    writer.close();
    expect(codeOf(() => writer.write(sample(1)))).toBe('ERR_PERF_CLOSED');
    expect(codeOf(() => writer.flush())).toBe('ERR_PERF_CLOSED');
  });
});
