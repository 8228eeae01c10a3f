import { kill, pid } from 'node:process';
import { join } from 'node:path';
import { systemError } from '../abi/errno';
import { PerfRingError } from '../errors';
import { HOST_PATHS, type HostPaths } from './host-paths';
import { type PidNamespace, pidNamespace, pidNamespaceOf } from './namespaces';
import { readText } from './read-text';

/** What a BPF program compares to recognise a process. */
export interface ProcessIdentity {
  /** The process's number in {@link ProcessIdentity.namespace}. */
  readonly tgid: number;
  /** The process's number in the PID namespace of the calling process. */
  readonly tgidHere: number;
  /** The PID namespace of the process; `null` for the initial one, whose numbers the kernel itself uses. */
  readonly namespace: PidNamespace | null;
}

/**
 * The identity of the process with number `tgid` in the PID namespace of the calling process. A process in a nested
 * namespace (a container in this one) has a number in both; a BPF program sees only the innermost.
 * @throws PerfSystemError when the namespace of a nested process can't be read: EACCES without CAP_SYS_PTRACE
 */
export function processIdentity(tgid: number, paths: HostPaths = HOST_PATHS): ProcessIdentity {
  const namespace = pidNamespace(paths);
  if (namespace === null) return { tgid, tgidHere: tgid, namespace };
  const numbers = numbersOf('NStgid', tgid, paths);
  const innermost = numbers.at(-1);
  if (numbers.length < 2 || innermost === undefined) return { tgid, tgidHere: tgid, namespace };
  try {
    return { tgid: innermost, tgidHere: tgid, namespace: pidNamespaceOf(tgid, paths) };
  } catch (error) {
    const errno = Number((error as { errno?: unknown }).errno);
    const what = `reading the PID namespace of process ${tgid}`;
    throw systemError(errno, 'stat', `${what}: needs CAP_SYS_PTRACE where it is another user's`, {
      cause: error,
    });
  }
}

/**
 * @param tgid in the PID namespace of this process; 0, the idle threads, only in the initial one
 * @throws PerfRingError ERR_PERF_NO_SUCH_PROCESS; also for the id of a thread that is not the main thread
 */
export function checkProcessExists(tgid: number, paths: HostPaths = HOST_PATHS): void {
  const namespace = pidNamespace(paths);
  if (tgid === 0 && namespace === null) return;
  if (tgid === 0 || !isThere(tgid)) {
    const where = namespace === null ? '' : ' in the PID namespace of this process, whose numbers count here';
    throw new PerfRingError('ERR_PERF_NO_SUCH_PROCESS', `there is no process ${tgid}${where}`);
  }
  const [leader] = numbersOf('Tgid', tgid, paths);
  if (leader === undefined || leader === tgid) return;
  throw new PerfRingError(
    'ERR_PERF_NO_SUCH_PROCESS',
    `${tgid} is a thread of process ${leader}; give the number of the process`,
  );
}

function isThere(tgid: number): boolean {
  try {
    kill(tgid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== 'ESRCH';
  }
}

/** The numbers of a line in /proc/PID/status; none when /proc belongs to another namespace or hides the process. */
function numbersOf(name: 'Tgid' | 'NStgid', tgid: number, paths: HostPaths): number[] {
  if (lineOf('Pid', 'self', paths)[0] !== pid) return [];
  return lineOf(name, tgid, paths);
}

function lineOf(name: string, process: number | 'self', paths: HostPaths): number[] {
  const status = readText(join(paths.proc, String(process), 'status')) ?? '';
  const line = new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
  return line === undefined ? [] : line.trim().split(/\s+/).map(Number);
}
