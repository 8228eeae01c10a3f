import { allows, parseCapabilities, processCapabilities } from '../../../lib/host/capabilities';
import { FakeHost } from '../../support/fake-host';

let host: FakeHost;

beforeEach(() => {
  host = new FakeHost();
});

afterEach(() => {
  host.remove();
});

describe('processCapabilities', () => {
  it('names the bits of /proc/self/status', () => {
    host.write(
      'proc/self/status',
      'Name:\tnode\nCapPrm:\t0000000000000000\nCapEff:\t000000c000004000\nCapBnd:\t000001ffffffffff\n',
    );
    const capabilities = processCapabilities(host.paths);
    expect([...(capabilities?.effective ?? [])]).toEqual(['CAP_IPC_LOCK', 'CAP_PERFMON', 'CAP_BPF']);
    expect(capabilities?.bounding.size).toBe(41);
  });

  it('has none in a user namespace, where they do not count for the kernel', () => {
    host.write('proc/self/status', 'CapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\n');
    host.link('proc/self/ns/user', 'user:[4026531837]');
    expect(processCapabilities(host.paths)?.effective.size).toBe(41);
    host.link('proc/self/ns/user', 'user:[4026532178]');
    expect(processCapabilities(host.paths)).toEqual({ effective: new Set(), bounding: new Set() });
  });

  it('leaves out bits that have no name yet', () => {
    expect(parseCapabilities('ffffffffffffffff').size).toBe(41);
  });

  it('is null when /proc cannot be read', () => {
    expect(processCapabilities(host.paths)).toBeNull();
    host.write('proc/self/status', 'Name:\tnode\n');
    expect(processCapabilities(host.paths)).toBeNull();
  });
});

describe('allows', () => {
  it('takes CAP_SYS_ADMIN for CAP_BPF and CAP_PERFMON, as the kernel does, and for nothing else', () => {
    const effective = new Set(['CAP_SYS_ADMIN'] as const);
    expect(allows(effective, 'CAP_BPF')).toBe(true);
    expect(allows(effective, 'CAP_PERFMON')).toBe(true);
    expect(allows(effective, 'CAP_IPC_LOCK')).toBe(false);
  });
});
