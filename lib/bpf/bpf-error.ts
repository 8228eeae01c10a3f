import { BAD_ARGUMENT } from '../addon/contract';
import { isErrno, systemError } from '../abi/errno';
import { PerfRingError } from '../errors';
import { permissionAdvice } from '../host/permission-advice';

/**
 * The error of a failed bpf(2), or of another call that makes up a BPF attachment.
 * @param answer what native answered: a negative errno or BAD_ARGUMENT
 * @param syscall the call: `bpf(BPF_MAP_CREATE)`
 * @param what was tried, with its values: `creating the map "counts"`
 * @param advice what each errno means for this call and what to do, before the general meaning below
 */
export function bpfError(
  answer: number,
  syscall: string,
  what: string,
  advice: Readonly<Record<string, string>> = {},
): Error {
  if (answer === BAD_ARGUMENT) {
    return new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      `${syscall}: ${what}: an argument has the wrong type or is out of range`,
    );
  }
  const meanings = { EPERM: permissionAdvice(['CAP_BPF']), ...GENERAL_ADVICE, ...advice };
  const explanation = Object.entries(meanings).find(([name]) => isErrno(answer, name))?.[1];
  return systemError(
    answer,
    syscall,
    explanation === undefined ? `${what} failed` : `${what}: ${explanation}`,
  );
}

const GENERAL_ADVICE: Readonly<Record<string, string>> = {
  ENOSYS: 'this kernel, or the seccomp filter of this container, has no bpf(2)',
  EMFILE: 'this process has too many open files; raise its limit: ulimit -n',
  ENFILE: 'the machine has too many open files; raise it: sysctl fs.file-max',
  ENOMEM: 'the kernel is out of memory, or past the memory limit of this control group',
};
