import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { builtinSamples } from '../../../support/builtin-samples';
import { expectNothingLeft } from '../../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../../support/privilege';

afterAll(expectNothingLeft);

describeWith(READER_CAPABILITIES, 'exit', () => {
  it('tells the exit code, the parent and how long the process lived', async () => {
    let pid = 0;
    const begin = process.hrtime.bigint();
    const samples = await builtinSamples('exit', { comm: 'sh' }, () => {
      ({ pid } = spawnSync('sh', ['-c', 'sleep 0.05; exit 42']));
    });
    const took = process.hrtime.bigint() - begin;
    const [sample] = samples.filter((one) => one.pid === pid);
    expect(sample).toMatchObject({ ppid: process.pid, exit_code: 42, signal: 0, program: 'exit' });
    expect(sample?.duration_ns).toBeGreaterThan(50_000_000n);
    expect(sample?.duration_ns).toBeLessThan(took);
  });

  it('tells the signal that ended the process', async () => {
    let pid: number | undefined;
    const samples = await builtinSamples('exit', { comm: 'sleep' }, async () => {
      const child = spawn('sleep', ['60']);
      await once(child, 'spawn');
      ({ pid } = child);
      // The child has its name from execve on.
      await setTimeout(50);
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    expect(samples.filter((one) => one.pid === pid)).toMatchObject([{ exit_code: 0, signal: 9 }]);
  });

  it('samples a process once, however many threads it has, and no thread of a process that goes on', async () => {
    let pid: number | undefined;
    const samples = await builtinSamples('exit', {}, async () => {
      ({ pid } = spawnSync(process.execPath, ['-e', '']));
      const worker = new Worker('', { eval: true });
      await once(worker, 'exit');
    });
    expect(samples.filter((one) => one.pid === pid)).toHaveLength(1);
    expect(samples.filter((one) => one.pid === process.pid)).toEqual([]);
  });
});
