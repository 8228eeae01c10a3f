import fc from 'fast-check';
import { WakeModerator } from '../../../lib/delivery/wake-moderator';
import { propertyRuns } from '../../support/property-runs';

/** Updates the load every `step` ms from `from` to `to`, at a steady rate. @returns `busy` after each update */
function steady(
  moderator: WakeModerator,
  from: number,
  to: number,
  step: number,
  perSecond: number,
): boolean[] {
  const answers: boolean[] = [];
  moderator.looked(from, 0);
  for (let now = from + step; now <= to; now += step)
    answers.push(moderator.looked(now, (perSecond * step) / 1000));
  return answers;
}

describe('WakeModerator', () => {
  it('is not busy at first', () => {
    expect(new WakeModerator().busy).toBe(false);
  });

  it('is not busy at low rates, whatever the interval of updates', () => {
    for (const perSecond of [1, 100, 500, 1000, 2600]) {
      for (const step of [0.5, 1, 2, 10, 100]) {
        expect(steady(new WakeModerator(), 0, 5000, step, perSecond)).not.toContain(true);
      }
    }
  });

  it('becomes busy at high rates, whatever the interval of updates', () => {
    for (const perSecond of [8000, 100_000, 3_000_000]) {
      for (const step of [0.5, 1, 2, 10, 100]) {
        expect(steady(new WakeModerator(), 0, 200, step, perSecond).slice(-1)).toEqual([true]);
      }
    }
  });

  it('becomes busy at once after a burst', () => {
    const moderator = new WakeModerator();
    expect(moderator.looked(1, 3)).toBe(false);
    expect(moderator.looked(2, 2)).toBe(false);
    expect(moderator.looked(3, 100)).toBe(true);
    expect(moderator.busy).toBe(true);
  });

  it('forgets what came before its window', () => {
    const moderator = new WakeModerator();
    for (let now = 0; now < 1000; now += 5) expect(moderator.looked(now, 7)).toBe(false);
  });

  it('uses the rate over the whole time when updates were delayed', () => {
    const moderator = new WakeModerator();
    moderator.looked(0, 0);
    expect(moderator.looked(1000, 200)).toBe(false);
    expect(moderator.looked(2000, 100_000)).toBe(true);
    expect(moderator.looked(3000, 100_000)).toBe(true);
    expect(moderator.looked(4000, 200)).toBe(false);
  });

  it('is busy until 15 ms with few samples have passed, not only until updates without samples', () => {
    const moderator = new WakeModerator();
    moderator.looked(1, 1000);
    expect(moderator.busy).toBe(true);
    for (let now = 2; now < 16; now++) expect(moderator.looked(now, 0)).toBe(true);
    expect(moderator.looked(16, 0)).toBe(false);
  });

  it('stays busy while samples keep coming, also in bursts', () => {
    const moderator = new WakeModerator();
    moderator.looked(0, 100);
    // 10 × 200 µs without a sample, then a burst: a count of empty reads would switch all the time.
    for (let now = 0.2; now < 1000; now += 0.2) {
      expect(moderator.looked(now, Math.round(now * 5) % 25 === 0 ? 50 : 0)).toBe(true);
    }
  });

  it('does not change back and forth at any steady rate', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 1e6, noNaN: true }),
        fc.double({ min: 0.2, max: 3, noNaN: true }),
        (rate, step) => {
          const answers = steady(new WakeModerator(), 0, 400, step, rate);
          const changes = answers.filter((busy, at) => at > 0 && busy !== answers[at - 1]).length;
          // Between the two thresholds, 2,700 and 4,000 a second, it may be in either state, but must keep it.
          expect(changes).toBeLessThanOrEqual(1);
        },
      ),
      propertyRuns(300),
    );
  });
});
