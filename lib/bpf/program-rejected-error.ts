import { PerfRingError } from '../errors';
import { lockdown } from '../host/lockdown';

/** How many of the last lines of the verifier's log are in the message; they contain the reason. */
const MESSAGE_LINES = 4;

/** ERR_PERF_PROGRAM_REJECTED: the verifier rejected a program. */
export class ProgramRejectedError extends PerfRingError {
  /** The verifier's whole log. */
  readonly log: string;

  constructor(program: string, log: string, options?: ErrorOptions) {
    const hint = isRefusedByLockdown(log)
      ? '; kernel lockdown (confidentiality) does not allow programs to read kernel memory'
      : '';
    super('ERR_PERF_PROGRAM_REJECTED', `the verifier rejected ${program}: ${lastLines(log)}${hint}`, options);
    this.log = log;
  }
}

/**
 * Whether lockdown is the reason: it removes the helpers that read kernel memory, and the log says only that they are
 * missing.
 */
function isRefusedByLockdown(log: string): boolean {
  return /(?:cannot use helper|unknown func) bpf_probe_read/.test(log) && lockdown() === 'confidentiality';
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
