/**
 * Opens a reader as the JSON of the last argument says, in a process of its own whose limits, mounts or filters a test
 * has set. Prints the error, or "opened", and what is held afterwards. Run with register-typescript.cjs.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setgid, setgroups, setuid } from 'node:process';
import {
  attachBuiltin,
  type BuiltinName,
  onlineCpus,
  PerfEventArray,
  PerfMapReader,
  possibleCpus,
} from '../../../lib/index';
import { addon } from '../../../lib/addon/load';
import { takeLedger } from '../../support/ledger';

export interface FaultTask {
  readonly bufferBytes?: number;
  readonly builtin?: BuiltinName;
  readonly pinned?: string;
  /** Runs as that user, without capabilities. */
  readonly user?: number;
  /** Bytes of addresses that may be had beside those in use. */
  readonly addresses?: number;
  /** Only this: the CPUs, or the descriptor that the next file would have. */
  readonly ask?: 'cpus' | 'descriptor';
}

function lowestFreeDescriptor(): number {
  const descriptor = openSync('/dev/null', 'r');
  closeSync(descriptor);
  return descriptor;
}

/** As `ulimit -v`, of this process from now on. */
function limitAddresses(more: number): void {
  const [pages = '0'] = readFileSync('/proc/self/statm', 'utf8').split(' ');
  const limit = Number(pages) * addon().pageSize() + more;
  execFileSync('prlimit', ['--pid', `${process.pid}`, `--as=${limit}:${limit}`]);
}

function attempt({ bufferBytes = 4096, builtin, pinned, ask }: FaultTask): unknown {
  if (ask === 'descriptor') return lowestFreeDescriptor();
  if (ask === 'cpus') return { online: onlineCpus(), possible: possibleCpus() };
  const array = pinned === undefined ? PerfEventArray.create() : PerfEventArray.openPinned(pinned);
  try {
    const reader = PerfMapReader.open(array, { bufferBytes });
    try {
      if (builtin !== undefined) attachBuiltin(builtin, array).close();
      return 'opened';
    } finally {
      void reader.close();
    }
  } finally {
    array.close();
  }
}

const task = JSON.parse(process.argv.at(-1) ?? '{}') as FaultTask;
addon();
const before = JSON.stringify(takeLedger());
if (task.user !== undefined) {
  setgroups?.([]);
  setgid?.(task.user);
  setuid?.(task.user);
}
if (task.addresses !== undefined) limitAddresses(task.addresses);
let outcome: unknown;
try {
  outcome = attempt(task);
} catch (error) {
  const { code, syscall, message } = error as { code?: unknown; syscall?: unknown; message?: unknown };
  outcome = { code, syscall, message };
}
(globalThis as { gc?: () => void }).gc?.();
setImmediate(() =>
  setImmediate(() => {
    const left = JSON.stringify(takeLedger()) === before ? 'nothing' : JSON.stringify(takeLedger());
    process.stdout.write(JSON.stringify({ outcome, left }));
  }),
);
