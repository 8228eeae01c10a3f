import { closeSync, openSync } from 'node:fs';
import type { BpfObjectHandle, BpfObjectProgramInfo, LibbpfAnswer, NativeAddon } from '../addon/contract';
import type { BpfObjectLinkHandle, BpfProgramHandle } from '../addon/contract';
import { BPF_PERF_EVENT } from '../abi/bpf';
import { PerfRingError } from '../errors';
import { PerfEvent } from '../events/perf-event';
import { failedCall } from '../host/failed-call';
import { permissionAdvice } from '../host/permission-advice';
import { checkProcessExists } from '../host/process-identity';
import { named, shown } from '../input/shown';
import { type AttachTarget, checkTarget, targetFromText } from './attach-target';
import { bpfError } from './bpf-error';
import { type Attachment, BpfLink } from './bpf-link';
import type { BpfProgram } from './bpf-program';
import { objectError } from './object-error';
import { LibbpfLink } from './object-link';
import { type AttachKind, partsOf, type Section, sectionOf, symbolOf } from './object-section';

/** A program to attach. */
export interface ProgramToAttach {
  readonly native: NativeAddon;
  readonly object: BpfObjectHandle;
  readonly index: number;
  readonly info: BpfObjectProgramInfo;
  /** The program, with a descriptor separate from libbpf's. */
  readonly program: BpfProgram;
}

/**
 * Attaches a loaded program.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_NOT_SUPPORTED, ERR_PERF_TRACEPOINT_UNKNOWN,
 *   ERR_PERF_NO_SUCH_PROCESS
 * @throws PerfSystemError of the call that failed
 */
export function attachProgram(what: ProgramToAttach, given: AttachTarget | string): Attachment {
  const { name, section } = what.info;
  const parsed = sectionOf(name, section);
  const target =
    typeof given === 'string'
      ? targetFromText(parsed.kind, given, name, section)
      : checkTarget(parsed.kind, given, name, section);
  return ATTACH[parsed.kind](what, target, parsed);
}

/**
 * Runs an iterator program once.
 * @returns what it wrote
 * @throws as {@link attachProgram}; PerfRingError ERR_PERF_INVALID_ARGUMENT for a program of another kind
 */
export function runIterator(what: ProgramToAttach): Uint8Array {
  const { name, section } = what.info;
  if (sectionOf(name, section).kind !== 'iterator') {
    throw new PerfRingError(
      'ERR_PERF_INVALID_ARGUMENT',
      `program ${name} is no iterator: its section is ${section}, not iter/…`,
    );
  }
  const link = attachAutomatically(what);
  try {
    const text = link.read(LONGEST_ITERATOR_TEXT);
    if (typeof text !== 'number') return text;
    throw bpfError(text, 'bpf(BPF_ITER_CREATE)', `running the iterator ${name}`, {
      EFBIG: `it writes more than ${LONGEST_ITERATOR_TEXT} bytes`,
    });
  } finally {
    link.close();
  }
}

/** The longest text of one run of an iterator, in bytes. */
const LONGEST_ITERATOR_TEXT = 256 * 1024 * 1024;

type Attach = (what: ProgramToAttach, target: AttachTarget, section: Section) => Attachment;

const ATTACH: Readonly<Record<AttachKind, Attach>> = {
  raw_tracepoint: ({ program, info }, target, { rest }) =>
    program.attachRawTracepoint(needed('tracepoint', target.tracepoint ?? rest, info)),
  tracepoint: ({ program, info }, target, { rest }) => {
    const path = needed('tracepoint', target.tracepoint ?? rest, info);
    const [category = '', name = ''] = path.split(/[/:]/);
    return program.attachTracepoint(category, name);
  },
  kprobe: (what, target, { rest, isReturn }) => {
    const from = symbolOf(rest);
    const symbol = needed('symbol', target.symbol ?? from.symbol, what.info);
    const offset = offsetOf(target, target.symbol === undefined ? from.offset : 0);
    const answer = what.native.bpfObjectAttachKprobe(what.object, what.index, isReturn, symbol, offset);
    return linkOf(what, answer, 'bpf_program__attach_kprobe', `the function ${named(symbol)}`, {
      ENOENT:
        'this kernel has no kprobes (CONFIG_KPROBES), or no function of that name that they can stop at',
    });
  },
  uprobe: (what, target, { rest, isReturn }) => {
    const [file, function_ = ''] = partsOf(rest);
    const from = symbolOf(function_);
    const isAnother = target.symbol !== undefined || target.offset !== undefined || target.path !== undefined;
    const path = needed('path', target.path ?? file, what.info);
    const symbol = target.symbol ?? (isAnother ? '' : from.symbol);
    const offset = offsetOf(target, isAnother ? 0 : from.offset);
    if (symbol === '' && offset === 0) needed('symbol', undefined, what.info);
    const pid = pidOf(target);
    const answer = what.native.bpfObjectAttachUprobe(
      what.object,
      what.index,
      isReturn,
      pid,
      path,
      symbol,
      offset,
    );
    return linkOf(
      what,
      answer,
      'bpf_program__attach_uprobe',
      `${named(symbol)}+${offset} of ${named(path)}`,
      UPROBE_ADVICE,
    );
  },
  usdt: (what, target, { rest }) => {
    const [file, from, name] = partsOf(rest);
    const path = needed('path', target.path ?? file, what.info);
    const provider = needed('provider', target.provider ?? from, what.info);
    const probe = needed('probe', target.probe ?? name, what.info);
    const pid = pidOf(target);
    const answer = what.native.bpfObjectAttachUsdt(what.object, what.index, pid, path, provider, probe);
    const where = `the probe ${named(provider)}:${named(probe)} of ${named(path)}`;
    return linkOf(what, answer, 'bpf_program__attach_usdt', where, UPROBE_ADVICE);
  },
  perf_event: (what, { event }) => {
    if (!PerfEvent.is(event)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `target.event must be a PerfEvent, got ${shown(event)}`,
      );
    }
    return ourLink(what, event.fileDescriptor, BPF_PERF_EVENT, 'the perf event');
  },
  cgroup: (what, target) => {
    const path = needed('cgroup', target.cgroup, what.info);
    const fd = openCgroup(path);
    try {
      return ourLink(what, fd, what.info.attachType, `the control group ${named(path)}`);
    } finally {
      closeSync(fd);
    }
  },
  xdp: (what, target) => {
    const { name, index } = interfaceOf(what, target);
    return ourLink(what, index, what.info.attachType, `the network interface ${name}`);
  },
  tc: (what, target) => {
    const { name, index } = interfaceOf(what, target);
    const { direction } = target;
    if (direction !== 'ingress' && direction !== 'egress') {
      throw new PerfRingError(
        'ERR_PERF_INVALID_OPTION',
        `target.direction must be 'ingress' or 'egress', got ${shown(direction)}`,
      );
    }
    const answer = what.native.bpfObjectAttachTc(what.object, what.index, index, direction === 'egress');
    return linkOf(what, answer, 'bpf_tc_attach', `${direction} of the network interface ${name}`, {
      EPERM: permissionAdvice(['CAP_NET_ADMIN']),
    });
  },
  iterator: (what) => attachAutomatically(what),
  automatic: (what) => attachAutomatically(what),
};

