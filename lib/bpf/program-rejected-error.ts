import { PerfRingError } from '../errors';
import { lockdown } from '../host/lockdown';

/** Lines of the verifier's log that go into the message: the last ones say why. */
const MESSAGE_LINES = 4;

/** ERR_PERF_PROGRAM_REJECTED: the verifier refused a program. */
export class ProgramRejectedError extends PerfRingError {
  /** The verifier's whole log. */
  readonly log: string;

  constructor(program: string, log: string, options?: ErrorOptions) {
    const hint = isRefusedByLockdown(log)
      ? '; kernel lockdown (confidentiality) lets no program read kernel memory'
      : '';
    super('ERR_PERF_PROGRAM_REJECTED', `the verifier refused ${program}: ${lastLines(log)}${hint}`, options);
    this.log = log;
  }
}

/** Then the kernel has no helpers that read kernel memory, and the log says just that. */
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
