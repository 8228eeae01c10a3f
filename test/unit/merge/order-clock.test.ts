import { Lane, unbiasedTime } from '../../../lib/merge/lane';
import { MergeState } from '../../../lib/merge/merge';
import { OrderClock, type OrderRules } from '../../../lib/merge/order-clock';
import { internalsOf } from '../../../lib/ring/perf-ring';
import { timedRing } from '../../support/timed-rings';

const NOW = 10_000_000;
const SLACK = 6000;

function lanesOf(...cpus: readonly (number | undefined)[]): Lane[] {
  return cpus.map((cpu, index) => {
    const { ring } = timedRing(cpu === undefined ? {} : { cpu });
    return new Lane(internalsOf(ring), index);
  });
}

/** The least limit of each lane in a batch, as nanoseconds before the clock's time; greatest: no limit. */
function limits(rules: Partial<OrderRules>, lanes: readonly Lane[], fullest = 0): (number | string)[] {
  const clock = new OrderClock({ slackNanoseconds: SLACK, live: true, clock: () => NOW, ...rules });
  clock.read();
  clock.setLimits(new MergeState(), lanes, fullest);
  return lanes.map(({ quietHigh, quietLow }) => {
    const limit = unbiasedTime(quietHigh, quietLow);
    return limit === 2n ** 64n - 1n ? 'greatest' : NOW - Number(limit);
  });
}

describe('OrderClock', () => {
  it('limits by the slack what follows a ring without records', () => {
    expect(limits({}, lanesOf(0, 1))).toEqual([SLACK, SLACK]);
  });

  it('lets the ring of the CPU that the thread runs on hold back nothing', () => {
    expect(limits({ currentCpu: () => 1 }, lanesOf(0, 1, 2))).toEqual([SLACK, 0, SLACK]);
  });

  it('takes no ring without a number for that of an unknown CPU', () => {
    expect(limits({}, lanesOf(undefined, -1))).toEqual([SLACK, SLACK]);
    expect(limits({ currentCpu: () => -1 }, lanesOf(undefined, -1))).toEqual([SLACK, SLACK]);
  });

  it('reads the clock before it asks for the CPU', () => {
    const calls: string[] = [];
    const clock = new OrderClock({
      slackNanoseconds: 0,
      live: true,
      clock: () => calls.push('clock'),
      currentCpu: () => calls.push('cpu'),
    });
    clock.read();
    expect(calls).toEqual(['clock', 'cpu']);
  });

  it('shrinks the slack while a ring fills, from an eighth to a half, when it is told to', () => {
    const slackAt = (fullest: number): unknown[] => limits({ shrinks: true }, lanesOf(0), fullest);
    for (const [fullest, slack] of [
      [0, SLACK],
      [1 / 8, SLACK],
      [2 / 8, (SLACK * 2) / 3],
      [3 / 8, SLACK / 3],
      [1 / 2, 0],
      [1, 0],
    ] as const) {
      expect(slackAt(fullest)).toEqual([slack]);
      expect(limits({}, lanesOf(0), fullest)).toEqual([SLACK]);
    }
  });

  it('limits nothing in a recording, and reads no clock', () => {
    const clock = (): number => {
      throw new Error('read');
    };
    expect(limits({ live: false, clock }, lanesOf(0, 1), 1)).toEqual(['greatest', 'greatest']);
  });
});
