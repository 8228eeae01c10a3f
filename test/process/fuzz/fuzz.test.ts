import { fuzz } from '../../support/fuzz-child';
import { SCENE_CAPABILITIES } from '../../support/reader-scene';
import { describeWith } from '../../support/privilege';

const { PERFRING_SEED } = process.env;
const SEED = Number(PERFRING_SEED ?? Date.now() % 1e9);
/** A small part of every run; `node scripts/fuzz.mjs` makes the long ones. */
const SECONDS = 3;

describe(`rings that no kernel writes (PERFRING_SEED=${SEED})`, () => {
  it.each(['bytes', 'hostile', 'collector'] as const)(
    'are read to their end by every layer, alike by all ways to read, without an error but the documented: %s',
    async (what) => {
      const report = await fuzz({ what, seed: SEED, seconds: SECONDS });
      expect(report.findings).toEqual([]);
      expect(report.cases).toBeGreaterThan(0);
    },
  );
});

describeWith(SCENE_CAPABILITIES, `calls with hostile arguments (PERFRING_SEED=${SEED})`, () => {
  it.each(['package', 'addon'] as const)(
    'come to a value or an error with a code, and nothing is left open: %s',
    async (what) => {
      const report = await fuzz({ what, seed: SEED, seconds: SECONDS });
      expect(report.findings).toEqual([]);
      expect(report.cases).toBeGreaterThan(0);
    },
  );
});
