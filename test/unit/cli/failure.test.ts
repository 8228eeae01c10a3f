import { CommandError, exitCodeOf, failureText, usageError } from '../../../lib/cli/failure';
import { PerfRingError, PerfSystemError, ProgramRejectedError } from '../../../lib/index';

describe('failureText', () => {
  it('is one line, whatever the message', () => {
    expect(failureText(new Error('first\n  second\r\nthird\n'), false)).toBe(
      'perfring: first second third\n',
    );
    expect(failureText('just text', false)).toBe('perfring: just text\n');
    expect(failureText(undefined, false)).toBe('perfring: undefined\n');
  });

  it('refers to doctor when a privilege is missing', () => {
    const error = new PerfSystemError('EPERM', -1, 'bpf(BPF_MAP_CREATE)', 'bpf EPERM: needs CAP_BPF');
    expect(failureText(error, false)).toBe('perfring: bpf EPERM: needs CAP_BPF; see: perfring doctor\n');
  });

  it("calls the library's options by the flags of the command line", () => {
    const error = new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      'bufferBytes must be a multiple of 4096, got 1',
    );
    expect(failureText(error, false)).toBe('perfring: --buffer-bytes must be a multiple of 4096, got 1\n');
  });

  it('has stacks, causes and the log of the verifier only when asked', () => {
    const cause = new Error('the reason');
    const error = new ProgramRejectedError('it', 'R1 invalid\nprocessed 1 insns', { cause });
    expect(failureText(error, false)).toBe('perfring: the verifier rejected it: R1 invalid\n');
    const text = failureText(error, true);
    expect(text).toContain('failure.test.ts');
    expect(text).toContain('\nprocessed 1 insns');
    expect(text).toContain('caused by: Error: the reason');
  });
});

describe('exitCodeOf', () => {
  it('is 2 for invalid arguments, otherwise 1', () => {
    expect(exitCodeOf(usageError('no'))).toBe(2);
    expect(exitCodeOf(new PerfRingError('ERR_PERF_INVALID_OPTION', ''))).toBe(2);
    expect(exitCodeOf(new PerfRingError('ERR_PERF_MAP_TYPE', ''))).toBe(1);
    expect(exitCodeOf(new CommandError('no'))).toBe(1);
    expect(exitCodeOf(undefined)).toBe(1);
  });
});
