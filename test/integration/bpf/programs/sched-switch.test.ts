import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { builtinSamples } from '../../../support/builtin-samples';
import { expectNothingLeft } from '../../../support/ledger';
import { describeWith, READER_CAPABILITIES } from '../../../support/privilege';

afterAll(expectNothingLeft);

describeWith(READER_CAPABILITIES, 'sched_switch', () => {
  it('names the thread that follows: the one that leaves the CPU next', async () => {
    const samples = await builtinSamples('sched_switch', {}, () => {
      for (let round = 0; round < 20; round++) spawnSync('true');
    });
    expect(samples.length).toBeGreaterThan(100);
    // A sandbox may hide the threads of its supervisor from programs: then they are never seen leaving.
    const shown = new Set(samples.map(({ pid }) => pid));
    for (const cpu of new Set(samples.map((sample) => sample.cpu))) {
      const own = samples.filter((sample) => sample.cpu === cpu);
      for (const [index, { next_tid, next_pid, next_comm }] of own.slice(0, -1).entries()) {
        if (!shown.has(next_pid)) continue;
        const { tid, pid, comm } = own[index + 1] ?? {};
        expect([next_tid, next_pid]).toEqual([tid, pid]);
        // A thread that calls execve while it runs has a new name.
        if (comm !== 'true') expect(next_comm).toBe(comm);
      }
    }
  });

  it('tells by a letter why a thread leaves its CPU', async () => {
    const states = async (options: { comm: string }, run: () => unknown): Promise<Set<unknown>> =>
      new Set((await builtinSamples('sched_switch', options, run)).map(({ prev_state }) => prev_state));
    expect(await states({ comm: 'sleep' }, () => spawnSync('sleep', ['0.05']))).toContain('S');
    const dead = await states({ comm: 'true' }, () => spawnSync('true'));
    expect([...dead].filter((state) => state === 'Z' || state === 'X')).toHaveLength(1);
    const stopped = await states({ comm: 'dd' }, async () => {
      const child = spawn('dd', ['if=/dev/zero', 'of=/dev/null', 'bs=1k'], { stdio: 'ignore' });
      await setTimeout(50);
      child.kill('SIGSTOP');
      await setTimeout(50);
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    expect([...stopped]).toEqual(expect.arrayContaining(['T']));
  });

  it('marks threads that are preempted', async () => {
    // More busy threads than CPUs.
    const samples = await builtinSamples('sched_switch', { comm: 'dd' }, async () => {
      const busy = Array.from({ length: 6 }, () =>
        spawn('dd', ['if=/dev/zero', 'of=/dev/null', 'bs=1k'], { stdio: 'ignore' }),
      );
      await setTimeout(300);
      await Promise.all(
        busy.map((child) => {
          child.kill('SIGKILL');
          return once(child, 'exit');
        }),
      );
    });
    const preempted = samples.filter(({ preempt }) => preempt === 1);
    expect(preempted.length).toBeGreaterThan(0);
    for (const { prev_state } of preempted) expect(prev_state).toBe('R+');
  });
});
