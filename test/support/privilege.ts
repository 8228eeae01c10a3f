import type { Capability } from '../../lib/abi/capability';
import { allows, processCapabilities } from '../../lib/host/capabilities';

/** The capabilities that a reader of real samples needs. */
export const READER_CAPABILITIES: readonly Capability[] = ['CAP_BPF', 'CAP_PERFMON'];

/**
 * A `describe` that needs capabilities. Without them it is skipped, and its title says what is missing. Under CI, which
 * promises them, it fails.
 */
export function describeWith(capabilities: readonly Capability[], title: string, body: () => void): void {
  const held = processCapabilities()?.effective ?? new Set<Capability>();
  const missing = capabilities.filter((name) => !allows(held, name));
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  const why = `${title} (needs ${missing.join(' and ')})`;
  const { CI } = process.env;
  if (CI === undefined || CI === '') {
    // jest prints nothing about a file in which everything is skipped.
    process.stderr.write(`skipped: ${why}\n`);
    describe.skip(why, body);
    return;
  }
  describe(why, () => {
    it('has the privilege that CI promises', () => {
      throw new Error(`${missing.join(' and ')} missing: run the tests as root`);
    });
  });
}
