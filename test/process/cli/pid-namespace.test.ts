import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';
import { type CliResult, cli, linesOf, MAIN } from './cli-process';

interface Sample {
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
  readonly old_pid?: number;
  readonly program?: string;
  readonly ppid?: number;
  readonly next_pid?: number;
}

const COMMAND = `"${process.execPath}" "${MAIN}"`;
/** A process that makes system calls all the time. */
const BUSY = `"${process.execPath}" -e 'setInterval(() => require("fs").statSync("/"), 1)'`;

/** Runs a script as the first process of a PID namespace with a /proc of its own. */
async function inPidNamespace(script: string): Promise<CliResult> {
  const child = spawn('unshare', ['--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(stdout), stderr };
}

async function samplesIn(script: string): Promise<Sample[]> {
  const { code, stdout, stderr } = await inPidNamespace(script);
  expect([code, stderr]).toEqual([0, '']);
  const objects = linesOf(stdout).map((line) => JSON.parse(line) as Sample & { readonly type: string });
  // On a machine under load samples may be lost.
  return objects.filter(({ type }) => type === 'sample');
}

describeWith([...READER_CAPABILITIES, 'CAP_SYS_ADMIN'], 'perfring collect in a PID namespace', () => {
  it('excludes itself, and shows process ids of the namespace, 0 for processes outside', async () => {
    const collect = `${COMMAND} collect -b sys_enter -d 700ms -f ndjson -q`;
    const all = await samplesIn(`exec ${collect} --include-self`);
    expect(all.some(({ pid, tid }) => pid === 1 && tid === 1)).toBe(true);
    const others = await samplesIn(`exec ${collect}`);
    expect(others.filter(({ pid }) => pid === 1)).toEqual([]);
    for (const { pid, tid } of others) expect([pid, tid]).toEqual([0, 0]);
  });

  it('samples a process by its id in the namespace', async () => {
    const samples = await samplesIn(
      `${BUSY} & ${COMMAND} collect -b sys_enter --pid $! -n 50 -f ndjson -q; kill $!`,
    );
    expect(samples).toHaveLength(50);
    for (const { pid, tid, comm } of samples) {
      expect(pid).toBe(2);
      expect(tid).toBeGreaterThanOrEqual(2);
      expect(comm).not.toBe('');
    }
  });

  it('samples a process in a nested namespace', async () => {
    const samples = await samplesIn(`
      unshare --pid --fork --kill-child ${BUSY} & outer=$!
      until nested=$(cat /proc/$outer/task/$outer/children) && [ -n "$nested" ]; do :; done
      ${COMMAND} collect -b sys_enter --pid $nested -n 20 -f ndjson -q; kill $outer`);
    expect(samples).toHaveLength(20);
    const [{ pid = 0 } = {}] = samples;
    expect(pid).toBeGreaterThan(2);
    for (const sample of samples) expect(sample).toMatchObject({ pid, tid: 0 });
  });

  it('shows the ids of parents, and of threads that follow', async () => {
    const samples = await samplesIn(`
      while :; do /bin/true; done & loop=$!
      ${COMMAND} collect -b exec -b exit -b sched_switch --comm true -n 60 -f ndjson -q; kill $loop`);
    const of = (name: string) => samples.filter(({ program, pid }) => program === name && pid > 0);
    for (const name of ['exec', 'exit']) {
      expect(of(name).length).toBeGreaterThan(0);
      // The loop is the second process of the namespace.
      for (const { ppid } of of(name)) expect(ppid).toBe(2);
    }
    // A thread outside the namespace has no id in it.
    const next = of('sched_switch').map(({ next_pid }) => next_pid);
    expect(next.some((pid) => pid === 0 || pid === 1 || pid === 2)).toBe(true);
    for (const pid of next) expect(pid).toBeLessThan(process.pid);
  });

  it('shows the ids of programs that start', async () => {
    const samples = await samplesIn(`
      while :; do /bin/true; done & loop=$!
      ${COMMAND} collect -b sched_process_exec -n 20 -f ndjson -q; kill $loop`);
    const inside = samples.filter(({ comm, pid }) => comm === 'true' && pid > 0);
    expect(inside.length).toBeGreaterThan(0);
    for (const { pid, tid, old_pid } of inside) expect([tid, old_pid]).toEqual([pid, pid]);
  });

  it('refuses the id of a process that does not exist in the namespace', async () => {
    const { code, stderr } = await inPidNamespace(
      `${COMMAND} collect -d 1s --pid ${process.pid + 100_000}; exit $?`,
    );
    expect(stderr).toMatch(/^perfring: there is no process \d+ in the PID namespace of this process, .*\n$/);
    expect(code).toBe(1);
  });
});

describeWith(READER_CAPABILITIES, 'perfring collect --pid', () => {
  it('refuses a process that does not exist', async () => {
    const gone = Number(execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }));
    expect(await cli(['collect', '-d', '1s', '--pid', String(gone)])).toMatchObject({
      code: 1,
      stderr: `perfring: there is no process ${gone}\n`,
    });
  });

  it('refuses a thread, and names its process', async () => {
    const thread = readdirSync('/proc/self/task').find((tid) => tid !== String(process.pid));
    expect(await cli(['collect', '-d', '1s', '--pid', String(thread)])).toMatchObject({
      code: 1,
      stderr: `perfring: ${thread} is a thread of process ${process.pid}; give the number of the process\n`,
    });
  });
});

describeWith(
  [...READER_CAPABILITIES, 'CAP_SYS_ADMIN'],
  'perfring collect without the types of the kernel',
  () => {
    /** Runs a command where /sys/kernel/btf is empty. */
    const collect = (options: string) => {
      const hidden = `mount -t tmpfs none /sys/kernel/btf && exec ${COMMAND} collect ${options}`;
      return spawnSync('unshare', ['--mount', 'sh', '-c', hidden], { encoding: 'utf8' });
    };

    it.each(['exec', 'exit', 'accept', 'block_io'])('refuses %s, in one line', (name) => {
      const { status, stdout, stderr } = collect(`-b ${name} -n 1`);
      expect(stderr).toMatch(
        new RegExp(
          `^perfring: the built-in program ${name} needs the kernel's types: /sys/kernel/btf/vmlinux .*\\n$`,
        ),
      );
      expect([status, stdout]).toEqual([1, '']);
    });

    it('runs the others, and knows no thread that follows', () => {
      for (const name of ['sys_enter', 'sys_exit', 'open', 'sched_process_exec', 'connect']) {
        expect(collect(`-b ${name} -d 100ms -q`)).toMatchObject({ status: 0, stderr: '' });
      }
      const { stdout } = collect('-b sched_switch -n 20 -f ndjson -q');
      const samples = linesOf(stdout).map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(samples).toHaveLength(20);
      for (const sample of samples) {
        expect(sample).toMatchObject({ next_tid: 0xffff_ffff, next_pid: 0xffff_ffff, next_comm: '' });
        expect(sample['prev_state']).toMatch(/^[RSDTtXZPI]\+?$/);
      }
    });
  },
);
