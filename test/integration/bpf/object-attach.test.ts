import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pid } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { PERF_COUNT_SW_CPU_CLOCK, PERF_TYPE_SOFTWARE } from '../../../lib/abi/perf-event';
import { BpfObject } from '../../../lib/bpf/bpf-object';
import type { AttachTarget } from '../../../lib/bpf/attach-target';
import { onlineCpus } from '../../../lib/host/cpu-list';
import { MmapRingStorage } from '../../../lib/storage/mmap-ring-storage';
import { objectPath } from '../../support/bpf-objects';
import { expectNothingLeft } from '../../support/ledger';
import { describeWith } from '../../support/privilege';
import { describeWithPrograms } from '../../support/programs';
import { codeOf, messageOf } from '../../support/ring-errors';
import { until } from '../../support/until';

afterAll(expectNothingLeft);

/** How often the programs of the object have run. */
function runsOf(object: BpfObject): number {
  const value = object.map('many.bss').lookup(new Uint8Array(4)) as Uint8Array;
  return Number(new DataView(value.buffer).getBigUint64(0, true));
}

/** Runs a shell, which calls getppid(2) when it starts. */
function runShell(): void {
  execFileSync('sh', ['-c', ':']);
}

async function sendOnLoopback(): Promise<void> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.send('hello', socket.address().port, '127.0.0.1');
  await once(socket, 'message');
  socket.close();
}

