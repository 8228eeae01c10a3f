import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { builtinSamples } from '../../../support/builtin-samples';
import { expectNothingLeft } from '../../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../../support/privilege';

afterAll(expectNothingLeft);

const OWN = { tgid: process.pid };

describeWith(READER_CAPABILITIES, 'the programs of system calls', () => {
  let fd: number;

  beforeAll(() => {
    fd = openSync('/dev/null', 'w');
  });

  afterAll(() => closeSync(fd));

  it('sys_enter tells the name and the arguments', async () => {
    const samples = await builtinSamples('sys_enter', { ...OWN, syscall: 'write' }, () => {
      writeSync(fd, 'x'.repeat(1234));
    });
    expect(new Set(samples.map(({ syscall }) => syscall))).toEqual(new Set(['write']));
    const [sample] = samples.filter(({ args }) => args[0] === BigInt(fd) && args[2] === 1234n);
    expect(sample).toMatchObject({ tid: process.pid, program: 'sys_enter', uid: process.getuid?.() });
    // The second argument is an address of this process.
    expect(sample?.args[1]).toBeGreaterThan(0xffffn);
  });

  it('sys_exit tells the result, and the arguments as well', async () => {
    const samples = await builtinSamples('sys_exit', { ...OWN, syscall: 'write' }, () => {
      writeSync(fd, 'x'.repeat(4321));
    });
    const [sample] = samples.filter(({ args }) => args[0] === BigInt(fd));
    expect(sample).toMatchObject({ syscall: 'write', ret: 4321n, program: 'sys_exit' });
    expect(sample?.args[2]).toBe(4321n);
  });

  it('sys_exit tells an error as a negative errno', async () => {
    const samples = await builtinSamples('sys_exit', { comm: 'cat', syscall: 'openat' }, () =>
      spawnSync('cat', ['/no/such/file']),
    );
    expect(samples.map(({ ret }) => ret)).toContain(-2n);
  });

  it('sys_exit tells how long a call took', async () => {
    let pid = 0;
    const begin = process.hrtime.bigint();
    const samples = await builtinSamples('sys_exit', { comm: 'sleep', syscall: 'clock_nanosleep' }, () => {
      ({ pid } = spawnSync('sleep', ['0.07']));
    });
    const took = process.hrtime.bigint() - begin;
    const latencies = samples.filter((sample) => sample.pid === pid).map(({ latency_ns }) => latency_ns);
    expect(latencies).toHaveLength(1);
    expect(latencies[0]).toBeGreaterThanOrEqual(70_000_000n);
    expect(latencies[0]).toBeLessThan(took);
  });

  it('sys_exit has no latency for a call that began before', async () => {
    const cat = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(cat, 'spawn');
    await setTimeout(100);
    const samples = await builtinSamples(
      'sys_exit',
      { tgid: cat.pid as number, syscall: 'read' },
      async () => {
        cat.stdin.write('a');
        await setTimeout(100);
        cat.stdin.end('b');
        await once(cat, 'exit');
      },
    );
    expect(samples.map(({ ret, latency_ns }) => [ret, latency_ns > 0n])).toEqual([
      [1n, false],
      [1n, true],
      [0n, true],
    ]);
  });

  it('take a call by its number as well', async () => {
    const number = process.arch === 'arm64' ? 64 : 1;
    const samples = await builtinSamples('sys_exit', { ...OWN, syscall: number }, () => writeSync(fd, 'x'));
    expect(new Set(samples.map(({ syscall }) => syscall))).toEqual(new Set(['write']));
  });
});
