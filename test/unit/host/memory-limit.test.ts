import type { Capability } from '../../../lib/abi/capability';
import { largestRingBytes, memoryLimit } from '../../../lib/host/memory-limit';
import { FakeHost } from '../../support/fake-host';

let host: FakeHost;

beforeEach(() => {
  host = new FakeHost();
});

afterEach(() => {
  host.remove();
});

const holding = (...names: Capability[]) => ({ effective: new Set(names), bounding: new Set(names) });

describe('memoryLimit', () => {
  const limits = (soft: string): void =>
    host.write(
      'proc/self/limits',
      `Limit  Soft Limit  Hard Limit  Units\nMax locked memory         ${soft}   unlimited   bytes     \n`,
    );

  it('adds the allowance of the user and that of the process', () => {
    host.write('proc/sys/kernel/perf_event_mlock_kb', '516\n');
    host.write('proc/sys/kernel/perf_event_paranoid', '2\n');
    limits('65536');
    const limit = memoryLimit(2, holding(), host.paths);
    expect(limit).toEqual({ userBytes: 2 * 516 * 1024, processBytes: 65_536, unlimitedBy: null });
    // 258 + 16 pages for two rings: 136 data pages each. The largest power of two below that is 128.
    expect(largestRingBytes(limit, 2, 4096)).toBe(128 * 4096);
    expect(largestRingBytes(limit, 137, 4096)).toBe(4096);
    expect(largestRingBytes(limit, 138, 4096)).toBe(0);
  });

  it.each([
    ['CAP_IPC_LOCK', holding('CAP_IPC_LOCK'), '2', '65536'],
    ['perf_event_paranoid', holding(), '-1', '65536'],
    ['RLIMIT_MEMLOCK', holding(), '2', 'unlimited'],
  ])('is none by %s', (by, capabilities, paranoid, soft) => {
    host.write('proc/sys/kernel/perf_event_paranoid', paranoid);
    limits(soft);
    const limit = memoryLimit(1, capabilities, host.paths);
    expect(limit.unlimitedBy).toBe(by);
    expect(largestRingBytes(limit, 1024, 4096)).toBe(Number.POSITIVE_INFINITY);
  });

  it('uses the kernel’s default and 0 when /proc cannot be read', () => {
    expect(memoryLimit(1, null, host.paths)).toEqual({
      userBytes: 516 * 1024,
      processBytes: 0,
      unlimitedBy: null,
    });
  });
});
