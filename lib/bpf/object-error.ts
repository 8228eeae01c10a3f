import { BAD_ARGUMENT } from '../addon/contract';
import { isErrno } from '../abi/errno';
import { PerfRingError } from '../errors';
import { libbpfCommand } from '../host/libbpf-package';
import { permissionAdvice } from '../host/permission-advice';
import { named } from '../input/shown';
import { bpfError } from './bpf-error';
import { ProgramRejectedError } from './program-rejected-error';

/** libbpf's own error codes begin at this number. */
const FIRST_LIBBPF_CODE = 4000;

/** How many of libbpf's last lines are in the message; they contain the reason. */
const MESSAGE_LINES = 3;

/** Lines to leave out: they repeat the message, or mislead. libbpf explains every EPERM by a limit of locked memory. */
const NOISE =
  /failed to load object|failed to load: -|failed to auto-attach|permission error while running as root|Retrying without BTF|^prog '[^']*':$/;

/**
 * The error for a failed call of libbpf.
 * @param status a negative errno, or BAD_ARGUMENT
 * @param log the messages of libbpf
 * @param call the function of libbpf: `bpf_object__load`
 * @param what the operation, with its values: `loading exec.bpf.o`
 */
export function objectError(
  status: number,
  log: string,
  call: string,
  what: string,
  advice: Readonly<Record<string, string>> = {},
): Error {
  const said = linesOf(log);
  if (isErrno(status, 'ELIBACC')) return missingLibrary(log);
  if (status <= -FIRST_LIBBPF_CODE && status !== BAD_ARGUMENT) {
    return new PerfRingError(
      'ERR_PERF_OBJECT_DAMAGED',
      `${what}: not a BPF object that libbpf can read${said}`,
    );
  }
  const known = bpfError(status, call, what, { ...ADVICE, ...advice });
  if (said !== '') known.message += said;
  return known;
}

const ADVICE: Readonly<Record<string, string>> = {
  ESRCH:
    'the kernel does not show its types (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF), or has no function or tracepoint of that name',
};

const NO_TRAMPOLINES =
  'this kernel has no BPF trampolines, which such programs need (CONFIG_FUNCTION_TRACER, CONFIG_DYNAMIC_FTRACE), or CAP_BPF and CAP_PERFMON are missing';
/** What EPERM means for kinds of programs that the kernel may not support, by the first word of their section. */
const MISSING_IN_KERNEL: Readonly<Record<string, string>> = {
  fentry: NO_TRAMPOLINES,
  fexit: NO_TRAMPOLINES,
  fmod_ret: NO_TRAMPOLINES,
  lsm: 'this kernel has no BPF LSM (CONFIG_BPF_LSM) or no BPF trampolines, or CAP_BPF and CAP_PERFMON are missing',
};

/**
 * The error for a failed load: by the cause in the log, or by the errno when the log has none.
 * @param what `exec.bpf.o`
 * @param btf the path that was given for the kernel's types
 * @param sectionOf the section of a program, by the program's name
 */
export function loadError(
  status: number,
  log: string,
  what: string,
  btf?: string,
  sectionOf: (program: string) => string | undefined = () => undefined,
): Error {
  const program = /prog '([^']*)': (?:BPF program load failed|-- BEGIN|failed to load|relo )/.exec(log)?.[1];
  const section = program === undefined ? '' : (sectionOf(program) ?? '');
  const failed = objectError(status, withoutVerifier(log), 'bpf_object__load', `loading ${what}`, {
    EPERM:
      MISSING_IN_KERNEL[/^\??(\w+)/.exec(section)?.[1] ?? ''] ?? permissionAdvice(['CAP_BPF', 'CAP_PERFMON']),
    ...(btf === undefined ? {} : { ENOENT: `there is no BTF at ${named(btf)}` }),
    EACCES: 'the verifier refuses a program',
    E2BIG: 'a program has too many instructions, or a map is too large',
    EAGAIN: 'the kernel was interrupted again and again while it verified; load it again',
  });
  const title = program === undefined ? what : `program "${program}" of ${what}`;
  const [, relocation] = /failed to resolve CO-RE relocation ([^\n]*)/.exec(log) ?? [];
  if (relocation !== undefined) {
    const message = `${title} uses what this kernel does not have: ${relocation}`;
    return new PerfRingError('ERR_PERF_RELOCATION', message, { cause: failed });
  }
  const verifier = verifierLog(log);
  return verifier === undefined ? failed : new ProgramRejectedError(title, verifier, { cause: failed });
}

/**
 * The verifier's log of the last program that has one. Its beginning may be missing: only the end of the log is kept.
 */
function verifierLog(log: string): string | undefined {
  const end = log.lastIndexOf('-- END PROG LOAD LOG --');
  if (end < 0) return undefined;
  const begin = log.lastIndexOf('-- BEGIN PROG LOAD LOG --', end);
  const text = log.slice(begin < 0 ? 0 : log.indexOf('\n', begin) + 1, end);
  return text.trim() === '' ? undefined : text;
}

function withoutVerifier(log: string): string {
  return log.replace(/-- BEGIN PROG LOAD LOG --[\s\S]*?-- END PROG LOAD LOG --/g, '');
}

/** `; libbpf: …`, or nothing. */
function linesOf(log: string): string {
  const lines = log
    .split('\n')
    .map((line) => line.replace(/^libbpf: /, '').trim())
    .filter((line) => line !== '' && !NOISE.test(line));
  return lines.length === 0 ? '' : `; libbpf: ${lines.slice(-MESSAGE_LINES).join(' | ')}`;
}

function missingLibrary(reason: string): PerfRingError {
  return new PerfRingError(
    'ERR_PERF_LIBBPF_MISSING',
    `cannot load libbpf 1.x: ${reason}; ${libbpfCommand()}`,
  );
}
