import {
  PERF_FORMAT_ID,
  PERF_FORMAT_LOST,
  PERF_SAMPLE_RAW,
  PERF_SAMPLE_TIME,
} from '../../../lib/abi/perf-event';
import { bpfOutputAttr, PerfEvent } from '../../../lib/events/perf-event';
import { checkDataPageCount, MmapRingStorage } from '../../../lib/storage/mmap-ring-storage';
import { answers, fakeNative } from '../../support/fake-native';
import { codeOf, messageOf } from '../../support/ring-errors';

const readFormatOf = (attr: Uint8Array): number =>
  Number(new DataView(attr.buffer, attr.byteOffset).getBigUint64(32, true));

/** A kernel whose perf_event_open(2) knows these read_format bits alone. */
function kernelKnowing(bits: number): { native: ReturnType<typeof fakeNative>; tried: number[] } {
  const tried: number[] = [];
  const native = fakeNative({
    perfEventOpen: (attr: Uint8Array) => {
      tried.push(readFormatOf(attr));
      return (readFormatOf(attr) & ~bits) === 0 ? {} : answers('EINVAL')();
    },
    perfEventRead: (_: unknown, words: BigUint64Array) => {
      words[words.length - 1] = 7n;
      return words.length;
    },
  });
  return { native, tried };
}

describe('bpfOutputAttr', () => {
  it('wakes as it is told to', () => {
    expect(bpfOutputAttr({ everyEvents: 5 })).toMatchObject({
      wakeup_events: 5,
      sample_type: PERF_SAMPLE_RAW,
    });
    expect(bpfOutputAttr({ everyBytes: 99 })).toMatchObject({ watermark: true, wakeup_watermark: 99 });
    expect(bpfOutputAttr('half-full')).toMatchObject({ watermark: true, wakeup_watermark: 0 });
  });

  it('adds to the sample_type that is asked for', () => {
    expect(bpfOutputAttr('half-full', { sample_type: PERF_SAMPLE_TIME }).sample_type).toBe(
      PERF_SAMPLE_TIME | PERF_SAMPLE_RAW,
    );
    expect(bpfOutputAttr('half-full', { sample_type: BigInt(PERF_SAMPLE_TIME) }).sample_type).toBe(
      PERF_SAMPLE_TIME | PERF_SAMPLE_RAW,
    );
  });
});

describe('PerfEvent', () => {
  const attr = bpfOutputAttr({ everyEvents: 1 });

  it('asks for the count of lost samples, and has it in its read_format', () => {
    const { native, tried } = kernelKnowing(31);
    const event = PerfEvent.open(native, { ...attr, read_format: PERF_FORMAT_ID }, 0);
    expect(tried).toEqual([PERF_FORMAT_ID | PERF_FORMAT_LOST]);
    expect([event.countsLost, event.readFormat, event.readLost()]).toEqual([
      true,
      PERF_FORMAT_ID | PERF_FORMAT_LOST,
      7,
    ]);
  });

  it('does without it where the kernel is too old', () => {
    const { native, tried } = kernelKnowing(15);
    const event = PerfEvent.open(native, attr, 0);
    expect(tried).toEqual([PERF_FORMAT_LOST, 0]);
    expect([event.countsLost, event.readFormat, event.readLost()]).toEqual([false, 0, undefined]);
  });

  it.each<[string, number, number, string, RegExp]>([
    ['ENODEV', 3, -1, 'ERR_PERF_CPU_OFFLINE', /CPU 3 is offline/],
    ['EINVAL', 60_000, -1, 'ERR_PERF_NO_SUCH_CPU', /no CPU 60000/],
    ['EINVAL', 0, -1, 'EINVAL', /does not take these attributes/],
    ['EACCES', 0, -1, 'EACCES', /CAP_PERFMON/],
    ['EPERM', 0, -1, 'EPERM', /CAP_PERFMON/],
    ['ENOSYS', 0, -1, 'ENOSYS', /seccomp/],
    ['EMFILE', 0, -1, 'EMFILE', /ulimit -n/],
    ['ENFILE', 0, -1, 'ENFILE', /file-max/],
    ['ENOMEM', 0, -1, 'ENOMEM', /memory/],
    ['ESRCH', 0, 77, 'ESRCH', /process 77 does not exist/],
    ['EBUSY', 0, -1, 'EBUSY', /CPU 0/],
  ])('says what %s means on CPU %p for process %p', (errno, cpu, pid, code, named) => {
    const open = (): unknown => PerfEvent.open(fakeNative({ perfEventOpen: answers(errno) }), attr, cpu, pid);
    expect(codeOf(open)).toBe(code);
    expect(messageOf(open)).toMatch(named);
  });

  it('says that it was closed', () => {
    const { native } = kernelKnowing(31);
    const event = PerfEvent.open(
      fakeNative({ ...native, perfEventRead: () => -100_000, perfEventPauseOutput: () => -100_000 }),
      attr,
      0,
    );
    expect(codeOf(() => event.readLost())).toBe('ERR_PERF_CLOSED');
    expect(codeOf(() => event.pauseOutput(true))).toBe('ERR_PERF_CLOSED');
  });
});

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
    expect(codeOf(() => MmapRingStorage.open({ cpu: 0, dataPageCount: pages as number }, native))).toBe(code);
  });

  it.each([['often'], [{}], [{ everyEvents: -1 }], [{ everyEvents: 1.5 }], [{ everyBytes: 2 ** 32 }]])(
    'refuses %p as a wakeup before anything is opened',
    (wakeup) => {
      const open = (): unknown =>
        MmapRingStorage.open({ cpu: 0, dataPageCount: 1, wakeup: wakeup as never }, fakeNative({}));
      expect(codeOf(open)).toMatch(/^ERR_PERF_INVALID_(OPTION|ARGUMENT)$/);
    },
  );

  it.each<[string, string, RegExp]>([
    ['EPERM', 'EPERM', /perf_event_mlock_kb/],
    ['ENOMEM', 'ENOMEM', /smaller rings/],
    ['EINVAL', 'EINVAL', /does not map a ring of 1 pages/],
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
    const open = (): unknown => MmapRingStorage.open({ cpu: 0, dataPageCount: 1 }, native);
    expect(messageOf(open)).toMatch(named);
    expect(codeOf(open)).toBe(code);
    expect(closed).toBe(2);
  });
});
