import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BUILTIN_PROGRAMS, onlineCpus } from '../../../lib/index';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { CliProcess, cli, gone, linesOf, MAIN, payloadsOf } from './cli-process';
import { FullPipe } from './full-pipe';
import { Neighbours } from './neighbours';

interface Sample {
  readonly cpu: number;
  readonly type: string;
  readonly time: string;
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
  readonly program: string;
  readonly syscall?: string;
}

function samplesOf(output: Buffer): Sample[] {
  return linesOf(output).map((line) => JSON.parse(line) as Sample);
}

const FIRST_CPU = onlineCpus()[0] as number;

describeWith(READER_CAPABILITIES, 'perfring collect', () => {
  let neighbours: Neighbours;
  beforeAll(async () => {
    neighbours = await Neighbours.start();
  });
  afterAll(() => neighbours.stop());

  describe('writes exactly the number of samples asked for', () => {
    it('as a table, under its titles', async () => {
      const { code, stdout, stderr } = await cli(['collect', '--count', '5']);
      const [titles = '', ...rows] = linesOf(stdout);
      expect(titles.trim().split(/ +/)).toEqual([
        'time',
        'cpu',
        'pid',
        'tid',
        'comm',
        'preempt',
        'prev_state',
        'next_tid',
        'next_pid',
        'next_comm',
      ]);
      expect(rows).toHaveLength(5);
      for (const row of rows)
        expect(row).toMatch(/^ +\d+\.\d{6} +\d+ +\d+ +\d+ {2}.+ +[01] {2}[RSDTtXZPI]\+? +\d+ +\d+ {2}.+$/);
      expect(linesOf(stderr)[0]).toMatch(/^cpu +received +lost +bytes +peak ring fill$/);
      if (onlineCpus().length > 1) expect(stderr).toMatch(/^all +5 +0 /m);
      expect(code).toBe(0);
    });

    it('as ndjson, one object on each line, in time order', async () => {
      const { code, stdout } = await cli(['collect', '-n', '500', '-f', 'ndjson']);
      const samples = samplesOf(stdout);
      expect(samples).toHaveLength(500);
      for (const sample of samples) {
        expect(Object.keys(sample).filter((name) => name !== 'late')).toEqual([
          'cpu',
          'type',
          'time',
          'tid',
          'pid',
          'comm',
          'program',
          'preempt',
          'prev_state',
          'next_tid',
          'next_pid',
          'next_comm',
        ]);
        expect([sample.type, typeof sample.cpu, typeof sample.comm]).toEqual(['sample', 'number', 'string']);
      }
      const times = samples.filter((sample) => !('late' in sample)).map(({ time }) => BigInt(time));
      expect(times).toEqual([...times].sort((one, other) => (one < other ? -1 : 1)));
      expect(code).toBe(0);
    });

    it('as raw payloads, each after its length', async () => {
      const { code, stdout } = await cli(['collect', '-n', '50', '-f', 'raw']);
      const size = BUILTIN_PROGRAMS.find(({ name }) => name === 'sched_switch')?.layout.size;
      expect(payloadsOf(stdout).map(({ length }) => length)).toEqual(Array(50).fill(size));
      expect(code).toBe(0);
    });
  });

  it.each([
    [['--wakeup', 'events:1']],
    [['--wakeup', 'bytes:4K']],
    [['--wakeup', 'moderated', '--latency', '5ms']],
    [['--order', 'cpu']],
    [['--buffer-bytes', '1M']],
    [['--memory', '1M']],
  ])('delivers with %j', async (options) => {
    const { code, stdout } = await cli(['collect', '-n', '50', '-f', 'raw', ...options]);
    expect(payloadsOf(stdout)).toHaveLength(50);
    expect(code).toBe(0);
  });

  it('reads only the CPUs asked for', async () => {
    const { stdout, stderr } = await cli(['collect', '-n', '50', '-f', 'ndjson', '--cpus', `${FIRST_CPU}`]);
    expect(new Set(samplesOf(stdout).map(({ cpu }) => cpu))).toEqual(new Set([FIRST_CPU]));
    expect(linesOf(stderr)).toHaveLength(2);
  });

  it('excludes itself, unless an option includes it', async () => {
    const pids = async (...options: string[]): Promise<[Set<number>, number]> => {
      const args = ['collect', '-b', 'sys_enter', '--duration', '500ms', '-f', 'ndjson', '-q', ...options];
      const process = new CliProcess(args).read();
      const { stdout } = await process.finished();
      return [new Set(samplesOf(stdout).map(({ pid }) => pid)), process.pid];
    };
    const [others, itself] = await pids();
    expect([...others]).toEqual(expect.arrayContaining(neighbours.pids));
    expect(others.has(itself)).toBe(false);
    const [all, includedItself] = await pids('--include-self');
    expect([...all]).toEqual(expect.arrayContaining([...neighbours.pids, includedItself]));
  });

  it('samples exactly one system call of one process', async () => {
    // Told to, it makes seven calls of umask, and says so.
    const script =
      "process.stdin.once('data', () => { for (let i = 0; i < 7; i++) process.umask(0o22); console.log('done'); })";
    const observed = spawn(process.execPath, ['-e', script]);
    const filters = ['--pid', `${observed.pid}`, '--syscall', 'umask'];
    const collecting = new CliProcess(['collect', '-b', 'sys_enter', ...filters, '-f', 'ndjson']).read();
    try {
      await collecting.until(() => collecting.isAttached);
      observed.stdin.write('go\n');
      await once(observed.stdout, 'data');
      collecting.child.kill('SIGINT');
      const samples = samplesOf((await collecting.finished()).stdout);
      expect(samples.map(({ pid, syscall }) => [pid, syscall])).toEqual(
        Array(7).fill([observed.pid, 'umask']),
      );
    } finally {
      collecting.kill();
      observed.kill();
    }
  });

  it('writes only samples that meet the filter, and counts them', async () => {
    const filter = `comm.startsWith("no") && record.cpu == ${FIRST_CPU}`;
    const { code, stdout } = await cli(['collect', '-n', '20', '-f', 'ndjson', '--filter', filter]);
    expect(code).toBe(0);
    const samples = samplesOf(stdout).filter(({ type }) => type === 'sample');
    expect(samples).toHaveLength(20);
    for (const { comm, cpu } of samples) expect([comm.slice(0, 2), cpu]).toEqual(['no', FIRST_CPU]);
  });

  it('refuses a filter with a mistake before anything is opened', async () => {
    const { code, stderr } = await cli(['collect', '--filter', 'com == "node"']);
    expect([code, stderr]).toEqual([
      2,
      `perfring: --filter 'com == "node"': there is no field com; did you mean comm?\n`,
    ]);
  });

  describe('several built-in programs', () => {
    /** Collects what `true` does with one argument, in a format. */
    async function output(format: string): Promise<Buffer> {
      const programs = ['-b', 'exec', '-b', 'exit', '-b', 'open'];
      const collecting = new CliProcess(['collect', ...programs, '--comm', 'true', '-f', format]).read();
      await collecting.until(() => collecting.attachedCount === 3);
      spawnSync('true', ['an argument']);
      await pause(50);
      collecting.child.kill('SIGINT');
      const { code, stdout } = await collecting.finished();
      expect(code).toBe(0);
      return stdout;
    }

    it('are one stream of ndjson, told apart by the name of the program', async () => {
      const samples = samplesOf(await output('ndjson'));
      expect(new Set(samples.map(({ program }) => program))).toEqual(new Set(['exec', 'exit', 'open']));
      const fieldsOf = (name: string): string[] =>
        Object.keys(samples.find(({ program }) => program === name) ?? {}).slice(6);
      expect(fieldsOf('exec')).toEqual(['program', 'uid', 'ppid', 'args_size', 'filename', 'args']);
      expect(fieldsOf('exit')).toEqual(['program', 'ppid', 'exit_code', 'signal', 'duration_ns']);
      const exec = samples.find(({ program }) => program === 'exec');
      expect(exec).toMatchObject({ comm: 'true', args: 'true an argument' });
    });

    it('are one table, with the fields by name', async () => {
      const [titles = '', ...rows] = linesOf(await output('table'));
      expect(titles.trim().split(/ +/)).toEqual(['time', 'cpu', 'pid', 'tid', 'comm', 'program', 'fields']);
      expect(
        rows.some((row) => / true +exec +uid=\d+ ppid=\d+ filename=\S+true args=true an argument$/.test(row)),
      ).toBe(true);
      expect(
        rows.some((row) => / true +exit +ppid=\d+ exit_code=0 signal=0 duration_ns=\d+$/.test(row)),
      ).toBe(true);
    });

    it('are raw payloads of their exact lengths', async () => {
      const payloads = payloadsOf(await output('raw'));
      const lengths = payloads.map((payload) => [payload.readUInt32LE(32), payload.length] as const);
      const exec = 5;
      expect(lengths.filter(([number]) => number === exec).map(([, length]) => length)).toContain(
        304 + 'true an argument'.length,
      );
      const sizes = new Map(
        BUILTIN_PROGRAMS.map(({ name, layout }) => [
          layout.fields.find((field) => field.name === 'program')?.values?.[name],
          layout.size,
        ]),
      );
      for (const [number, length] of lengths) if (number !== exec) expect(length).toBe(sizes.get(number));
    });
  });

  it('ends after the duration, with the rings drained', async () => {
    const begin = performance.now();
    const { code, stdout, stderr } = await cli(['collect', '--duration', '300ms', '-f', 'raw']);
    expect(performance.now() - begin).toBeGreaterThan(300);
    expect(code).toBe(0);
    const received = [...stderr.matchAll(/^ *\d+ +([\d,]+) /gm)].map(([, count = '']) =>
      Number(count.replaceAll(',', '')),
    );
    expect(received).toHaveLength(onlineCpus().length);
    for (const count of received) expect(count).toBeGreaterThan(0);
    expect(received.reduce((sum, count) => sum + count, 0)).toBe(payloadsOf(stdout).length);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'ends in order by %s, and nothing stays behind',
    async (signal) => {
      const process = new CliProcess(['collect', '-f', 'ndjson']).read();
      await process.until(() => process.text.includes('\n'));
      const maps = process.mapIds();
      expect(maps).toHaveLength(1);
      process.child.kill(signal);
      const { code, stdout, stderr } = await process.finished();
      expect(code).toBe(0);
      expect(samplesOf(stdout).length).toBeGreaterThan(0);
      expect(stderr).toMatch(/^cpu +received/);
      await gone(maps);
    },
  );

  it('ends normally when the reader closes the pipe', async () => {
    const process = new CliProcess(['collect']);
    const maps: number[] = [];
    process.stdout.once('data', () => {
      maps.push(...process.mapIds());
      process.stdout.destroy();
    });
    const { code, stderr } = await process.finished();
    expect(code).toBe(0);
    expect(stderr).toMatch(/^cpu +received/);
    expect(maps).toHaveLength(1);
    await gone(maps);
  });

  it('ends normally in a pipeline with head, with stderr in the same pipe', () => {
    const { stdout } = spawnSync('sh', ['-c', `"${process.execPath}" "${MAIN}" collect 2>&1 | head -3`]);
    expect(linesOf(stdout)).toHaveLength(3);
  });

  describe('whose output accepts nothing', () => {
    let pipe: FullPipe;
    beforeEach(() => {
      pipe = new FullPipe();
    });
    afterEach(() => pipe.close());

    it('ends at once at a second signal, and leaves nothing open', async () => {
      const process = new CliProcess(['collect'], { stdout: pipe.fd });
      await process.until(() => process.isAttached);
      const maps = process.mapIds();
      process.child.kill('SIGINT');
      await pause(200);
      expect(process.child.exitCode).toBeNull();
      process.child.kill('SIGINT');
      expect((await process.finished()).code).toBe(130);
      await gone(maps);
    });

    it('gives up some time after a signal', async () => {
      const process = new CliProcess(['collect'], { stdout: pipe.fd });
      await process.until(() => process.isAttached);
      const maps = process.mapIds();
      process.child.kill('SIGTERM');
      const { code, stderr } = await process.finished();
      expect(stderr).toBe(
        'perfring: the output accepted nothing for 5 s: the last samples were not written\n',
      );
      expect(code).toBe(1);
      await gone(maps);
    });
  });

  it('leaves nothing open when it is killed', async () => {
    const process = new CliProcess(['collect']).read();
    await process.until(() => process.text.includes('\n'));
    const maps = process.mapIds();
    process.kill();
    await process.finished();
    await gone(maps);
  });

  it.each(['<&-', '2>&-', '</dev/null', '>&-'])('works with %s', (redirection) => {
    const command = `"${process.execPath}" "${MAIN}" collect -n 2 ${redirection}`;
    const { status, stdout } = spawnSync('sh', ['-c', command]);
    expect(status).toBe(0);
    if (redirection !== '>&-') expect(linesOf(stdout)).toHaveLength(3);
  });

  it('writes nothing to stderr with --quiet', async () => {
    expect(await cli(['collect', '-n', '1', '-q'])).toMatchObject({ code: 0, stderr: '' });
  });

  it('escapes control characters in a table, and keeps them in ndjson', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'perfring-names-'));
    const hostile = join(directory, 'a\u001b[2Jb\nc');
    copyFileSync('/bin/true', hostile);
    try {
      const outputs: string[] = [];
      for (const format of ['table', 'ndjson']) {
        const process = new CliProcess(['collect', '-b', 'sched_process_exec', '-f', format]).read();
        const seen = (): boolean => /a(?:\\x1b|\\u001b)\[2Jb/.test(process.text);
        while (!seen()) {
          spawnSync(hostile);
          await pause(20);
        }
        process.child.kill('SIGINT');
        outputs.push((await process.finished()).stdout.toString());
      }
      expect(outputs[0]).toContain('/a\\x1b[2Jb\\nc\n');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
      for (const output of outputs) expect(output).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
      const objects = linesOf(outputs[1] ?? '').map((line) => JSON.parse(line) as { filename: string });
      expect(objects.some(({ filename }) => filename === hostile)).toBe(true);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('has a status line when stderr is a terminal, and colours when stdout is one', () => {
    const command = `"${process.execPath}" "${MAIN}" collect --duration 1s`;
    const { NO_COLOR: _, ...environment } = process.env;
    const on = (env: NodeJS.ProcessEnv) =>
      spawnSync('script', ['-qec', command, '/dev/null'], {
        env: { ...env, TERM: 'xterm' },
      }).stdout.toString();
    const output = on(environment);
    expect(output).toContain('\r\u001b[2K');
    expect(output).toMatch(/[\d.]+ ?[kM]? samples\/s, [^\n]* in total, none lost/);
    expect(output).toContain('\u001b[1m       time  cpu');
    expect(on({ ...environment, NO_COLOR: '1' })).toMatch(/^ {7}time {2}cpu/m);
  });

  it('writes no binary to a terminal', () => {
    const command = `"${process.execPath}" "${MAIN}" collect --format raw`;
    const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null']);
    expect(stdout.toString()).toBe(
      'perfring: --format raw is not written to a terminal: redirect stdout, or give --output FILE\r\n',
    );
    expect(status).toBe(2);
  });

  afterAll(expectNothingLeft);
});
