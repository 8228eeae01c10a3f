import { addon } from '../addon/load';
import {
  BAD_ARGUMENT,
  type BpfProgramHandle,
  type BpfTestRunResult,
  type NativeAddon,
  type OrErrno,
} from '../addon/contract';
import { BPF_F_TEST_RUN_ON_CPU, BPF_INSN_BYTES, BPF_PROG_TYPE_SCHED_CLS } from '../abi/bpf';
import { isErrno } from '../abi/errno';
import { PerfRingError } from '../errors';
import { permissionAdvice } from '../host/permission-advice';
import { checkBytes, plainOptions } from '../input/plain-data';
import { byteLengthOf } from '../input/view-span';
import { named, shown } from '../input/shown';
import { bpfError } from './bpf-error';
import { type Attachment, BpfLink } from './bpf-link';
import { checkObjectName } from './bpf-map';
import { ProgramRejectedError } from './program-rejected-error';
import { TracepointLink } from './tracepoint-link';

/** Options of {@link BpfProgram.load}. */
export interface BpfProgramOptions {
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  /** The instructions, from `bpf.assemble()` or a compiler: struct bpf_insn, 8 bytes each. */
  readonly instructions: Uint8Array;
  /** 'GPL' by default: bpf_perf_event_output and most tracing helpers need a GPL-compatible licence. */
  readonly license?: string;
  /** Up to 15 letters, digits, `_` or `.`; shown by bpftool. */
  readonly name?: string;
}

/** Options of {@link BpfProgram.testRun}. */
export interface TestRunOptions {
  /** Packet bytes, at least 14, for programs that take a packet; none by default. */
  readonly dataIn?: Uint8Array;
  /** The context, for programs that take one (a raw tracepoint's arguments, 8 bytes each); none by default. */
  readonly contextIn?: Uint8Array;
  /** How many times to run; once by default. Leave it out for raw tracepoint programs. */
  readonly repeat?: number;
  /** The CPU to run on, for raw tracepoint programs; others run on the CPU of the calling thread. */
  readonly cpu?: number;
}

/**
 * The size of the log buffer begins here and is multiplied by four until the verifier's text fits, or up to the
 * largest.
 */
const FIRST_LOG_BYTES = 64 * 1024;
const LARGEST_LOG_BYTES = 16 * 1024 * 1024;

const NONE = new Uint8Array(0);

/** A loaded, verified BPF program. After `close` every method throws ERR_PERF_CLOSED, except `close` itself. */
export class BpfProgram {
  readonly name: string;
  readonly #native: NativeAddon;
  readonly #handle: BpfProgramHandle;
  #closed = false;

  private constructor(native: NativeAddon, handle: BpfProgramHandle, name: string) {
    this.#native = native;
    this.#handle = handle;
    this.name = name;
    Object.freeze(this);
  }

  /**
   * Loads a program; the kernel verifies it.
   * @throws ProgramRejectedError ERR_PERF_PROGRAM_REJECTED. `log` is the verifier's text; the message has its last
   *   lines
   * @throws PerfRingError ERR_PERF_PROGRAM_INVALID when the number of bytes is 0 or not a multiple of 8
   * @throws PerfSystemError of bpf(BPF_PROG_LOAD): EPERM without CAP_BPF and CAP_PERFMON (for a tc program CAP_BPF and
   *   CAP_NET_ADMIN); EAGAIN, ENOMEM and others that do not depend on the program
   */
  static load(options: BpfProgramOptions): BpfProgram {
    return BpfProgram.loadWith(addon(), options);
  }

  /** Like {@link load}, with a given addon: an object uses the same addon from open to close. @internal */
  static loadWith(native: NativeAddon, options: BpfProgramOptions): BpfProgram {
    const {
      type,
      instructions,
      license = 'GPL',
      name = '',
    } = plainOptions(options, ['type', 'instructions', 'license', 'name']);
    checkObjectName(name);
    checkBytes(instructions, 'instructions');
    const bytes = byteLengthOf(instructions);
    if (bytes === 0 || bytes % BPF_INSN_BYTES !== 0) {
      throw new PerfRingError(
        'ERR_PERF_PROGRAM_INVALID',
        `instructions are ${BPF_INSN_BYTES} bytes each, got ${bytes} bytes`,
      );
    }
    // The first attempt has no log, because a log makes verification slower and most programs are accepted.
    const result = native.bpfProgramLoad(type, instructions, license, name, NONE);
    if (typeof result !== 'number') return new BpfProgram(native, result, name);
    if (!isOfVerifier(result)) throw loadError(result, '', type, bytes / BPF_INSN_BYTES, name);
    let log = NONE;
    let retry: OrErrno<BpfProgramHandle> = result;
    for (let size = FIRST_LOG_BYTES; size <= LARGEST_LOG_BYTES; size *= 4) {
      log = new Uint8Array(size);
      retry = native.bpfProgramLoad(type, instructions, license, name, log);
      if (!isErrno(retry, 'ENOSPC')) break;
    }
    if (typeof retry !== 'number') return new BpfProgram(native, retry, name);
    // A log that is still too short explains the same failure. If the second attempt failed for another reason, its log
    // does not explain the first failure.
    const text = retry === result || isErrno(retry, 'ENOSPC') ? textOf(log) : '';
    throw loadError(result, text, type, bytes / BPF_INSN_BYTES, name);
  }

