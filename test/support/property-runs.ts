const { PERFRING_PROPERTY_RUNS } = process.env;

/**
 * Parameters of fast-check: `runs` cases, multiplied by the environment variable PERFRING_PROPERTY_RUNS. On a failure
 * fast-check prints the seed and the path. Add them here to reproduce it.
 */
export function propertyRuns(runs: number): { numRuns: number } {
  return { numRuns: Math.ceil(runs * Number(PERFRING_PROPERTY_RUNS ?? 1)) };
}
