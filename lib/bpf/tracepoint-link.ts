import {
  BAD_ARGUMENT,
  type BpfProgramHandle,
  type NativeAddon,
  type PerfEventHandle,
} from '../addon/contract';
import { isErrno } from '../abi/errno';
import { encodePerfEventAttr, PERF_TYPE_TRACEPOINT } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { onlineCpus } from '../host/cpu-list';
import { mountOf, tracefsCommand } from '../host/mounts';
import { permissionAdvice } from '../host/permission-advice';
import { named } from '../input/shown';
import type { Attachment } from './bpf-link';
import { bpfError } from './bpf-error';

/**
 * A program on a tracepoint: one perf event of the tracepoint carries it, and it runs on every CPU whichever CPU
 * the event was opened on. Closing the event detaches.
 *
 * @see perf_event_attach_bpf_prog() in https://github.com/torvalds/linux/blob/v6.12/kernel/trace/bpf_trace.c
 */
export class TracepointLink implements Attachment {
  readonly #native: NativeAddon;
  readonly #event: PerfEventHandle;
  #closed = false;

  private constructor(native: NativeAddon, event: PerfEventHandle) {
    this.#native = native;
    this.#event = event;
  }

  /** See {@link BpfProgram.attachTracepoint}. */
  static attach(
    native: NativeAddon,
    program: BpfProgramHandle,
    category: string,
    name: string,
  ): TracepointLink {
    const event = openTracepoint(native, category, name);
    try {
      check(native.perfEventSetBpf(event, program), 'ioctl(PERF_EVENT_IOC_SET_BPF)', category, name);
      check(native.perfEventEnable(event, true), 'ioctl(PERF_EVENT_IOC_ENABLE)', category, name);
    } catch (error) {
      native.perfEventClose(event);
      throw error;
    }
    return new TracepointLink(native, event);
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.perfEventClose(this.#event);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function openTracepoint(native: NativeAddon, category: string, name: string): PerfEventHandle {
  const id = native.tracepointId(category, name);
  if (id < 0) throw unreadableId(id, category, name);
  const attr = encodePerfEventAttr({
    type: PERF_TYPE_TRACEPOINT,
    config: id,
    sample_period: 1,
    disabled: true,
  });
  const [cpu] = onlineCpus();
  const event = native.perfEventOpen(attr, -1, cpu ?? 0, -1, 0);
  if (typeof event !== 'number') return event;
  const advice = { EACCES: permissionAdvice(['CAP_PERFMON']), EPERM: permissionAdvice(['CAP_PERFMON']) };
  throw bpfError(
    event,
    'perf_event_open',
    `opening the tracepoint ${named(category)}/${named(name)}`,
    advice,
  );
}

function unreadableId(errno: number, category: string, name: string): Error {
  const what = `the id of the tracepoint ${named(category)}/${named(name)}`;
  // A name with a slash, say, is no name of a tracepoint either.
  if (isErrno(errno, 'ENOENT') || errno === BAD_ARGUMENT) {
    return new PerfRingError(
      'ERR_PERF_TRACEPOINT_UNKNOWN',
      `the kernel has no tracepoint ${named(category)}/${named(name)}; they are the directories of events/ in tracefs`,
    );
  }
  const why =
    mountOf('tracefs') === null
      ? 'tracefs is not mounted here'
      : 'tracefs lets root and its group read alone';
  const advice = `${why}; run as root, or have root do: ${tracefsCommand()}`;
  // ENOSYS, ENODEV: tracefs is not mounted, and the kernel mounts none for one call (before 5.2, or without tracefs).
  return bpfError(errno, 'open', `reading ${what}`, {
    EACCES: advice,
    EPERM: advice,
    ENOSYS: advice,
    ENODEV: advice,
  });
}

function check(answer: number, syscall: string, category: string, name: string): void {
  if (answer >= 0) return;
  throw bpfError(answer, syscall, `attaching to the tracepoint ${named(category)}/${named(name)}`, {
    EINVAL: 'only a program of type BPF_PROG_TYPE_TRACEPOINT attaches to it',
    EACCES: 'the program reads past the fields of this tracepoint',
    EPERM: permissionAdvice(['CAP_BPF', 'CAP_PERFMON']),
    EEXIST: 'the program is attached to it already',
  });
}
