import { permissionAdvice } from '../../../lib/host/permission-advice';
import { FakeHost } from '../../support/fake-host';

const ALL = '1ffffffffff';
/** CAP_BPF and CAP_PERFMON. */
const READER = 'c000000000';

describe('permissionAdvice', () => {
  let host: FakeHost;
  beforeEach(() => {
    host = new FakeHost();
  });
  afterEach(() => host.remove());

  const process = (capabilities: string, seccomp = 0): void =>
    host.write('proc/self/status', `CapEff:\t${capabilities}\nCapBnd:\t${ALL}\nSeccomp:\t${seccomp}\n`);
  const advice = (): string => permissionAdvice(['CAP_BPF', 'CAP_PERFMON'], host.paths);

  it('names what is missing', () => {
    process('8000000000');
    expect(advice()).toBe(
      'needs CAP_PERFMON, which this process does not have; run it as root, or with these capabilities',
    );
  });

  it('says where capabilities do not count', () => {
    process(ALL);
    host.link('proc/self/ns/user', 'user:[4026532178]');
    expect(advice()).toMatch(
      /^needs CAP_BPF and CAP_PERFMON in the initial user namespace; .* run it outside/,
    );
  });

  it('names only causes that are possible', () => {
    process(ALL);
    expect(advice()).toBe(
      'forbidden although this process has CAP_BPF and CAP_PERFMON: a security module denies it',
    );
    process(ALL, 2);
    host.write('sys/kernel/security/lockdown', 'none [integrity] confidentiality\n');
    expect(advice()).toMatch(
      /: a seccomp filter, kernel lockdown \(integrity\) or a security module denies it$/,
    );
    host.write('sys/kernel/security/lockdown', '[none] integrity confidentiality\n');
    expect(advice()).toMatch(/: a seccomp filter or a security module denies it$/);
  });

  it('names a level of perf_event_paranoid where some kernels need CAP_SYS_ADMIN', () => {
    host.write('proc/sys/kernel/perf_event_paranoid', '4\n');
    process(READER);
    expect(advice()).toMatch(
      /: kernel.perf_event_paranoid=4 \(lower it to 2\) or a security module denies it$/,
    );
    process(ALL);
    expect(advice()).not.toContain('paranoid');
    host.write('proc/sys/kernel/perf_event_paranoid', '2\n');
    process(READER);
    expect(advice()).not.toContain('paranoid');
  });
});
