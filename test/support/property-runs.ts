const { PERFRING_PROPERTY_RUNS } = process.env;

/**
 * Parameters of fast-check: `runs` cases, times the environment variable PERFRING_PROPERTY_RUNS. On a failure
 * fast-check prints the seed and the path, which given here bring it back.
 */
export function propertyRuns(runs: number): { numRuns: number } {
  return { numRuns: Math.ceil(runs * Number(PERFRING_PROPERTY_RUNS ?? 1)) };
}
