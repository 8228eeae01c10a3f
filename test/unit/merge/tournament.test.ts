import fc from 'fast-check';
import { Lane } from '../../../lib/merge/lane';
import { Tournament } from '../../../lib/merge/tournament';
import { internalsOf } from '../../../lib/ring/perf-ring';
import { propertyRuns } from '../../support/property-runs';
import { timedRing } from '../../support/timed-rings';

const ring = internalsOf(timedRing().ring);

/** A lane whose next record has this time, in biased words. Without a time the lane is empty. */
function laneOf(index: number, time: readonly [high: number, low: number] | undefined): Lane {
  const lane = new Lane(ring, index);
  if (time !== undefined) {
    [lane.high, lane.low] = time;
    lane.end = 8;
  }
  return lane;
}

const word = fc.oneof(
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  fc.constantFrom(-0x8000_0000, -0x7fff_ffff, -2, -1, 0, 1, 0x7fff_fffe, 0x7fff_ffff),
);
const time = fc.tuple(fc.oneof(word, fc.constantFrom(-1, 0)), word);

describe('Tournament', () => {
  it('has a leaf for each lane, in powers of 4', () => {
    const leaves = [0, 1, 4, 5, 16, 17, 1024, 1025].map((count) => {
      const tournament = new Tournament(2000);
      tournament.lanes.push(...Array.from({ length: count }, (_, index) => laneOf(index, undefined)));
      tournament.play();
      return tournament.leaves;
    });
    expect(leaves).toEqual([4, 4, 4, 16, 16, 64, 1024, 4096]);
  });

  it('puts the lane first that comes first, whatever the times', () => {
    fc.assert(
      fc.property(fc.array(fc.option(time, { nil: undefined }), { minLength: 1, maxLength: 40 }), (times) => {
        const lanes = times.map((one, index) => laneOf(index, one));
        const tournament = new Tournament(40);
        tournament.lanes.push(...lanes);
        const seen: number[] = [];
        for (let left = times.filter((one) => one !== undefined).length; left > 0; left--) {
          tournament.play();
          const { first } = tournament;
          seen.push(first?.index ?? -1);
          if (first !== undefined) first.position = first.end;
        }
        const expected = lanes
          .filter((_, index) => times[index] !== undefined)
          .sort((a, b) => a.high - b.high || a.low - b.low || a.index - b.index)
          .map(({ index }) => index);
        expect(seen).toEqual(expected);
      }),
      propertyRuns(300),
    );
  });

  it('has keys that never contradict the times, and tell all of an epoch apart but the last few', () => {
    fc.assert(
      fc.property(time, time, time, (epoch, one, other) => {
        const tournament = new Tournament(1);
        tournament.lanes.push(laneOf(0, epoch));
        tournament.play();
        const [key, otherKey] = [tournament.keyOf(...one), tournament.keyOf(...other)];
        const order = Math.sign(one[0] - other[0] || one[1] - other[1]);
        expect([0, order]).toContain(Math.sign(key - otherKey));
        const inEpoch = [one, other].every(([high, low]) => high === epoch[0] && (low ^ epoch[1]) >= 0);
        const apart = inEpoch && Math.min(key, otherKey) < tournament.far;
        expect(!apart || Math.sign(key - otherKey) === order).toBe(true);
      }),
      propertyRuns(1000),
    );
  });
});
