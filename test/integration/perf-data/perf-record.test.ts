import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PerfDataReader, PerfDataWriter } from '../../../lib/perf-data';
import { bigEndianFile } from '../../support/big-endian-file';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'perfring-perf-data-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

const WORK = 'for i in 1 2 3; do /bin/true; done; i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done';

/** Makes a file by `perf record`. @returns its path */
function record(name: string, options: readonly string[], command = ['sh', '-c', WORK]): string {
  const path = join(directory, `${name}.data`);
  const args = ['record', '-q', '-o', path, ...options, '--', ...command];
  execFileSync('perf', args, { stdio: 'pipe' });
  return path;
}

/** Runs perf without anything on stderr. @returns its output */
function perf(...args: string[]): string {
  const { stdout, stderr, status } = spawnSync('perf', args, { encoding: 'latin1', maxBuffer: 1 << 30 });
  expect({ args, stderr: stderr.trim(), status }).toEqual({ args, stderr: '', status: 0 });
  return stdout;
}

/** Names that perf shortens in its statistics. */
const WHOLE_NAMES: Readonly<Record<string, string>> = { ATTR: 'HEADER_ATTR', FEATURE: 'HEADER_FEATURE' };

/** What perf script shows, without symbols: looking them up takes most of its time. */
function script(path: string): string {
  return perf('script', '-F', '-sym,-dso,-symoff', '-i', path);
}

/** The counts of `perf report --stats`, by type. */
function statsOf(path: string): Record<string, number> {
  const [all] = perf('report', '--stats', '-i', path)
    .split(/^\S.* stats:$/m)
    .slice(1);
  return Object.fromEntries(
    [...(all ?? '').matchAll(/^\s+(\w+) events:\s+(\d+)/gm)]
      .map(([, type, count]) => [WHOLE_NAMES[type as string] ?? (type as string), Number(count)] as const)
      .filter(([type]) => type !== 'TOTAL'),
  );
}

/** Reads a file to its end. */
function visitAll(path: string): { counts: Record<string, number>; disorder: number; types: Set<string> } {
  using reader = PerfDataReader.open(path);
  let last = 0n;
  let disorder = 0;
  const types = new Set<string>();
  reader.visit((one) => {
    if (one.type < 64) types.add(one.decode().type);
    const time = one.time ?? 0n;
    if (time === 0n) return;
    if (time < last) disorder++;
    last = time;
  });
  expect({ faults: reader.faults, late: reader.late }).toEqual({ faults: [], late: 0 });
  return { counts: { ...reader.counts }, disorder, types };
}

/** Writes what a file holds into another one. */
function rewrite(from: string, form: 'file' | 'pipe'): string {
  const to = join(directory, `rewritten.${form}`);
  using reader = PerfDataReader.open(from);
  const features = new Map(reader.features.map((number) => [number, reader.feature(number) as Uint8Array]));
  using writer = PerfDataWriter.create(to, { events: reader.events, info: {}, features, form });
  reader.visit((one) => void writer.write(one));
  return to;
}

const ALL = ['-a', '-e', 'cpu-clock', '-F', '199'];

/** Each kind of file, and a type of record that it must have. */
const KINDS: readonly (readonly [name: string, options: readonly string[], type: string])[] = [
  ['plain', ['-e', 'cpu-clock', '-F', '2000'], 'MMAP2'],
  ['all-cpus', [...ALL, '-g'], 'SAMPLE'],
  ['zstd', ['-z', ...ALL], 'SAMPLE'],
  ['switch-events', ['--switch-events', ...ALL], 'SWITCH_CPU_WIDE'],
  ['namespaces', ['--namespaces', '-e', 'cpu-clock'], 'NAMESPACES'],
  ['cgroups', ['--all-cgroups', '-e', 'cpu-clock'], 'CGROUP'],
  ['build-ids', ['--buildid-mmap', '-e', 'cpu-clock'], 'MMAP2'],
  ['group', ['-e', '{cpu-clock,task-clock,page-faults}:S', '-c', '1000000'], 'SAMPLE'],
  ['counts', ['-s', '-e', 'task-clock', '-c', '1000000'], 'READ'],
  ['tracepoints', ['-a', '-F', '199', '-e', 'sched:sched_switch,cpu-clock'], 'SAMPLE'],
  ['addresses', ['-d', '--phys-data', '-W', '-e', 'page-faults', '-c', '1'], 'SAMPLE'],
  ['dwarf', ['-e', 'cpu-clock', '--call-graph', 'dwarf'], 'SAMPLE'],
  ['off-cpu', ['--off-cpu', '-e', 'cpu-clock'], 'SAMPLE'],
  [
    'no-order',
    ['-a', '-N', '-B', '--no-buildid', '--no-buffering', '-e', 'cpu-clock', '-F', '199'],
    'SAMPLE',
  ],
];