function attachAutomatically(what: ProgramToAttach): LibbpfLink {
  const answer = what.native.bpfObjectAttach(what.object, what.index);
  return linkOf(what, answer, 'bpf_program__attach', what.info.section, {
    ENOENT: 'this kernel has no kprobes (CONFIG_KPROBES), or no function of that name',
    EOPNOTSUPP: 'this kernel attaches no programs of this kind, or the section names nothing to attach to',
    ENOTSUPP: 'this kernel attaches no programs of this kind',
  });
}

const UPROBE_ADVICE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file, or no such function or probe in it',
  ESRCH: 'there is no such function in its symbol tables',
  // Looked up when the call fails: it reads files in /proc.
  get EACCES() {
    return permissionAdvice(['CAP_SYS_ADMIN']);
  },
  get EPERM() {
    return permissionAdvice(['CAP_SYS_ADMIN']);
  },
};

function needed(
  key: keyof AttachTarget,
  value: string | undefined,
  { name, section }: BpfObjectProgramInfo,
): string {
  if (value !== undefined && value !== '') return value;
  throw new PerfRingError(
    'ERR_PERF_INVALID_OPTION',
    `attaching program ${name}, of section ${section}, needs target.${key}`,
  );
}

function offsetOf({ offset }: AttachTarget, otherwise: number): number {
  if (offset === undefined) return otherwise;
  if (Number.isSafeInteger(offset) && offset >= 0) return offset;
  throw new PerfRingError(
    'ERR_PERF_INVALID_OPTION',
    `target.offset must be a whole number of bytes, 0 or more, got ${shown(offset)}`,
  );
}

/** The process id of a target; -1 for every process. */
function pidOf({ pid }: AttachTarget): number {
  if (pid === undefined) return -1;
  if (!Number.isInteger(pid) || pid < 1 || pid > 0x7fff_ffff) {
    throw new PerfRingError('ERR_PERF_INVALID_OPTION', `target.pid must be a process id, got ${shown(pid)}`);
  }
  checkProcessExists(pid);
  return pid;
}

function interfaceOf(
  { native, info }: ProgramToAttach,
  target: AttachTarget,
): { name: string; index: number } {
  const name = needed('networkInterface', target.networkInterface, info);
  const index = native.networkInterfaceIndex(name);
  if (index > 0) return { name, index };
  throw new PerfRingError(
    'ERR_PERF_INVALID_OPTION',
    `there is no network interface ${named(name)}; they are listed by: ip link`,
  );
}

function openCgroup(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const { errno } = error as { errno?: unknown };
    throw failedCall(Number(errno), 'open', `opening the control group ${named(path)}`, {
      advice: {
        ENOENT: 'there is none; control groups of version 2 are directories, as a rule below /sys/fs/cgroup',
      },
    });
  }
}

function ourLink(
  { native, program, info }: ProgramToAttach,
  target: number,
  type: number,
  where: string,
): Attachment {
  const handle: BpfProgramHandle = program.handle;
  const link = native.bpfLinkCreate(handle, target, type);
  if (typeof link !== 'number') return new BpfLink(native, link);
  throw bpfError(link, 'bpf(BPF_LINK_CREATE)', `attaching program ${info.name} to ${where}`, {
    EPERM: permissionAdvice(['CAP_BPF', 'CAP_NET_ADMIN']),
    EBADF: 'it is no control group of version 2',
    EINVAL:
      'programs of this kind do not attach to it, or this kernel is older than their links (Linux 5.15 has all of them)',
    EBUSY: 'another program is attached to it',
    EEXIST: 'another program is attached to it',
  });
}

function linkOf(
  { native, info }: ProgramToAttach,
  answer: LibbpfAnswer<BpfObjectLinkHandle> | number,
  call: string,
  where: string,
  advice: Readonly<Record<string, string>> = {},
): LibbpfLink {
  const { status, log, value } =
    typeof answer === 'number' ? { status: answer, log: '', value: undefined } : answer;
  if (value !== undefined) return new LibbpfLink(native, value, info.name);
  throw objectError(status, log, call, `attaching program ${info.name} to ${where}`, advice);
}
