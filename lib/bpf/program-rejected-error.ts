import { PerfRingError } from '../errors';

/** Lines of the verifier's log that go into the message: the last ones say why. */
const MESSAGE_LINES = 4;

/** ERR_PERF_PROGRAM_REJECTED: the verifier refused a program. */
export class ProgramRejectedError extends PerfRingError {
  /** The verifier's whole log. */
  readonly log: string;

  constructor(program: string, log: string, options?: ErrorOptions) {
    super('ERR_PERF_PROGRAM_REJECTED', `the verifier refused ${program}: ${lastLines(log)}`, options);
    this.log = log;
  }
}

function lastLines(log: string): string {
  const lines = log
    .split('\n')
    .map((line) => line.trim())
    // The verifier ends with statistics ("processed 19 insns …"), which explain nothing.
    .filter(
      (line) => line !== '' && !line.startsWith('processed ') && !line.startsWith('verification time '),
    );
  return lines.slice(-MESSAGE_LINES).join(' | ');
}
