import { type Describe, describeWithPrivilege } from '../../../lib/testing';
import { reasonOf } from '../../../lib/testing/missing-privilege';

jest.mock('../../../lib/index', () => ({
  diagnose: () => ({
    ready: false,
    checks: [
      { name: 'kernel', status: 'ok', value: '6.12', needed: true },
      { name: 'CAP_BPF', status: 'missing', value: 'missing', needed: true, fix: 'sudo …' },
      { name: 'tracefs', status: 'missing', value: 'not mounted', needed: false },
    ],
  }),
}));

/** A framework that notes the suites. */
function framework() {
  const suites: string[] = [];
  const describe: Describe = Object.assign((title: string) => suites.push(`run ${title}`), {
    skip: (title: string) => suites.push(`skip ${title}`),
  });
  return { describe, suites };
}

describe('describeWithPrivilege', () => {
  it('skips the suite with the reason in its title', () => {
    const { describe, suites } = framework();
    describeWithPrivilege(describe, 'my program', () => undefined, { mustRun: false });
    expect(suites).toEqual(['skip my program (skipped: CAP_BPF: missing (sudo …))']);
  });

  it('fails where it must run', () => {
    const { describe, suites } = framework();
    expect(() => describeWithPrivilege(describe, 'my program', () => undefined, { mustRun: true })).toThrow(
      'my program: privilege is missing, and must not be here: CAP_BPF: missing (sudo …)',
    );
    expect(suites).toEqual([]);
  });

  it('must run under CI', () => {
    const { CI } = process.env;
    const { describe } = framework();
    try {
      process.env['CI'] = 'true';
      expect(() => describeWithPrivilege(describe, 'my program', () => undefined)).toThrow(
        /privilege is missing/,
      );
      process.env['CI'] = '';
      describeWithPrivilege(describe, 'my program', () => undefined);
    } finally {
      if (CI === undefined) delete process.env['CI'];
      else process.env['CI'] = CI;
    }
  });
});

describe('the reason', () => {
  it('is none where everything works', () => {
    expect(reasonOf({ ready: true, checks: [] })).toBeUndefined();
  });

  it('is given even when no check finds what is missing', () => {
    expect(reasonOf({ ready: false, checks: [] })).toBe(
      'perfring can not collect here; see: perfring doctor',
    );
  });
});
