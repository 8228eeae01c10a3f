import { missingPrivilege } from './missing-privilege';

/** `describe` of jest, vitest or node:test. */
export interface Describe {
  // biome-ignore lint/suspicious/noExplicitAny: what a suite returns differs from framework to framework
  (title: string, body: () => any): unknown;
  /** Registers a suite that is not run. */
  // biome-ignore lint/suspicious/noExplicitAny: what a suite returns differs from framework to framework
  skip: (title: string, body: () => any) => unknown;
}

/** Options of {@link describeWithPrivilege}. */
export interface PrivilegeOptions {
  /**
   * Whether the suite fails where privilege is missing, in place of being skipped. By default where the environment
   * variable `CI` is set and not empty: a runner that promises the privilege and lacks it must not pass.
   */
  readonly mustRun?: boolean;
}

/**
 * A suite of tests that need privilege. Without it the suite is skipped, and its title says what is missing and how to
 * get it; under CI it fails. Works with jest, vitest and node:test.
 *
 * ```ts
 * describeWithPrivilege(describe, 'my program', () => {
 *   it('samples every exec', async () => { … });
 * });
 * ```
 */
export function describeWithPrivilege(
  describe: Describe,
  title: string,
  body: () => unknown,
  { mustRun = isCi() }: PrivilegeOptions = {},
): void {
  const reason = missingPrivilege();
  if (reason === undefined) {
    describe(title, body);
  } else if (mustRun) {
    throw new Error(`${title}: privilege is missing, and must not be here: ${reason}`);
  } else {
    describe.skip(`${title} (skipped: ${reason})`, body);
  }
}

function isCi(): boolean {
  const { CI } = process.env;
  return CI !== undefined && CI !== '';
}
