import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { moduleText } from '../../lib/cli/module-text';
import { describeObject } from '../../lib/index';
import { objectPath } from '../support/bpf-objects';
import { describeWith } from '../support/privilege';
import { describeWithPrograms } from '../support/programs';

const ROOT = join(__dirname, '../..');

function runExample(name: string, ...given: string[]): string {
  const loader = join(ROOT, 'test/support/register-typescript.cjs');
  const run = spawnSync(process.execPath, ['--require', loader, join(ROOT, 'examples', name), ...given], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect({ status: run.status, signal: run.signal, stderr: run.stderr }).toEqual({
    status: 0,
    signal: null,
    stderr: '',
  });
  return run.stdout;
}

describe('the examples', () => {
  it('memory-ring.ts writes and reads a ring without privilege', () => {
    expect(runExample('memory-ring.ts')).toBe('one acquire one release a batch\n');
  });

  it('merge-rings.ts reads two rings in time order', () => {
    expect(runExample('merge-rings.ts')).toBe('10: CPU 0 opened 7\n20: CPU 1 opened 8\n30: CPU 0 closed 7\n');
  });

  it('perf-data.ts writes a perf.data file and reads it, whole and cut', () => {
    expect(runExample('perf-data.ts').split('\n')).toEqual([
      'file bpf-output',
      ...['one', 'two', 'three'],
      ...['one', 'two', 'ERR_PERF_DATA_DAMAGED'],
      'PERFILE2',
      '',
    ]);
  });

  it('typed-events.ts tells events of two types apart, and shows one of an unknown type', () => {
    expect(runExample('typed-events.ts').split('\n')).toEqual([
      '42 node connects to 192.168.0.1:443',
      '43 starts /bin/ls',
      'an event of the unknown type 3: 12 bytes',
      '0 too short, 1 unknown',
      '',
    ]);
  });

  it('query.ts groups samples, and takes columns of the rest', () => {
    expect(runExample('query.ts').split('\n')).toEqual([
      'process 0: 83 writes, 489472 bytes, 40 took 256 ns or more',
      'process 2: 83 writes, 487936 bytes, 40 took 256 ns or more',
      'process 1: 82 writes, 482816 bytes, 40 took 256 ns or more',
      '300 rows, the slowest 799 ns',
      '200 rows, the slowest 999 ns',
      '',
    ]);
  });

  it('read-samples.ts is the program the README shows', () => {
    const program = readFileSync(join(ROOT, 'examples/read-samples.ts'), 'utf8');
    const shown = program.slice(program.indexOf('import'));
    expect(readFileSync(join(ROOT, 'README.md'), 'utf8')).toContain(shown);
  });
});

describeWith(['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'], 'the examples that need privilege', () => {
  it('read-samples.ts shows samples and counts', () => {
    const lines = runExample('read-samples.ts').trimEnd().split('\n');
    expect(lines.join('\n')).toMatch(/comm: '/);
    expect(lines.at(-1)).toMatch(/^[1-9]\d* samples received, \d+ lost$/);
  });

  it('own-program.ts receives each of its 1,000 numbers once', () => {
    expect(runExample('own-program.ts')).toBe('1000 samples of type 9, sum 499500\n');
  });

  it('ring-buffer.ts receives each of its 1,000 numbers once', () => {
    expect(runExample('ring-buffer.ts')).toBe('1000 records received, sum 499500, an unknown number lost\n');
  });

  it('user-ring-buffer.ts has a program take its commands', () => {
    expect(runExample('user-ring-buffer.ts', objectPath('commands')).split('\n')).toEqual([
      'command 1: go 1',
      'command 2: go 2',
      'command 3: go 3',
      '0 bytes unread',
      '',
    ]);
  });

  it('worker.ts serves the metrics of a reader in a worker', () => {
    expect(runExample('worker.ts')).toBe('the worker has received samples\n');
  });

  it('flight-recorder.ts finds records in time order', () => {
    expect(runExample('flight-recorder.ts')).toMatch(/^[1-9]\d* records, in order of time\n$/);
  });

  it('one-cpu.ts sees page faults', () => {
    expect(runExample('one-cpu.ts')).toMatch(/^page faults on CPU \d+: some\n$/);
  });

  it('errors.ts shows each kind of error by its code, and attaches a built-in program by name', () => {
    expect(runExample('errors.ts').split('\n')).toEqual([
      expect.stringMatching(/^ERR_PERF_PROGRAM_REJECTED: \d+ lines of log$/),
      'ENOENT of bpf(BPF_OBJ_GET)',
      'ERR_PERF_INVALID_OPTION: an option has the wrong type or value, or excludes another',
      expect.stringContaining('sched_switch'),
      'sched_switch: a thread leaves a CPU; with the thread that follows',
      '',
    ]);
  });

  it('metrics.ts serves what a scrape reads', () => {
    expect(runExample('metrics.ts')).toMatch(/\nperfring_lost_samples_total\{cpu="0"\} 0\n$/);
  });
});

describeWithPrograms('FOR_OBJECTS', 'the examples with BPF objects', () => {
  const EXAMPLES = join(ROOT, 'examples/bpf');

  it.each(['exec', 'latency', 'lives', 'both'])('bpf/%s.ts is what perfring gen writes', (name) => {
    const object = describeObject(readFileSync(objectPath(name, EXAMPLES)));
    expect(readFileSync(join(EXAMPLES, `${name}.ts`), 'utf8')).toBe(moduleText(object, `${name}.bpf.o`, []));
  });

  describeWith(['CAP_BPF', 'CAP_PERFMON'], 'that are loaded', () => {
    it('exec-snoop.ts shows programs that start', () => {
      const lines = runExample('exec-snoop.ts', objectPath('exec', EXAMPLES), '3').trimEnd().split('\n');
      expect(lines).toHaveLength(3);
      for (const line of lines) expect(line).toMatch(/^[1-9]\d* \d+ \S/);
    });

    it('syscall-latency.ts counts at least the calls it made', () => {
      const output = runExample('syscall-latency.ts', objectPath('latency', EXAMPLES));
      const counts = [...output.matchAll(/^\d+ ns and more: (\d+)$/gm)].map(([, count]) => Number(count));
      const total = Number(/^(\d+) system calls$/m.exec(output)?.[1]);
      expect(counts.reduce((sum, one) => sum + one, 0)).toBe(total);
      expect(total).toBeGreaterThanOrEqual(10_000);
    });

    it('process-lives.ts tells two types of events apart', () => {
      expect(runExample('process-lives.ts', objectPath('lives', EXAMPLES))).toBe(
        'true starts\nand ends; 0 events of unknown types\n',
      );
    });

    it('merge-maps.ts merges a ring buffer and a perf event array by time', () => {
      expect(runExample('merge-maps.ts', objectPath('both', EXAMPLES))).toBe(
        '0 starts, 0 ends, 1 starts, 1 ends, 2 starts, 2 ends\n',
      );
    });
  });
});
