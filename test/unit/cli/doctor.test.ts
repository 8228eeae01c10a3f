import { diagnosisText } from '../../../lib/cli/doctor';
import { styleFor } from '../../../lib/cli/style';

describe('diagnosisText', () => {
  const checks = [
    { name: 'kernel', status: 'ok', value: '6.18', needed: true },
    { name: 'CAP_BPF', status: 'missing', value: 'may not create maps', needed: true, fix: 'sudo node …' },
    { name: 'bpffs', status: 'note', value: 'not mounted', needed: false },
  ] as const;

  it('has a line for each check, the command that fixes it, and the result', () => {
    expect(diagnosisText({ checks, ready: false }, styleFor({}))).toBe(
      [
        '✓ kernel   6.18',
        '✗ CAP_BPF  may not create maps',
        '           fix: sudo node …',
        '• bpffs    not mounted',
        '',
        'collect does not work here: fix the lines marked ✗, beginning with the first',
        '',
      ].join('\n'),
    );
  });

  it('says when collect works', () => {
    expect(diagnosisText({ checks: checks.slice(0, 1), ready: true }, styleFor({}))).toMatch(
      /\ncollect works here\n$/,
    );
  });
});
