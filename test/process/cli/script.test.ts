import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernel } from '../../../lib/index';
import { PerfDataWriter } from '../../../lib/perf-data';
import { MAIN } from './cli-process';

const { PERF_SAMPLE_CPU, PERF_SAMPLE_RAW, PERF_SAMPLE_TID, PERF_SAMPLE_TIME } = kernel;

const attr = {
  type: kernel.PERF_TYPE_SOFTWARE,
  config: kernel.PERF_COUNT_SW_BPF_OUTPUT,
  sample_type: PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_RAW,
};

function sample(time: number, text: string): Uint8Array {
  const record = Buffer.alloc(8 + 24 + 4 + 4);
  record.writeUInt32LE(kernel.PERF_RECORD_SAMPLE, 0);
  record.writeUInt16LE(record.length, 6);
  record.writeInt32LE(42, 8);
  record.writeInt32LE(43, 12);
  record.writeBigUInt64LE(BigInt(time), 16);
  record.writeUInt32LE(1, 24);
  record.writeUInt32LE(4, 32);
  record.write(text, 36);
  return record;
}

let directory: string;
let path: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'perfring-script-'));
  path = join(directory, 'perf.data');
  const writer = PerfDataWriter.create(path, { events: [{ attr }] });
  writer.write(sample(2_500_000_000, 'two!'));
  writer.write(sample(1_000_000_000, 'one!'));
  writer.close();
});

afterAll(() => rmSync(directory, { recursive: true }));

function perfring(...args: string[]): { stdout: string; stderr: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  return { stdout, stderr, status };
}

describe('perfring script', () => {
  it('writes a table, with times as perf script shows them', () => {
    const { stdout, stderr, status } = perfring('script', path);
    expect({ stderr, status }).toEqual({ stderr: '2 samples: bpf-output 2\n', status: 0 });
    const [, first, second] = stdout.split('\n').map((line) => line.trim().split(/\s+/));
    expect(first?.slice(0, 4)).toEqual(['1.000000', '1', '42', '43']);
    expect(second?.slice(0, 4)).toEqual(['2.500000', '1', '42', '43']);
  });

  it('writes ndjson, the first samples alone if it is told so', () => {
    const { stdout, stderr, status } = perfring('script', path, '-f', 'ndjson', '-n', '1', '-q');
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        ...{ cpu: 1, type: 'sample', time: '1000000000', pid: 42, tid: 43 },
        ...{ size: 4, data: Buffer.from('one!').toString('hex') },
      },
    ]);
  });

  it('writes what is before the damage, and then says where it is', () => {
    const cut = join(directory, 'cut.data');
    const writer = PerfDataWriter.create(cut, { events: [{ attr }], form: 'pipe' });
    writer.write(sample(1, 'one!'));
    writer.write(sample(2, 'two!'));
    writer.close();
    truncateSync(cut, writer.byteLength - 3);
    const { stdout, stderr, status } = perfring('script', cut, '-f', 'raw');
    expect({ stdout: stdout.slice(4), status }).toEqual({ stdout: 'one!', status: 1 });
    expect(stderr).toMatch(
      /^1 samples: bpf-output 1\nperfring: .*cut\.data is damaged at byte \d+: the file ends within a record, after 37 of its bytes\b.*\n$/,
    );
  });

  it('reads standard input', () => {
    const command = `exec 3< "$2"; "$0" "$1" script - -q -f ndjson <&3`;
    const { stdout, status } = spawnSync('sh', ['-c', command, process.execPath, MAIN, path], {
      encoding: 'utf8',
    });
    expect({ lines: stdout.trim().split('\n').length, status }).toEqual({ lines: 2, status: 0 });
  });

  it.each([
    [['script'], 2],
    [['script', '/nowhere'], 1],
    [['script', '/etc/passwd'], 1],
    [['script', '-f', 'xml', 'file'], 2],
    [['script', '-n', '0', 'file'], 2],
  ])('refuses %j', (args, code) => {
    const { stdout, stderr, status } = perfring(...(args as string[]));
    expect({ stdout, status, lines: stderr.trim().split('\n').length }).toEqual({
      stdout: '',
      status: code,
      lines: 1,
    });
  });
});
