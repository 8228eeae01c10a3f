import { PERF_FORMAT_ID, PERF_FORMAT_LOST } from '../../../lib/abi/perf-event';
import { bpfOutputAttr } from '../../../lib/events/bpf-output';
import { PerfEvent } from '../../../lib/events/perf-event';
import { answers, fakeNative } from '../../support/fake-native';
import { codeOf, messageOf } from '../../support/ring-errors';

const readFormatOf = (attr: Uint8Array): number =>
  Number(new DataView(attr.buffer, attr.byteOffset).getBigUint64(32, true));

/** A kernel whose perf_event_open(2) accepts only these bits of read_format. */
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

  it('works without it on an older kernel', () => {
    const { native, tried } = kernelKnowing(15);
    const event = PerfEvent.open(native, attr, 0);
    expect(tried).toEqual([PERF_FORMAT_LOST, 0]);
    expect([event.countsLost, event.readFormat, event.readLost()]).toEqual([false, 0, undefined]);
  });

  it.each<[string, number, number, string, RegExp]>([
    ['ENODEV', 3, -1, 'ERR_PERF_CPU_OFFLINE', /CPU 3 is offline/],
    ['EINVAL', 60_000, -1, 'ERR_PERF_NO_SUCH_CPU', /no CPU 60000/],
    ['EINVAL', 0, -1, 'EINVAL', /does not accept these attributes/],
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

  it.each<[string, number, readonly bigint[], object]>([
    ['alone', 31 & ~8, [5n, 40n, 30n, 9n, 2n], { value: 5n }],
    ['as the first of its group', 31, [1n, 40n, 30n, 5n, 9n, 2n], { value: 5n }],
  ])('reads its counter %s, and what its read_format has beside it', (_, readFormat, words, count) => {
    const native = fakeNative({
      perfEventOpen: () => ({}),
      perfEventRead: (_event: unknown, target: BigUint64Array) => {
        target.set(words);
        return words.length;
      },
    });
    const event = PerfEvent.open(native, { ...attr, read_format: readFormat }, 0);
    expect(event.read()).toEqual({
      ...count,
      enabledNanoseconds: 40n,
      runningNanoseconds: 30n,
      id: 9n,
      lost: 2,
    });
  });

  it('reads only what its read_format includes', () => {
    const { native } = kernelKnowing(0);
    expect(PerfEvent.open(native, attr, 0).read()).toEqual({ value: 7n });
  });

  it('says that a pinned event lost its counter, where the kernel gives nothing to read', () => {
    const native = fakeNative({ perfEventOpen: () => ({}), perfEventRead: () => 0 });
    const event = PerfEvent.open(native, attr, 3);
    expect(codeOf(() => event.read())).toBe('ERR_PERF_NOT_SUPPORTED');
    expect(messageOf(() => event.read())).toMatch(/CPU 3 lost its counter/);
  });

  it.each<[string, keyof PerfEvent, string, RegExp]>([
    ['perfEventEnable', 'enable', 'EINVAL', /PERF_EVENT_IOC_ENABLE/],
    ['perfEventEnable', 'disable', 'EINVAL', /PERF_EVENT_IOC_DISABLE/],
    ['perfEventReset', 'reset', 'EINVAL', /PERF_EVENT_IOC_RESET/],
    ['perfEventId', 'id', 'EINVAL', /PERF_EVENT_IOC_ID/],
  ])('tells the errno of %s by %s', (name, member, code, syscall) => {
    const call = (answer: () => number) => (): unknown => {
      const event = PerfEvent.open(fakeNative({ perfEventOpen: () => ({}), [name]: answer }), attr, 0);
      const value = event[member];
      return typeof value === 'function' ? Reflect.apply(value, event, []) : value;
    };
    expect(codeOf(call(answers(code)))).toBe(code);
    expect(codeOf(call(() => -100_000))).toBe('ERR_PERF_CLOSED');
    try {
      call(answers(code))();
    } catch (error) {
      expect((error as { syscall: string }).syscall).toMatch(syscall);
    }
    expect.assertions(3);
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
