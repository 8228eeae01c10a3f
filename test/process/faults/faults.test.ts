import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onlineCpus } from '../../../lib/index';
import { errnoNumber } from '../../../lib/abi/errno';
import { asOrdinaryUser, jsonOf } from '../../support/ordinary-user';
import { describeWith } from '../../support/privilege';
import { SCENE_CAPABILITIES } from '../../support/reader-scene';
import type { FaultTask } from './faults-main';

interface Report {
  readonly outcome: unknown;
  /** What the process held of the kernel that it had not held before. */
  readonly left: string;
}

const NODE = [
  process.execPath,
  '--expose-gc',
  '-r',
  join(__dirname, '../../support/register-typescript.cjs'),
  join(__dirname, 'faults-main.ts'),
];

function command(task: FaultTask): string[] {
  return [...NODE, JSON.stringify(task)];
}

function run(program: string, args: readonly string[]): Report {
  return jsonOf<Report>([program, [...args]]);
}

/** In mounts of its own, changed by shell commands. */
function withMounts(change: string, task: FaultTask): Report {
  return run('unshare', ['--mount', 'sh', '-c', `set -e; ${change}; exec "$@"`, 'sh', ...command(task)]);
}

function expectError(report: Report, code: string, message: RegExp): void {
  expect(report).toEqual({
    outcome: expect.objectContaining({ code, message: expect.stringMatching(message) }),
    left: 'nothing',
  });
}

describeWith(
  [...SCENE_CAPABILITIES, 'CAP_SETUID', 'CAP_SETGID'],
  'opening a reader where something is missing',
  () => {
    it('works here', () => {
      expect(run(NODE[0] as string, command({}).slice(1))).toEqual({ outcome: 'opened', left: 'nothing' });
    });

    it('too many open files, at any of the files', () => {
      const open = (limit: number): Report => run('prlimit', [`--nofile=${limit}:${limit}`, ...command({})]);
      const free = run(NODE[0] as string, command({ ask: 'descriptor' }).slice(1)).outcome as number;
      let more = 1;
      for (let report = open(free + more); report.outcome !== 'opened'; report = open(free + ++more))
        expectError(report, 'EMFILE', /: .*; (raise its limit: |see )ulimit -n/);
      // Two events for each CPU, at the least.
      expect(more).toBeGreaterThan(2 * onlineCpus().length);
    });

    it('no memory for the rings: out of memory, or over the limit', () => {
      const more = 64 << 20;
      const report = run(NODE[0] as string, command({ addresses: more, bufferBytes: 8 * more }).slice(1));
      expectError(report, 'ENOMEM', /^mmap ENOMEM: .* does not fit into memory: take smaller rings/);
    });

    it('rings over the limit of locked memory: the error says how to raise it', () => {
      const [program, args] = asOrdinaryUser(
        ['bpf', 'perfmon'],
        ['prlimit', '--memlock=0:0', ...command({ bufferBytes: 4 << 20 })],
      );
      expectError(
        run(program, args),
        'EPERM',
        /^mmap EPERM: .* kernel\.perf_event_mlock_kb or ulimit -l.* CAP_IPC_LOCK/,
      );
    });

    it('no sysfs: the CPUs are read from /proc', () => {
      const online = onlineCpus();
      const hidden = 'mount -t tmpfs none /sys';
      expect(withMounts(hidden, { ask: 'cpus' }).outcome).toEqual({ online, possible: online });
      expect(withMounts(hidden, {})).toEqual({ outcome: 'opened', left: 'nothing' });
    });

    it('a read-only sysfs is enough', () => {
      const readOnly = 'mount --bind /sys /sys; mount -o remount,bind,ro /sys';
      expect(withMounts(readOnly, { builtin: 'sched_switch' })).toEqual({
        outcome: 'opened',
        left: 'nothing',
      });
    });

    it('no bpf file system: a pinned map does not exist', () => {
      const none = 'mount -t tmpfs none /sys; mkdir -p /sys/fs/bpf';
      expectError(withMounts(none, { pinned: '/sys/fs/bpf/map' }), 'ENOENT', /nothing is pinned there/);
    });

    it('a path in another file system is not a pin', () => {
      expectError(
        run(NODE[0] as string, command({ pinned: '/etc/passwd' }).slice(1)),
        'EACCES',
        /not in a bpf file system/,
      );
    });

    it('no tracefs: the error of the program that needs it names the command that mounts it', () => {
      const report = run(...asOrdinaryUser(['bpf', 'perfmon'], command({ builtin: 'sched_process_exec' })));
      expect(report).toEqual({
        outcome: expect.objectContaining({
          syscall: 'open',
          message: expect.stringMatching(/tracefs.* run this once as root: mount /),
        }),
        left: 'nothing',
      });
    });

    describe('under a seccomp filter', () => {
      const PERF_EVENT_OPEN = process.arch === 'arm64' ? 241 : 298;
      const BPF = process.arch === 'arm64' ? 280 : 321;
      let directory = '';
      beforeAll(() => {
        directory = mkdtempSync(join(tmpdir(), 'perfring-faults-'));
        execFileSync('g++', [
          '-o',
          join(directory, 'deny'),
          join(__dirname, '../../support/deny-syscall.cc'),
        ]);
      });
      afterAll(() => rmSync(directory, { recursive: true }));

      it.each<[string, number, string, RegExp]>([
        ['bpf', BPF, 'EPERM', /^bpf\(BPF_MAP_CREATE\) EPERM: .*seccomp/],
        ['bpf', BPF, 'ENOSYS', /^bpf\(BPF_MAP_CREATE\) ENOSYS: .*seccomp/],
        ['perf_event_open', PERF_EVENT_OPEN, 'EPERM', /^perf_event_open EPERM: .*seccomp/],
        ['perf_event_open', PERF_EVENT_OPEN, 'ENOSYS', /^perf_event_open ENOSYS: .*seccomp/],
      ])('that denies %s (%i) with %s', (_, number, errno, message) => {
        const report = run(join(directory, 'deny'), [
          String(number),
          String(errnoNumber(errno)),
          ...command({}),
        ]);
        expectError(report, errno, message);
      });
    });
  },
);
