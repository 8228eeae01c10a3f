import { withAddon } from '../../../lib/addon/load';
import { checkDataPageCount, MmapRingStorage } from '../../../lib/storage/mmap-ring-storage';
import { answers, fakeNative } from '../../support/fake-native';
import { codeOf, messageOf } from '../../support/ring-errors';

describe('MmapRingStorage', () => {
  it.each<[unknown, string]>([
    [0, 'ERR_PERF_NO_DATA_PAGES'],
    [3, 'ERR_PERF_NOT_POWER_OF_TWO'],
    [-4, 'ERR_PERF_NOT_POWER_OF_TWO'],
    [1.5, 'ERR_PERF_NOT_POWER_OF_TWO'],
    ['4', 'ERR_PERF_NOT_POWER_OF_TWO'],
  ])('refuses %p pages before anything is opened', (pages, code) => {
    expect(codeOf(() => checkDataPageCount(pages as number))).toBe(code);
    const native = fakeNative({});
    expect(
      codeOf(() => withAddon(native, () => MmapRingStorage.open({ cpu: 0, dataPageCount: pages as number }))),
    ).toBe(code);
  });

  it.each([
    ['often'],
    [{}],
    [{ everyEvents: 1, everyBytes: 1 }],
    [{ everyEvents: -1 }],
    [{ everyEvents: 1.5 }],
    [{ everyBytes: 2 ** 32 }],
  ])('refuses %p as a wakeup before anything is opened', (wakeup) => {
    const open = (): unknown =>
      withAddon(fakeNative({}), () =>
        MmapRingStorage.open({ cpu: 0, dataPageCount: 1, wakeup: wakeup as never }),
      );
    expect(codeOf(open)).toMatch(/^ERR_PERF_INVALID_(OPTION|ARGUMENT)$/);
  });

  it.each<[string, string, RegExp]>([
    ['EPERM', 'EPERM', /perf_event_mlock_kb/],
    ['ENOMEM', 'ENOMEM', /smaller rings/],
    ['EINVAL', 'EINVAL', /a ring of 1 pages .* maps no such ring/],
  ])('closes its event when mapping says %s, and says what to do', (errno, code, named) => {
    let closed = 0;
    const native = fakeNative({
      perfEventOpen: () => ({}),
      pageSize: () => 4096,
      ringMap: answers(errno),
      perfEventClose: () => {
        closed++;
        return 0;
      },
    });
    const open = (): unknown => withAddon(native, () => MmapRingStorage.open({ cpu: 0, dataPageCount: 1 }));
    expect(messageOf(open)).toMatch(named);
    expect(codeOf(open)).toBe(code);
    expect(closed).toBe(2);
  });

  it('refuses an option that it does not have', () => {
    const options = { cpu: 0, dataPageCount: 1, wakeUp: 'half-full' };
    expect(messageOf(() => withAddon(fakeNative({}), () => MmapRingStorage.open(options)))).toMatch(
      /no option wakeUp/,
    );
  });
});
