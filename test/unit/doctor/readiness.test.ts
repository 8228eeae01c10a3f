import { errnoNumber } from '../../../lib/abi/errno';
import type { NativeAddon } from '../../../lib/addon/contract';
import { withAddon } from '../../../lib/addon/load';
import { resolveOptions } from '../../../lib/perf-array/options';
import type { Check } from '../../../lib/doctor/check';
import { type Diagnosis, diagnoseHost } from '../../../lib/doctor/readiness';
import { HOST_PATHS, type HostPaths } from '../../../lib/host/host-paths';
import { onlineCpus } from '../../../lib/host/cpu-list';
import { FakeHost } from '../../support/fake-host';
import { answers, fakeNative } from '../../support/fake-native';

const HANDLE = {};

/** An addon on a machine where everything works, except the functions that a test replaces. */
function machine(functions: Partial<Record<keyof NativeAddon, unknown>> = {}) {
  const closed: string[] = [];
  const closing = (kind: string) => () => {
    closed.push(kind);
    return 0;
  };
  const native = fakeNative({
    pageSize: () => 4096,
    tracepointId: () => 300,
    perfEventOpen: () => HANDLE,
    perfEventClose: closing('event'),
    ringMap: () => HANDLE,
    ringClose: closing('ring'),
    bpfMapCreate: (type: number, keySize: number, valueSize: number, maxEntries: number) => {
      Object.assign(HANDLE, { type, id: 1, keySize, valueSize, maxEntries, flags: 0, name: '' });
      return HANDLE;
    },
    bpfMapInfo: () => HANDLE,
    bpfMapFd: () => 3,
    bpfMapSetEvent: () => 0,
    bpfMapClose: closing('map'),
    bpfProgramLoad: () => HANDLE,
    bpfProgramClose: closing('program'),
    bpfRawTracepointOpen: () => HANDLE,
    bpfLinkClose: closing('link'),
    ...functions,
  });
  return { closed, native };
}

interface Machine {
  readonly native: NativeAddon | Error;
  readonly paths?: HostPaths;
  readonly dataPageCount?: number;
}

const diagnoseOn = ({ native, paths = HOST_PATHS, ...options }: Machine): Diagnosis =>
  withAddon(native, () => diagnoseHost(options, paths));

const check = (diagnosis: Diagnosis, name: string) => diagnosis.checks.find((one) => one.name === name);

