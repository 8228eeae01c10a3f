import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoNumber } from '../../../lib/abi/errno';
import type { OpenHandles } from '../../../lib/addon/contract';
import { addon } from '../../../lib/addon/load';
import { resolveOptions } from '../../../lib/perf-array/options';
import { type Diagnosis, diagnose } from '../../../lib/doctor/readiness';
import { onlineCpus } from '../../../lib/host/cpu-list';
import { memoryLimit } from '../../../lib/host/memory-limit';
import { expectNothingLeft } from '../../support/ledger';
import { asOrdinaryUser, jsonOf } from '../../support/ordinary-user';
import { describeWith, READER_CAPABILITIES } from '../../support/privilege';

const SUPPORT = join(__dirname, '../../support');
const DOCTOR = ['-r', join(SUPPORT, 'register-typescript.cjs'), join(SUPPORT, 'doctor-main.ts')];
const NOBODY = '65534';

interface Report extends Diagnosis {
  readonly handles: OpenHandles;
}

function run(program: string, args: readonly string[]): Report {
  return JSON.parse(execFileSync(program, args, { encoding: 'utf8' })) as Report;
}

function statusOf(report: Diagnosis, name: string): string {
  const check = report.checks.find((one) => one.name === name);
  return `${check?.status}: ${check?.value}`;
}

afterAll(expectNothingLeft);

describeWith(READER_CAPABILITIES, 'diagnose', () => {
  it('finds this machine ready, and leaves nothing behind', () => {
    const { ready, checks } = diagnose({ dataPageCount: 8 });
    expect(checks.filter((check) => check.needed && check.status === 'missing')).toEqual([]);
    expect(ready).toBe(true);
  });

  describeWith(['CAP_SETUID', 'CAP_SETGID'], 'as a user without capabilities', () => {
    it('names both capabilities, and the command that gives them', () => {
      const report = run(process.execPath, [...DOCTOR, NOBODY]);
      expect(report.ready).toBe(false);
      for (const name of READER_CAPABILITIES) {
        expect(report.checks.find((check) => check.name === name)).toMatchObject({
          status: 'missing',
          needed: true,
          // In quotes if the path of the checkout has a space.
          fix: expect.stringMatching(/^sudo \/\S*node '?\//),
        });
      }
      expect(statusOf(report, 'perf_event_open')).toMatch(/^missing: perf_event_open EACCES: .*CAP_PERFMON/);
      expect(statusOf(report, 'bpf')).toMatch(/^missing: bpf\(BPF_MAP_CREATE\) EPERM: .*CAP_BPF/);
      expect(statusOf(report, 'program')).toMatch(/^note: not tried/);
      expect(Object.values(report.handles)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    });
  });

  describeWith(
    ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'],
    'as a user who may lock so much and no more',
    () => {
      const NOTHING_BEYOND_THE_USERS_ALLOWANCE = ['--memlock=0:0'];
      const asUser = (...holding: string[]): Report => {
        const command = ['prlimit', ...NOTHING_BEYOND_THE_USERS_ALLOWANCE, process.execPath, ...DOCTOR, '-'];
        return jsonOf(asOrdinaryUser(['bpf', 'perfmon'], [...command, ...holding]));
      };
      /** The data pages of a ring that leaves too little locked memory for a collection. */
      const tooMany = (): string => {
        const pageSize = addon().pageSize();
        const allowance = memoryLimit(onlineCpus().length, null).userBytes / pageSize;
        const wanted = onlineCpus().length * (1 + resolveOptions({}, pageSize).dataPageCount);
        return String(2 ** Math.ceil(Math.log2(Math.max(1, allowance - wanted))));
      };

      it('reports that the rings of a collection can be mapped', () => {
        expect(asUser()).toMatchObject({ ready: true });
      });

      it('reports that they cannot be while another ring uses memory, although smaller ones could', () => {
        const report = asUser(tooMany());
        expect(report.ready).toBe(false);
        expect(statusOf(report, 'rings')).toMatch(/^missing: mmap EPERM: .* limit of locked memory/);
        expect(statusOf(report, 'bpf')).toMatch(/^ok/);
        // The ring that was kept open stays mapped until its ArrayBuffer is collected.
        expect(Object.values(report.handles)).toEqual([0, expect.any(Number), 0, 0, 0, 0, 0]);
      });
    },
  );

  describeWith(['CAP_SYS_ADMIN'], 'in a user namespace', () => {
    it('reports that its capabilities do not count, and no other cause', () => {
      const report = run('unshare', ['--user', '--map-root-user', process.execPath, ...DOCTOR]);
      expect(report.ready).toBe(false);
      expect(statusOf(report, 'user namespace')).toMatch(/^note: user:\[\d+\], not the initial one/);
      for (const name of READER_CAPABILITIES) {
        expect(statusOf(report, name)).toMatch(/^missing: .* of this user namespace do not count$/);
      }
      for (const name of ['perf_event_open', 'bpf']) {
        expect(report.checks.find((check) => check.name === name)).toMatchObject({
          status: 'missing',
          value: expect.stringMatching(/ in the initial user namespace; .* do not count/),
          fix: expect.stringMatching(/^sudo docker run --userns=host /),
        });
      }
      expect(JSON.stringify(report.checks)).not.toMatch(/seccomp=unconfined|setcap/);
    });
  });

  describe('under a seccomp filter', () => {
    const PERF_EVENT_OPEN = process.arch === 'arm64' ? 241 : 298;
    const BPF = process.arch === 'arm64' ? 280 : 321;
    let directory: string;

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'perfring-seccomp-'));
      execFileSync('g++', ['-o', join(directory, 'deny-syscall'), join(SUPPORT, 'deny-syscall.cc')]);
    });

    afterAll(() => {
      rmSync(directory, { recursive: true });
    });

    const denying = (syscall: number, errno: string): Report =>
      run(join(directory, 'deny-syscall'), [
        String(syscall),
        String(errnoNumber(errno)),
        process.execPath,
        ...DOCTOR,
      ]);

    it.each(['EPERM', 'ENOSYS'])(
      'tells perf_event_open that is denied with %s from a missing capability',
      (errno) => {
        const report = denying(PERF_EVENT_OPEN, errno);
        expect(report.ready).toBe(false);
        expect(statusOf(report, 'CAP_PERFMON')).toMatch(/^ok/);
        expect(statusOf(report, 'perf_event_open')).toMatch(
          new RegExp(`^missing: perf_event_open ${errno}: .*seccomp`),
        );
        expect(statusOf(report, 'bpf')).toMatch(/^ok/);
        expect(statusOf(report, 'seccomp')).toMatch(/^note: a filter is active/);
        expect(Object.values(report.handles)).toEqual([0, 0, 0, 0, 0, 0, 0]);
      },
    );

    it.each(['EPERM', 'ENOSYS'])('distinguishes bpf denied with %s from a missing capability', (errno) => {
      const report = denying(BPF, errno);
      expect(report.ready).toBe(false);
      expect(statusOf(report, 'CAP_BPF')).toMatch(/^ok/);
      expect(statusOf(report, 'perf_event_open')).toMatch(/^ok/);
      expect(statusOf(report, 'bpf')).toMatch(
        new RegExp(`^missing: bpf\\(BPF_MAP_CREATE\\) ${errno}: .*seccomp`),
      );
      expect(Object.values(report.handles)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    });
  });
});