describeWithPrograms('FOR_OBJECTS', 'BpfObject.attach', () => {
  describeWith(['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN', 'CAP_NET_ADMIN'], 'as root', () => {
    let object: BpfObject;
    let cgroup: string;

    beforeAll(async () => {
      object = BpfObject.open(objectPath('many'));
      await object.load();
      cgroup = mkdtempSync(join(tmpdir(), 'perfring-cgroup-'));
      execFileSync('mount', ['-t', 'cgroup2', 'none', cgroup]);
    });

    afterAll(() => {
      object.close();
      execFileSync('umount', [cgroup]);
      rmdirSync(cgroup);
    });

    /** For each program the target that it needs, and an action that makes it run. */
    const cases: [string, () => AttachTarget, () => unknown][] = [
      ['on_exec', () => ({}), runShell],
      ['on_exec', () => ({ tracepoint: 'sys_exit' }), getPriority],
      ['on_sys_enter', () => ({}), getPriority],
      ['on_switch', () => ({}), runShell],
      ['on_tracepoint', () => ({}), runShell],
      ['on_tracepoint', () => ({ tracepoint: 'sched/sched_switch' }), runShell],
      ['on_getppid', () => ({}), runShell],
      ['on_getppid', () => ({ symbol: 'getpriority' }), getPriority],
      ['on_getppid_return', () => ({}), runShell],
      ['on_uprobe', () => ({ path: 'libc.so.6', symbol: 'getpriority', pid }), getPriority],
      ['on_packet', () => ({ networkInterface: 'lo' }), sendOnLoopback],
      ['on_tc', () => ({ networkInterface: 'lo', direction: 'egress' }), sendOnLoopback],
      ['on_tc', () => ({ networkInterface: 'lo', direction: 'ingress' }), sendOnLoopback],
      ['on_egress', () => ({ cgroup }), sendOnLoopback],
      ['on_socket', () => ({ cgroup }), sendOnLoopback],
    ];

    it.each(cases)('runs %s until it is closed', async (program, target, cause) => {
      const before = runsOf(object);
      const link = object.attach(program, target());
      expect(link.program).toBe(program);
      await cause();
      expect(runsOf(object)).toBeGreaterThan(before);
      link.close();
      link.close();
      expect(link.closed).toBe(true);
      await untilNoneRuns(cause);
    });

    /** Waits until no program runs: one may still run on another CPU, and a uprobe is detached with a delay. */
    async function untilNoneRuns(cause: () => unknown): Promise<void> {
      for (let round = 0; round < 100; round++) {
        const before = runsOf(object);
        await cause();
        if (runsOf(object) === before) return;
        await pause(10);
      }
      throw new Error('the program runs on');
    }

    it('runs a program on a perf event of ours', async () => {
      const [cpu = 0] = onlineCpus();
      const attributes = {
        type: PERF_TYPE_SOFTWARE,
        config: PERF_COUNT_SW_CPU_CLOCK,
        sample_period: 1_000_000,
      };
      using storage = MmapRingStorage.open({ cpu, dataPageCount: 1, attributes });
      const before = runsOf(object);
      using link = object.attach('on_perf_event', { event: storage.event });
      storage.event.enable();
      await until(() => runsOf(object) > before, 'a sample of the clock');
      expect(link.closed).toBe(false);
    });

    it('runs a program on a USDT probe', async () => {
      using usdt = BpfObject.open(objectPath('usdt'));
      await usdt.load();
      const link = usdt.attach('on_throw');
      expect(codeOf(() => link.pin('/nowhere'))).toBe('ERR_PERF_NOT_SUPPORTED');
    });

    it('reads an iterator', () => {
      const pids = Buffer.from(object.readIterator('list_tasks')).toString().trim().split('\n');
      expect(pids).toContain(String(pid));
      expect(codeOf(() => object.readIterator('on_exec'))).toBe('ERR_PERF_INVALID_ARGUMENT');
    });

    it('detaches everything when the object is closed', async () => {
      const other = BpfObject.open(objectPath('many'));
      await other.load({ only: ['on_sys_enter', 'on_getppid', 'on_tracepoint'] });
      const links = ['on_sys_enter', 'on_getppid', 'on_tracepoint'].map((name) => other.attach(name));
      other.close();
      expect(links.map((link) => link.closed)).toEqual([true, true, true]);
    });

    it.each<[string, AttachTarget, string]>([
      ['on_exec', { tracepoint: 'no_such' }, 'ERR_PERF_TRACEPOINT_UNKNOWN'],
      ['on_exec', { tracepoint: 5 as never }, 'ERR_PERF_INVALID_ARGUMENT'],
      ['on_exec', { path: 'libc.so.6' }, 'ERR_PERF_INVALID_OPTION'],
      ['on_exec', null as never, 'ERR_PERF_INVALID_OPTION'],
      ['on_switch', { tracepoint: 'x' }, 'ERR_PERF_INVALID_OPTION'],
      ['on_switch', 5 as never, 'ERR_PERF_INVALID_OPTION'],
      ['on_tracepoint', { tracepoint: 'sched_switch' }, 'ERR_PERF_TRACEPOINT_UNKNOWN'],
      ['on_uprobe', {}, 'ERR_PERF_INVALID_OPTION'],
      ['on_uprobe', { path: 'libc.so.6' }, 'ERR_PERF_INVALID_OPTION'],
      ['on_uprobe', { path: 'libnothing.so.9', symbol: 'x' }, 'ENOENT'],
      ['on_uprobe', { path: '/etc/passwd', symbol: 'x' }, 'ERR_PERF_OBJECT_DAMAGED'],
      ['on_uprobe', { path: 'libc.so.6', symbol: 'no_such_function' }, 'ENOENT'],
      ['on_uprobe', { path: 'libc.so.6', symbol: 'getppid', pid: 0 }, 'ERR_PERF_INVALID_OPTION'],
      ['on_uprobe', { path: 'libc.so.6', symbol: 'getppid', pid: 2 ** 22 + 5 }, 'ERR_PERF_NO_SUCH_PROCESS'],
      ['on_uprobe', { path: 'libc.so.6', offset: -1 }, 'ERR_PERF_INVALID_OPTION'],
      ['on_packet', {}, 'ERR_PERF_INVALID_OPTION'],
      ['on_packet', { networkInterface: 'nosuch0' }, 'ERR_PERF_INVALID_OPTION'],
      ['on_packet', { networkInterface: 'longer than a name can be' }, 'ERR_PERF_INVALID_OPTION'],
      ['on_tc', { networkInterface: 'lo' }, 'ERR_PERF_INVALID_OPTION'],
      ['on_egress', { cgroup: '/no/such/group' }, 'ENOENT'],
      ['on_egress', { cgroup: tmpdir() }, 'EBADF'],
      ['on_perf_event', {}, 'ERR_PERF_INVALID_OPTION'],
      ['on_perf_event', { event: {} as never }, 'ERR_PERF_INVALID_OPTION'],
      ['on_kprobe', {}, 'ERR_PERF_NOT_LOADED'],
      ['nope', {}, 'ERR_PERF_INVALID_ARGUMENT'],
    ])('refuses to attach %s to %p', (program, target, code) => {
      expect(codeOf(() => object.attach(program, target))).toBe(code);
    });

    // Features that many kernels lack: either the program runs, or the error says what the kernel lacks.
    it.each([
      ['on_kprobe', 'kprobes', /^ENOENT: .*no kprobes \(CONFIG_KPROBES\)/],
      ['on_kretprobe', 'kretprobes', /^ENOENT: .*no kprobes \(CONFIG_KPROBES\)/],
      ['on_ksyscall', 'ksyscalls', /^ENOENT: .*no kprobes \(CONFIG_KPROBES\)/],
      ['on_fentry', 'fentries', /^EPERM: .*no BPF trampolines/],
      ['on_fexit', 'fexits', /^EPERM: .*no BPF trampolines/],
      ['on_lsm', 'lsms', /^EPERM: .*no BPF LSM/],
    ])('runs %s, or says what the kernel lacks', async (program, count, lacking) => {
      using other = BpfObject.open(objectPath('kernel'));
      const outcome = await (async () => {
        try {
          await other.load({ only: [program] });
          other.attach(program);
        } catch (error) {
          const { code, message } = error as { code: string; message: string };
          return `${code}: ${message}`;
        }
        execFileSync('sleep', ['0.01']);
        return other.get(count) === 0n ? 'attached, and did not run' : 'ran';
      })();
      if (outcome !== 'ran') expect(outcome).toMatch(lacking);
    });

    it('says that it attaches no programs of a section', async () => {
      using other = BpfObject.open(objectPath('refused'));
      await other.load({ only: ['not_attachable', 'on_nothing'] });
      expect(messageOf(() => other.attach('not_attachable'))).toMatch(/section sk_lookup/);
      expect(codeOf(() => other.attach('on_nothing'))).toBe('ERR_PERF_TRACEPOINT_UNKNOWN');
    });
  });
});
