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
 * A program attached to a tracepoint through one perf event of that tracepoint. It runs on every CPU, although the
 * event was opened on one. Closing the event detaches the program.
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
  // BAD_ARGUMENT: the name can't be that of a tracepoint, for example because it contains a slash.
  if (isErrno(errno, 'ENOENT') || errno === BAD_ARGUMENT) {
    return new PerfRingError(
      'ERR_PERF_TRACEPOINT_UNKNOWN',
      `the kernel has no tracepoint ${named(category)}/${named(name)}; list them: ls /sys/kernel/tracing/events/*`,
    );
  }
  const why =
    mountOf('tracefs') === null ? 'tracefs is not mounted here' : 'only root and its group may read tracefs';
  const advice = `${why}; run as root, or run this once as root: ${tracefsCommand()}`;
  // ENOSYS, ENODEV: tracefs is not mounted, and the kernel can't mount it for this call (before 5.2, or without
  // tracefs).
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
    EINVAL: 'only a program of type BPF_PROG_TYPE_TRACEPOINT can be attached to it',
    EACCES: 'the program reads past the fields of this tracepoint',
    EPERM: permissionAdvice(['CAP_BPF', 'CAP_PERFMON']),
    EEXIST: 'the program is already attached to it',
  });
}
