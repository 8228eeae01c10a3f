import type { BpfProgramHandle } from '../../../lib/addon/contract';
import { SlotProbe } from '../../../lib/bpf/slot-probe';
import { fakeNative } from '../../support/fake-native';

const MOST_QUESTIONS = 4;
/** Longer than the time between two questions of a thread that is not preempted. */
const LONG_NANOSECONDS = 1_000_000n;
const ENOENT_TWICE = 4;

describe('SlotProbe', () => {
  let questions = 0;
  let now = 0n;

  beforeEach(() => {
    questions = 0;
    now = 1_000_000_000n;
  });

  const openProbe = (answer: () => number): SlotProbe => {
    const native = fakeNative({
      bpfProgramLoad: () => ({}) as BpfProgramHandle,
      bpfProgramTestRun: () => {
        // With a wrong sign in the code the loop would never end.
        if (++questions > 100) throw new Error('asked without end');
        return { returnValue: answer(), durationNanoseconds: 1 };
      },
      bpfProgramClose: () => 0,
    });
    return SlotProbe.open(native, { fd: 3 }) as SlotProbe;
  };
  /** The time of our event, later by `nanoseconds` at each question. */
  const timeLaterBy = (nanoseconds: bigint) => (): bigint => {
    now += nanoseconds;
    return now;
  };
  const low = (time: bigint): number => Number(BigInt.asUintN(32, time)) | 1;

  it('tries at most four times while the results are uncertain', () => {
    // Between the two times, but they are so far apart that another event may fit, too.
    const probe = openProbe(() => Number(BigInt.asUintN(32, now + LONG_NANOSECONDS / 2n) | 1n));
    expect(probe.stateOf(0, timeLaterBy(LONG_NANOSECONDS))).toBe('unknown');
    expect(questions).toBe(MOST_QUESTIONS);
  });

  it('tries until one result is certain', () => {
    const probe = openProbe(() => Number(BigInt.asUintN(32, now + 50n) | 1n));
    expect(
      probe.stateOf(0, () => (questions < 2 ? timeLaterBy(LONG_NANOSECONDS)() : timeLaterBy(100n)())),
    ).toBe('ours');
    expect(questions).toBe(2);
  });

  it('reports another event only after two mismatches', () => {
    const probe = openProbe(() => low(now - 500_000n) >>> 0);
    expect(probe.stateOf(0, timeLaterBy(100n))).toBe('other');
    expect(questions).toBe(2);
    questions = 0;
    const once = openProbe(() => (questions === 1 ? low(now - 500_000n) : low(now + 50n)) >>> 0);
    expect(once.stateOf(0, timeLaterBy(100n))).toBe('ours');
    expect(questions).toBe(2);
  });

  it('reports at once that a slot is empty, or that its state is unknown', () => {
    expect(openProbe(() => ENOENT_TWICE).stateOf(0, timeLaterBy(100n))).toBe('empty');
    expect(openProbe(() => 0).stateOf(0, timeLaterBy(100n))).toBe('unknown');
    expect(openProbe(() => 14).stateOf(0, timeLaterBy(100n))).toBe('unknown');
    expect(questions).toBe(3);
    expect(openProbe(() => 1).stateOf(0, () => undefined)).toBe('unknown');
  });
});