describe('diagnose', () => {
  it('is ready when a collection works, and has closed it', () => {
    const { closed, native } = machine();
    const diagnosis = diagnoseOn({ native });
    expect(diagnosis.ready).toBe(true);
    expect([...new Set(closed)].sort()).toEqual(['event', 'link', 'map', 'program', 'ring']);
  });

  it('has one line for each check, with a command when something is missing', () => {
    const { checks } = diagnoseOn({ native: machine().native });
    expect(checks.map((one) => one.name)).toEqual([
      'kernel',
      'architecture',
      'addon',
      'user namespace',
      'PID namespace',
      'CAP_BPF',
      'CAP_PERFMON',
      'CAP_IPC_LOCK',
      'CAP_SYS_ADMIN',
      'perf_event_paranoid',
      'unprivileged_bpf_disabled',
      'locked memory',
      'largest ring',
      'BTF',
      'tracefs',
      'bpffs',
      'seccomp',
      'lockdown',
      'CPUs possible',
      'CPUs online',
      'perf_event_open',
      'rings',
      'bpf',
      'program',
    ]);
    for (const { value, fix } of checks) {
      expect(value).not.toMatch(/\n/);
      if (fix !== undefined) expect(fix).toMatch(/^(sudo )?\w/);
    }
  });

  it('is not ready without the addon, and says how to build it', () => {
    const diagnosis = diagnoseOn({ native: new Error('no such file') });
    expect(diagnosis.ready).toBe(false);
    expect(check(diagnosis, 'addon')).toMatchObject({
      status: 'missing',
      value: 'no such file',
      fix: 'npm run build:addon',
    });
    expect(check(diagnosis, 'program')).toBeUndefined();
  });

  it.each([
    ['perfEventOpen', 'EACCES', 'perf_event_open', /CAP_PERFMON/, ['rings']],
    [
      'perfEventOpen',
      'EPERM',
      'perf_event_open',
      /EPERM: an event on CPU \d+: forbidden although .* a security module denies it/,
      ['rings'],
    ],
    ['perfEventOpen', 'ENOSYS', 'perf_event_open', /seccomp/, ['rings']],
    ['perfEventOpen', 'EMFILE', 'perf_event_open', /EMFILE/, ['rings']],
    ['ringMap', 'EPERM', 'rings', /limit of locked memory/, []],
    ['bpfMapCreate', 'EPERM', 'bpf', /CAP_BPF/, ['program']],
    ['bpfMapCreate', 'ENOSYS', 'bpf', /seccomp/, ['program']],
    ['bpfProgramLoad', 'EPERM', 'program', /CAP_/, []],
    ['bpfRawTracepointOpen', 'EPERM', 'program', /CAP_/, []],
  ] as const)(
    'is not ready when %s answers %s, and tries nothing that builds on it',
    (call, errno, name, why, untried) => {
      const { closed, native } = machine({ [call]: answers(errno) });
      const diagnosis = diagnoseOn({ native });
      expect(diagnosis.ready).toBe(false);
      expect(check(diagnosis, name)).toMatchObject({
        status: 'missing',
        needed: true,
        value: expect.stringMatching(why),
      });
      expect(
        diagnosis.checks.filter((one) => one.value.startsWith('not tried')).map((one) => one.name),
      ).toEqual(untried);
      expect(closed.includes('map')).toBe(call !== 'bpfMapCreate');
    },
  );

  it('has rings of the size asked for in the trial', () => {
    const ringMap = jest.fn((_event: unknown, _dataPageCount: number) => -errnoNumber('EPERM'));
    diagnoseOn({ native: machine({ ringMap }).native, dataPageCount: 256 });
    expect(ringMap.mock.calls[0]?.[1]).toBe(256);
  });

  it('has rings of the size of a collection in it unless one is asked for', () => {
    const ringMap = jest.fn((_event: unknown, _dataPageCount: number) => HANDLE);
    diagnoseOn({ native: machine({ ringMap }).native });
    const { dataPageCount } = resolveOptions({}, 4096);
    expect(ringMap.mock.calls.map(([, pages]) => pages)).toEqual(onlineCpus().map(() => dataPageCount));
  });

  it('opens as many events in it as a collection, and closes all', () => {
    const { closed, native } = machine();
    diagnoseOn({ native });
    expect(closed.filter((kind) => kind === 'event')).toHaveLength(2 * onlineCpus().length);
  });

  describe('has a command against', () => {
    const MAY_EVERYTHING = 'ffffffffff';
    let host: FakeHost;
    beforeEach(() => {
      host = new FakeHost();
      host.write('sys/devices/system/cpu/online', '0-1\n');
    });
    afterEach(() => host.remove());

    /** A process with these capabilities, any of which it can gain, with or without a seccomp filter. */
    const processWith = (effective: string, seccomp: 0 | 2): void =>
      host.write(
        'proc/self/status',
        `CapEff:\t${effective}\nCapBnd:\t${MAY_EVERYTHING}\nSeccomp:\t${seccomp}\n`,
      );
    const found = (call: keyof NativeAddon, errno: string, name: string): Check | undefined =>
      check(diagnoseOn({ paths: host.paths, native: machine({ [call]: answers(errno) }).native }), name);

    it.each([
      ['perfEventOpen', 'EACCES', 'perf_event_open'],
      ['bpfMapCreate', 'EPERM', 'bpf'],
      ['bpfProgramLoad', 'EPERM', 'program'],
    ] as const)('%s that answers %s for want of a capability', (call, errno, name) => {
      processWith('0', 0);
      // The fix is not setcap on node, which would give the capabilities to every script.
      expect(found(call, errno, name)?.fix).toMatch(/^(?:sudo )?\/\S*node\S* /);
    });

    it('a seccomp filter, and not against another cause', () => {
      processWith(MAY_EVERYTHING, 2);
      const fix = 'docker run --security-opt seccomp=unconfined …';
      expect(found('perfEventOpen', 'EPERM', 'perf_event_open')).toMatchObject({ fix });
      expect(found('bpfMapCreate', 'ENOSYS', 'bpf')).toMatchObject({ fix });
      expect(found('perfEventOpen', 'EBUSY', 'perf_event_open')).not.toHaveProperty('fix');
      processWith(MAY_EVERYTHING, 0);
      expect(found('perfEventOpen', 'EPERM', 'perf_event_open')).not.toHaveProperty('fix');
    });

    it("Ubuntu's level of perf_event_paranoid, which CAP_PERFMON may not be enough for", () => {
      host.write('proc/sys/kernel/perf_event_paranoid', '4\n');
      processWith('c000004000', 0);
      expect(found('perfEventOpen', 'EACCES', 'perf_event_open')?.fix).toMatch(
        /sysctl kernel.perf_event_paranoid=2$/,
      );
      expect(found('perfEventOpen', 'EACCES', 'perf_event_paranoid')).toMatchObject({
        status: 'note',
        value: expect.stringMatching(/^4: above 2, kernels of Debian and Ubuntu need CAP_SYS_ADMIN/),
      });
      processWith(MAY_EVERYTHING, 0);
      expect(found('perfEventOpen', 'EACCES', 'perf_event_paranoid')).toMatchObject({ status: 'ok' });
    });

    it('capabilities of a user namespace, and not against a filter', () => {
      processWith(MAY_EVERYTHING, 2);
      host.link('proc/self/ns/user', 'user:[4026532000]');
      const fix = 'sudo docker run --userns=host --cap-add=BPF --cap-add=PERFMON --cap-add=IPC_LOCK …';
      expect(found('bpfMapCreate', 'EPERM', 'CAP_BPF')).toMatchObject({ status: 'missing', fix });
      expect(found('bpfMapCreate', 'EPERM', 'bpf')).toMatchObject({ status: 'missing', fix });
      expect(found('bpfMapCreate', 'EPERM', 'user namespace')).toMatchObject({
        status: 'note',
        value: expect.stringMatching(/^user:\[4026532000\], not the initial one/),
      });
    });

    it('too few descriptors', () => {
      processWith(MAY_EVERYTHING, 0);
      expect(found('perfEventOpen', 'EMFILE', 'perf_event_open')?.fix).toMatch(
        /prlimit --pid \$\$ --nofile=/,
      );
    });

    it('a limit of locked memory that allows only smaller rings than the default', () => {
      processWith('0', 0);
      host.write('proc/sys/kernel/perf_event_mlock_kb', '260\n');
      host.write('proc/sys/kernel/perf_event_paranoid', '2\n');
      host.write('proc/self/limits', 'Max locked memory         0   0   bytes\n');
      const { native } = machine();
      const { paths } = host;
      expect(check(diagnoseOn({ paths, native, dataPageCount: 64 }), 'largest ring')?.status).toBe('ok');
      expect(check(diagnoseOn({ paths, native }), 'largest ring')).toEqual({
        name: 'largest ring',
        status: 'missing',
        needed: true,
        value: '256 KiB for each CPU; 512 KiB is needed',
        fix: expect.stringMatching(/sysctl kernel.perf_event_mlock_kb=\d+$/),
      });
    });
  });

  it('names namespaces and lockdown', () => {
    const host = new FakeHost();
    try {
      host.link('proc/self/ns/user', 'user:[4026531837]');
      host.link('proc/self/ns/pid', 'pid:[4026531836]');
      host.write('sys/kernel/security/lockdown', 'none [integrity] confidentiality\n');
      const { paths } = host;
      const { native } = machine();
      const initial = diagnoseOn({ paths, native });
      expect(check(initial, 'user namespace')).toMatchObject({ status: 'ok', value: 'the initial one' });
      expect(check(initial, 'PID namespace')).toMatchObject({ status: 'ok', value: 'the initial one' });
      expect(check(initial, 'lockdown')).toMatchObject({ status: 'ok', value: 'integrity' });
      host.link('proc/self/ns/pid', 'pid:[4026532001]');
      host.write('sys/kernel/security/lockdown', 'none integrity [confidentiality]\n');
      const other = diagnoseOn({ paths, native });
      expect(check(other, 'PID namespace')).toMatchObject({
        status: 'note',
        value: expect.stringMatching(/^pid:\[4026532001\], not the initial one .*0 for processes elsewhere/),
      });
      expect(check(other, 'lockdown')).toMatchObject({
        status: 'note',
        value: expect.stringMatching(/^confidentiality: .*sched_process_exec/),
      });
    } finally {
      host.remove();
    }
  });

  it('never throws, even when /proc and /sys are empty or every native call throws', () => {
    const host = new FakeHost();
    try {
      const { paths } = host;
      const empty = diagnoseOn({ paths, native: machine({ tracepointId: answers('ENODEV') }).native });
      expect(check(empty, 'CPUs online')).toMatchObject({
        status: 'note',
        value: expect.stringMatching(/unknown/),
      });
      expect(check(empty, 'CAP_BPF')).toMatchObject({ status: 'note' });
      expect(check(empty, 'tracefs')).toMatchObject({
        status: 'note',
        fix: expect.stringContaining('mount'),
      });
      expect(check(empty, 'seccomp')).toMatchObject({ status: 'note' });

      const broken = diagnoseOn({ paths, native: fakeNative({}) });
      expect(broken.ready).toBe(false);
      expect(check(broken, 'perf_event_open')?.status).toBe('missing');
    } finally {
      host.remove();
    }
  });
});
