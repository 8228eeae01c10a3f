import fc from 'fast-check';
import {
  formatCpuList,
  onlineCpus,
  parseCpuList,
  possibleCpuCount,
  possibleCpus,
} from '../../../lib/host/cpu-list';
import { FakeHost } from '../../support/fake-host';

describe('parseCpuList', () => {
  it.each([
    ['0', [0]],
    ['0-3,5', [0, 1, 2, 3, 5]],
    ['5,0-2', [0, 1, 2, 5]],
    ['1,1,0-1', [0, 1]],
    [' 0 - 1 , 3\n', [0, 1, 3]],
    ['', []],
    ['65535', [65_535]],
  ])('reads "%s"', (text, cpus) => {
    expect(parseCpuList(text)).toEqual(cpus);
  });

  it.each([
    ['0-', '"0-" is neither a CPU number nor a range; write for example 0-3,5'],
    ['0,,1', '"" is neither a CPU number'],
    ['all', '"all" is neither a CPU number'],
    ['-1', '"-1" is neither a CPU number'],
    ['1.5', '"1.5" is neither a CPU number'],
    ['0x1', '"0x1" is neither a CPU number'],
    ['0-3:1/2', '"0-3:1/2" is neither a CPU number'],
    ['3-1', 'the range "3-1" goes down; write 1-3'],
    ['0-4000000000', '4000000000 is past the highest CPU number, 65535'],
  ])('refuses "%s"', (text, message) => {
    expect(() => parseCpuList(text)).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_INVALID_ARGUMENT',
        message: expect.stringContaining(`CPU list "${text}": ${message}`),
      }),
    );
  });

  it('reads back what formatCpuList writes', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 300 })), (cpus) => {
        expect(parseCpuList(formatCpuList(cpus))).toEqual([...cpus].sort((one, other) => one - other));
      }),
    );
  });
});

describe('formatCpuList', () => {
  it('joins neighbours to ranges', () => {
    expect(formatCpuList([5, 0, 1, 2, 2, 7, 8])).toBe('0-2,5,7-8');
    expect(formatCpuList([])).toBe('');
  });
});

describe('the CPUs of a machine', () => {
  let host: FakeHost;

  beforeEach(() => {
    host = new FakeHost();
  });

  afterEach(() => {
    host.remove();
  });

  it('are those of sysfs, gaps and all', () => {
    host.write('sys/devices/system/cpu/online', '0,2-3\n');
    host.write('sys/devices/system/cpu/possible', '0-7\n');
    expect(onlineCpus(host.paths)).toEqual([0, 2, 3]);
    expect(possibleCpus(host.paths)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(possibleCpuCount(host.paths)).toBe(8);
  });

  it('are those of /proc/stat where there is no sysfs', () => {
    host.write('proc/stat', 'cpu  1 2 3\ncpu0 1 2 3\ncpu4 1 2 3\nintr 5 cpu9 \n');
    expect(onlineCpus(host.paths)).toEqual([0, 4]);
    expect(possibleCpus(host.paths)).toEqual([0, 4]);
  });

  it('are not counted where there is no sysfs: the online ones may be too few', () => {
    host.write('proc/stat', 'cpu0 1 2 3\n');
    expect(() => possibleCpuCount(host.paths)).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_NOT_SUPPORTED',
        message: expect.stringMatching(/which CPUs are possible: .*possible cannot be read; mount sysfs/),
      }),
    );
  });

  it('are unknown without both, and the error says what to mount', () => {
    expect(() => onlineCpus(host.paths)).toThrow(
      expect.objectContaining({
        code: 'ERR_PERF_NOT_SUPPORTED',
        message: expect.stringMatching(/which CPUs are online: .*mount -t sysfs/),
      }),
    );
  });

  it('are at least one here, and every online one is possible', () => {
    expect(onlineCpus().length).toBeGreaterThan(0);
    expect(possibleCpus()).toEqual(expect.arrayContaining(onlineCpus()));
  });
});
