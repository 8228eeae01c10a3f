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
  /** The bytes that `bpf.assemble()` returns, or of a compiler: struct bpf_insn, 8 bytes each. */
  readonly instructions: Uint8Array;
  /** 'GPL' by default: bpf_perf_event_output and most tracing helpers ask for a compatible one. */
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
  /** How many times to run; once when left out. Raw tracepoint programs take no number. */
  readonly repeat?: number;
  /** The CPU to run on, for raw tracepoint programs; others run on the CPU of the calling thread. */
  readonly cpu?: number;
}

/** The log grows by fours from here until the verifier's text fits; the kernel takes 1 GiB, this is plenty. */
const FIRST_LOG_BYTES = 64 * 1024;
const LARGEST_LOG_BYTES = 16 * 1024 * 1024;

const NONE = new Uint8Array(0);

/** A loaded, verified BPF program. Every method but `close` throws ERR_PERF_CLOSED after it. */
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
   * Has the kernel verify and load a program.
   * @throws ProgramRejectedError ERR_PERF_PROGRAM_REJECTED with the verifier's `log`, its last lines in the message
   * @throws PerfRingError ERR_PERF_PROGRAM_INVALID when the bytes are no whole number of instructions, or none
   * @throws PerfSystemError of bpf(BPF_PROG_LOAD), EPERM without CAP_BPF and CAP_PERFMON (for a tc
   *   program CAP_NET_ADMIN); EAGAIN, ENOMEM and others that say nothing of the program
   */
  static load(options: BpfProgramOptions): BpfProgram {
    return BpfProgram.loadWith(addon(), options);
  }

  /** As {@link load}, for an object that keeps the addon it was opened with. @internal */
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
    // Without a log first: writing one makes verification slower, and most programs are good.
    const answer = native.bpfProgramLoad(type, instructions, license, name, NONE);
    if (typeof answer !== 'number') return new BpfProgram(native, answer, name);
    if (!isOfVerifier(answer)) throw loadError(answer, '', type, bytes / BPF_INSN_BYTES, name);
    let log = NONE;
    let again: OrErrno<BpfProgramHandle> = answer;
    for (let size = FIRST_LOG_BYTES; size <= LARGEST_LOG_BYTES; size *= 4) {
      log = new Uint8Array(size);
      again = native.bpfProgramLoad(type, instructions, license, name, log);
      if (!isErrno(again, 'ENOSPC')) break;
    }
    if (typeof again !== 'number') return new BpfProgram(native, again, name);
    // A log that is still too short is one of this failure as well; that of another failure says nothing of this one.
    const text = again === answer || isErrno(again, 'ENOSPC') ? textOf(log) : '';
    throw loadError(answer, text, type, bytes / BPF_INSN_BYTES, name);
  }

  /** The program of a handle, which is closed with it. @internal */
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
   * Runs the program now, on this thread; returns when it ran `repeat` times.
   * Signals of this thread wait meanwhile.
   * @throws PerfSystemError of bpf(BPF_PROG_TEST_RUN): EINTR when a part of the runs is done
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
      EINVAL: 'programs of this type take no such dataIn, contextIn, repeat or cpu',
      ENXIO: `CPU ${shown(cpu)} is offline, or there is none`,
      ENOTSUPP: 'programs of this type cannot be run so',
      EINTR: 'it was interrupted; a part of the runs is done',
    });
  }

  /**
   * Attaches to a raw tracepoint, on every CPU. Needs no tracefs.
   * @param name `sched_switch`, without its category
   * @throws PerfRingError ERR_PERF_TRACEPOINT_UNKNOWN when the kernel has none of that name
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
        'the program is of another type than BPF_PROG_TYPE_RAW_TRACEPOINT, or reads more arguments than it has',
    });
  }

  /**
   * Attaches to a tracepoint, on every CPU. Needs tracefs, mounted or, with CAP_SYS_ADMIN, to be had unmounted.
   * @throws PerfRingError ERR_PERF_TRACEPOINT_UNKNOWN when the kernel has none of that name
   * @throws PerfSystemError of the call that failed, with what to do
   */
  attachTracepoint(category: string, name: string): Attachment {
    return TracepointLink.attach(this.#native, this.handle, category, name);
  }

  /** Closes the descriptor. Idempotent. The program lives on while it is attached. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.bpfProgramClose(this.#handle);
  }

  /** As {@link close}: for `using`. */
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

/** What bpf(BPF_PROG_LOAD) answers to good programs, too: permission, interruption, want of memory or descriptors. */
const NOT_OF_VERIFIER = ['EPERM', 'ENOSYS', 'EAGAIN', 'EINTR', 'ENOMEM', 'EMFILE', 'ENFILE'] as const;

/** Whether a failure may be the verifier's, whose log explains it. */
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
    EINVAL: 'the kernel knows no such program type, or its licence is not compatible',
    E2BIG: 'too many instructions',
    EAGAIN: 'the kernel was interrupted again and again while it verified the program; load it again',
  });
  return text.trim() === ''
    ? systemError
    : new ProgramRejectedError(titleOf(name), text, { cause: systemError });
}