  /** Makes a BpfProgram that owns the handle. @internal */
  static ofHandle(native: NativeAddon, handle: BpfProgramHandle, name: string): BpfProgram {
    return new BpfProgram(native, handle, name);
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The descriptor's number. Never close it. */
  get fd(): number {
    return this.#native.bpfProgramFd(this.handle);
  }

  /** The handle, for native calls that take a program. @internal */
  get handle(): BpfProgramHandle {
    if (this.#closed) {
      throw new PerfRingError('ERR_PERF_CLOSED', `${this.#title} was used after close()`);
    }
    return this.#handle;
  }

  /**
   * Runs the program on this thread and returns after `repeat` runs. Signals of this thread are delayed until then.
   * @throws PerfSystemError of bpf(BPF_PROG_TEST_RUN): EINTR when only some of the runs are done
   */
  testRun(options: TestRunOptions = {}): BpfTestRunResult {
    const {
      dataIn = NONE,
      contextIn = NONE,
      repeat = 0,
      cpu,
    } = plainOptions(options, ['dataIn', 'contextIn', 'repeat', 'cpu']);
    const flags = cpu === undefined ? 0 : BPF_F_TEST_RUN_ON_CPU;
    const result = this.#native.bpfProgramTestRun(this.handle, dataIn, contextIn, repeat, flags, cpu ?? 0);
    if (typeof result !== 'number') return result;
    throw bpfError(result, 'bpf(BPF_PROG_TEST_RUN)', `running ${this.#title}`, {
      EPERM: permissionAdvice(['CAP_BPF', 'CAP_PERFMON']),
      EINVAL: 'programs of this type do not accept this dataIn, contextIn, repeat or cpu',
      ENXIO: `CPU ${shown(cpu)} is offline or does not exist`,
      ENOTSUPP: 'programs of this type do not support test runs',
      EINTR: 'it was interrupted; only some of the runs are done',
    });
  }

  /**
   * Attaches the program to a raw tracepoint, on every CPU. Needs no tracefs.
   * @param name without its category: `sched_switch`
   * @throws PerfRingError ERR_PERF_TRACEPOINT_UNKNOWN when the kernel has no tracepoint of that name
   * @throws PerfSystemError of bpf(BPF_RAW_TRACEPOINT_OPEN), EPERM without CAP_PERFMON
   */
  attachRawTracepoint(name: string): Attachment {
    const link = this.#native.bpfRawTracepointOpen(this.handle, name);
    if (typeof link !== 'number') return new BpfLink(this.#native, link);
    if (isErrno(link, 'ENOENT')) {
      throw new PerfRingError(
        'ERR_PERF_TRACEPOINT_UNKNOWN',
        `the kernel has no raw tracepoint ${named(name)}; give the name without its category: sched_switch`,
      );
    }
    throw bpfError(link, 'bpf(BPF_RAW_TRACEPOINT_OPEN)', `attaching ${this.#title} to ${named(name)}`, {
      EPERM: permissionAdvice(['CAP_BPF', 'CAP_PERFMON']),
      EINVAL:
        'the program is not of type BPF_PROG_TYPE_RAW_TRACEPOINT, or it reads more arguments than the tracepoint has',
    });
  }

  /**
   * Attaches the program to a tracepoint, on every CPU. Needs a mounted tracefs that this user can read, or
   * CAP_SYS_ADMIN.
   * @throws PerfRingError ERR_PERF_TRACEPOINT_UNKNOWN when the kernel has no tracepoint of that name
   * @throws PerfSystemError of the call that failed; its message says what to do
   */
  attachTracepoint(category: string, name: string): Attachment {
    return TracepointLink.attach(this.#native, this.handle, category, name);
  }

  /** Closes the descriptor. Idempotent. The kernel keeps the program while it is attached. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.bpfProgramClose(this.#handle);
  }

  /** Calls {@link close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  get #title(): string {
    return titleOf(this.name);
  }
}

function titleOf(name: string): string {
  return name === '' ? 'a program without a name' : `program "${name}"`;
}

/**
 * Errnos of bpf(BPF_PROG_LOAD) that do not depend on the program: no permission, interrupted, out of memory or files.
 */
const NOT_OF_VERIFIER = ['EPERM', 'ENOSYS', 'EAGAIN', 'EINTR', 'ENOMEM', 'EMFILE', 'ENFILE'] as const;

/** Whether the verifier may have caused the failure, so that its log explains it. */
function isOfVerifier(errno: number): boolean {
  return errno !== BAD_ARGUMENT && !NOT_OF_VERIFIER.some((name) => isErrno(errno, name));
}

function textOf(log: Uint8Array): string {
  const end = log.indexOf(0);
  return Buffer.from(log.subarray(0, end < 0 ? log.length : end)).toString('utf8');
}

function loadError(errno: number, text: string, type: number, count: number, name: string): Error {
  const what = `loading ${titleOf(name)} (type ${shown(type)}, ${count} instructions)`;
  const systemError = bpfError(errno, 'bpf(BPF_PROG_LOAD)', what, {
    EPERM: permissionAdvice(['CAP_BPF', type === BPF_PROG_TYPE_SCHED_CLS ? 'CAP_NET_ADMIN' : 'CAP_PERFMON']),
    EINVAL: 'the kernel does not know this program type, or the licence is not GPL-compatible',
    E2BIG: 'too many instructions',
    EAGAIN: 'the kernel was interrupted each time it verified the program; load it again',
  });
  return text.trim() === ''
    ? systemError
    : new ProgramRejectedError(titleOf(name), text, { cause: systemError });
}