describe('the reader of perf.data', () => {
  it.each(KINDS)('finds in the file %s what perf finds', (name, options, type) => {
    const path = record(name, options);
    const { counts, disorder, types } = visitAll(path);
    expect(counts).toEqual(statsOf(path));
    expect({ disorder, hasType: types.has(type) }).toEqual({ disorder: 0, hasType: true });
  });

  it('finds in a directory of `perf record --threads` what perf finds', () => {
    const path = record('threads', ['--threads', ...ALL], ['sleep', '0.2']);
    const { counts, disorder } = visitAll(path);
    expect(counts).toEqual(statsOf(path));
    expect(disorder).toBe(0);
    using reader = PerfDataReader.open(path);
    expect(reader.form).toBe('directory');
  });

  it('finds in a file of `perf record --overwrite` what perf finds', () => {
    const path = record('overwrite', ['--overwrite', ...ALL], ['sleep', '0.2']);
    expect(visitAll(path).counts).toEqual(statsOf(path));
  });

  it('reads a pipe', () => {
    const path = join(directory, 'pipe.data');
    const out = openSync(path, 'w');
    execFileSync('perf', ['record', '-q', '-o', '-', ...ALL, '--', 'sleep', '0.2'], {
      stdio: ['ignore', out, 'pipe'],
    });
    closeSync(out);
    expect(visitAll(path).counts).toEqual(statsOf(path));
    const code = `const { PerfDataReader } = require('./lib/perf-data');
      const reader = PerfDataReader.open(0); reader.visit(() => undefined);
      console.log(JSON.stringify([reader.form, reader.counts, reader.events.map(({ name }) => name)]));`;
    const piped = execFileSync(
      'sh',
      ['-c', `cat ${path} | "$0" -r ./test/support/register-typescript.cjs -e "$1"`, process.execPath, code],
      { cwd: join(__dirname, '../../..'), encoding: 'utf8' },
    );
    expect(JSON.parse(piped)).toEqual(['pipe', statsOf(path), ['cpu-clock', 'dummy:HG']]);
  });

  it('reads names of events, and what the file says of the machine', () => {
    using reader = PerfDataReader.open(join(directory, 'tracepoints.data'));
    expect(reader.events.map(({ name }) => name)).toEqual(['sched:sched_switch', 'cpu-clock', 'dummy:HG']);
    expect(reader.events.map(({ ids }) => ids.length > 0)).toEqual([true, true, true]);
    const names = new Map<string, number>();
    reader.visit((one) => {
      const name = reader.eventOf(one)?.name;
      if (one.type === 9 && name !== undefined) names.set(name, (names.get(name) ?? 0) + 1);
    });
    const lines = perf('script', '-F', 'event', '-i', join(directory, 'tracepoints.data')).split('\n');
    const shown = lines.map((line) => line.trim().replace(/:$/, ''));
    for (const [name, count] of names) expect(shown.filter((one) => one === name)).toHaveLength(count);
    const header = perf('script', '--header-only', '-i', join(directory, 'tracepoints.data'));
    const { hostname, osRelease, arch, cpus, cpuId, commandLine } = reader.info;
    expect(header).toContain(`# hostname : ${hostname}\n`);
    expect(header).toContain(`# os release : ${osRelease}\n`);
    expect(header).toContain(`# arch : ${arch}\n`);
    expect(header).toContain(`# nrcpus online : ${cpus?.online}\n# nrcpus avail : ${cpus?.available}\n`);
    expect(header).toContain(`# cpuid : ${cpuId}\n`);
    expect(header).toContain(`# cmdline : ${commandLine?.join(' ')} \n`);
  });
});

describe('a file of a big-endian machine', () => {
  it('is read like the same file of this machine', () => {
    const little = join(directory, 'little.data');
    const big = join(directory, 'big.data');
    const path = record('chains', ['-g', '-e', 'cpu-clock', '-F', '2000']);
    using source = PerfDataReader.open(path);
    const writer = PerfDataWriter.create(little, { events: source.events, info: {} });
    // What perf says of threads and CPUs before the kernel's records is left out.
    source.visit((one) => void (one.type < 64 && writer.write(one)));
    writer.close();
    writeFileSync(big, bigEndianFile(readFileSync(little)));
    // This shows that the file is right.
    expect(script(big)).toBe(script(little));
    const [ours, theirs] = [big, little].map((one) => {
      using reader = PerfDataReader.open(one);
      const decoded: unknown[] = [];
      reader.visit((record) => void decoded.push(record.decode()));
      const { isLittleEndian, events } = reader;
      return {
        isLittleEndian,
        decoded,
        events: events.map(({ attr, attrBytes, ids }) => [attr, attrBytes, ids]),
      };
    });
    expect(ours).toEqual({ ...theirs, isLittleEndian: false });
    expect(ours?.decoded.length).toBeGreaterThan(10);
  });
});

describe('a file that the writer made of another one', () => {
  it.each([...KINDS.map(([name]) => name), 'threads', 'pipe'])(
    'is shown by perf script as the file %s',
    (name) => {
      const path = join(directory, `${name}.data`);
      const shown = script(path);
      expect(script(rewrite(path, 'file'))).toBe(shown);
      expect(script(rewrite(path, 'pipe'))).toBe(shown);
    },
  );

  it('is read by the other commands of perf', () => {
    const path = rewrite(join(directory, 'tracepoints.data'), 'file');
    for (const command of [['evlist', '-v'], ['buildid-list'], ['report', '--stdio', '-s', 'comm']]) {
      const shown = (one: string): string => perf(...command, '-i', one).replace(/^# \(Tip: .*/m, '');
      expect(shown(path)).toBe(shown(join(directory, 'tracepoints.data')));
    }
    expect(statsOf(path)).toEqual(statsOf(join(directory, 'tracepoints.data')));
    perf('inject', '-b', '-i', path, '-o', join(directory, 'injected.data'));
    expect(visitAll(join(directory, 'injected.data')).counts['SAMPLE']).toBe(statsOf(path)['SAMPLE']);
    execFileSync('perf', ['data', 'convert', '--to-json', join(directory, 'all.json'), '-i', path], {
      stdio: 'pipe',
    });
    const json = JSON.parse(readFileSync(join(directory, 'all.json'), 'utf8')) as { samples: unknown[] };
    expect(json.samples).toHaveLength(statsOf(path)['SAMPLE'] as number);
  });
});
