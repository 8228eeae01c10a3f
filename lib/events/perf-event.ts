import { errnoName, isErrno, systemError } from '../abi/errno';
import {
  CLOCK_MONOTONIC,
  encodePerfEventAttr,
  PERF_COUNT_SW_BPF_OUTPUT,
  PERF_COUNT_SW_DUMMY,
  PERF_FORMAT_LOST,
  PERF_FORMAT_TOTAL_TIME_ENABLED,
  PERF_SAMPLE_RAW,
  PERF_TYPE_SOFTWARE,
  type PerfEventAttr,
} from '../abi/perf-event';
import { BAD_ARGUMENT, type NativeAddon, type PerfEventHandle } from '../addon/contract';
import { PerfRingError } from '../errors';
import { possibleCpus } from '../host/cpu-list';
import { permissionAdvice } from '../host/permission-advice';
import { plainCopy, plainOptions } from '../input/plain-data';
import { shown } from '../input/shown';

/** When the kernel wakes a reader that polls. */
export type EventWakeup =
  /** After every so many samples; 1 wakes for each. */
  | { readonly everyEvents: number }
  /** When so many bytes lie unread; below the ring's size. */
  | { readonly everyBytes: number }
  /** Not before half the ring is full. */
  | 'half-full';

/** Attributes beside those this library sets; the kernel's names. `sample_type` adds to what is needed. */
export type CustomAttributes = Partial<
  Omit<PerfEventAttr, 'wakeup_events' | 'wakeup_watermark' | 'watermark'>
>;

/** The perf_event_attr of a ring for bpf_perf_event_output. */
export function bpfOutputAttr(wakeup: EventWakeup, attributes: CustomAttributes = {}): PerfEventAttr {
  const custom = plainCopy(attributes, 'attributes');
  return {
    type: PERF_TYPE_SOFTWARE,
    config: PERF_COUNT_SW_BPF_OUTPUT,
    sample_period: 1,
    // Comparable with bpf_ktime_get_ns(), where PERF_SAMPLE_TIME is asked for.
    use_clockid: true,
    clockid: CLOCK_MONOTONIC,
    ...custom,
    sample_type: wordOf(custom.sample_type, 'sample_type') | PERF_SAMPLE_RAW,
    ...wakeupAttr(wakeup),
  };
}

/** Attributes for which the kernel writes records of other types than samples: side-band records. */
export const SIDE_BAND_FLAGS = [
  'mmap',
  'comm',
  'inherit_stat',
  'task',
  'mmap_data',
  'mmap2',
  'context_switch',
  'namespaces',
  'ksymbol',
  'bpf_event',
  'aux_output',
  'cgroup',
  'text_poke',
] as const satisfies readonly (keyof PerfEventAttr)[];

/**
 * Attributes for two events that share a ring: one for samples, one for side-band records. The kernel counts lost
 * records by event, whatever their type: only records of an event of their own are counted apart.
 * @returns `sideBand` undefined where no such record was asked for
 */
export function splitSideBand(attributes: CustomAttributes): {
  readonly samples: CustomAttributes;
  readonly sideBand: PerfEventAttr | undefined;
} {
  if (!SIDE_BAND_FLAGS.some((flag) => attributes[flag] === true)) {
    return { samples: attributes, sideBand: undefined };
  }
  const none = Object.fromEntries(SIDE_BAND_FLAGS.map((flag) => [flag, false]));
  return {
    samples: { ...attributes, ...none },
    // With the samples' sample_type and clock: the fields that sample_id_all adds are laid out by them.
    sideBand: { ...bpfOutputAttr('half-full', attributes), config: PERF_COUNT_SW_DUMMY },
  };
}

/** For events that can be asked {@link PerfEvent.readEnabledNanoseconds}. */
export function withTimeEnabled(attributes: CustomAttributes): CustomAttributes {
  const asked = wordOf(attributes.read_format, 'read_format');
  return { ...attributes, read_format: (asked | PERF_FORMAT_TOTAL_TIME_ENABLED) >>> 0 };
}

function wakeupAttr(wakeup: EventWakeup): Partial<PerfEventAttr> {
  // A watermark of 0 is the kernel's default: half the ring.
  if (wakeup === 'half-full') return { watermark: true, wakeup_watermark: 0 };
  const { everyBytes, everyEvents } = plainOptions<{ everyBytes?: number; everyEvents?: number }>(
    wakeup,
    ['everyBytes', 'everyEvents'],
    'ERR_PERF_INVALID_OPTION',
    'wakeup',
  );
  if (everyBytes !== undefined) return { watermark: true, wakeup_watermark: everyBytes };
  if (everyEvents !== undefined) return { wakeup_events: everyEvents };
  throw new PerfRingError(
    'ERR_PERF_INVALID_OPTION',
    "wakeup must be 'half-full', { everyEvents: n } or { everyBytes: n }",
  );
}

/** An attribute that is a set of 32 bits; none when it is not given. */
function wordOf(value: number | bigint | undefined, name: string): number {
  if (value === undefined) return 0;
  if ((typeof value === 'number' && Number.isInteger(value)) || typeof value === 'bigint') {
    if (value >= 0 && value <= 0xffff_ffff) return Number(value);
  }
  throw new PerfRingError(
    'ERR_PERF_INVALID_OPTION',
    `attributes.${name} must be from 0 to 4294967295, got ${shown(value)}`,
  );
}

/** A function of the module and not a member of PerfEvent: with a handle, the addon maps the event's ring. */
let handle: (event: PerfEvent) => PerfEventHandle;

/** The handle, for native calls that take an event. Nothing of it may reach a user. */
export function handleOf(event: PerfEvent): PerfEventHandle {
  return handle(event);
}

/**
 * One open perf event of one CPU.
 *
 * @see https://man7.org/linux/man-pages/man2/perf_event_open.2.html
 */
export class PerfEvent {
  /** Whether the kernel counts lost samples for read(2): Linux 6.0 and later. */
  readonly countsLost: boolean;
  readonly #native: NativeAddon;
  readonly #handle: PerfEventHandle;
  readonly #words: BigUint64Array;

  static {
    handle = (event) => event.#handle;
  }

  /** Whether a value is one, and no look-alike. */
  static is(value: unknown): value is PerfEvent {
    return typeof value === 'object' && value !== null && #handle in value;
  }

  private constructor(
    native: NativeAddon,
    handle: PerfEventHandle,
    readonly cpu: number,
    /** attr.read_format as the kernel took it: what PERF_SAMPLE_READ writes, too. */
    readonly readFormat: number,
  ) {
    this.#native = native;
    this.#handle = handle;
    this.countsLost = (readFormat & PERF_FORMAT_LOST) !== 0;
    this.#words = new BigUint64Array(1 + bitCount(readFormat));
    Object.freeze(this);
  }

  /**
   * @param pid -1 for every process (needs CAP_PERFMON), 0 for this one, or a process id
   * @throws PerfSystemError of perf_event_open(2): EACCES, EMFILE, …; PerfRingError ERR_PERF_CPU_OFFLINE,
   *   ERR_PERF_NO_SUCH_CPU
   */
  static open(native: NativeAddon, attr: PerfEventAttr, cpu: number, pid = -1): PerfEvent {
    const asked = wordOf(attr.read_format, 'read_format');
    for (const format of [asked | PERF_FORMAT_LOST, asked]) {
      const bytes = encodePerfEventAttr({ ...attr, read_format: format });
      const result = native.perfEventOpen(bytes, pid, cpu, -1, 0);
      if (typeof result !== 'number') return new PerfEvent(native, result, cpu, format);
      // EINVAL: a kernel before 6.0 does not know PERF_FORMAT_LOST.
      if (!isErrno(result, 'EINVAL') || format === asked) throw openError(result, cpu, pid);
    }
    throw openError(BAD_ARGUMENT, cpu, pid);
  }

  get fileDescriptor(): number {
    return this.#native.perfEventFd(this.#handle);
  }

  /**
   * Records of this event that the kernel could not write, since it was opened: samples, and side-band records where
   * its attributes ask for them. Exact and immediate; records refused while output is paused are counted too.
   * @returns undefined where the kernel does not count them
   */
  readLost(): number | undefined {
    if (!this.countsLost) return undefined;
    const words = this.#native.perfEventRead(this.#handle, this.#words);
    if (words < 0) throw this.#error(words, 'read', 'reading the counters');
    // PERF_FORMAT_LOST is the last word of struct read_format.
    return Number(this.#words[words - 1]);
  }

  /** How long the event has been enabled; undefined when its read_format was opened without: see {@link withTimeEnabled}. */
  readEnabledNanoseconds(): bigint | undefined {
    if ((this.readFormat & PERF_FORMAT_TOTAL_TIME_ENABLED) === 0) return undefined;
    const words = this.#native.perfEventRead(this.#handle, this.#words);
    if (words < 0) throw this.#error(words, 'read', 'reading the counters');
    // The word after the counter, or after how many there are of a group.
    return this.#words[1];
  }

  /** Writes into the other event's ring from now on; `null` detaches. */
  setOutput(target: PerfEvent | null): void {
    if (target !== null && !PerfEvent.is(target)) {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `target must be a perf event or null, got ${shown(target)}`,
      );
    }
    const result = this.#native.perfEventSetOutput(this.#handle, target === null ? null : target.#handle);
    if (result < 0) throw this.#error(result, 'ioctl(PERF_EVENT_IOC_SET_OUTPUT)', 'sharing the ring');
  }

  /** No more output while paused: samples are refused and counted as lost. Not synchronous. */
  pauseOutput(paused: boolean): void {
    const result = this.#native.perfEventPauseOutput(this.#handle, paused);
    if (result < 0) throw this.#error(result, 'ioctl(PERF_EVENT_IOC_PAUSE_OUTPUT)', 'pausing output');
  }

  close(): void {
    this.#native.perfEventClose(this.#handle);
  }

  #error(result: number, syscall: string, what: string): Error {
    if (result === BAD_ARGUMENT) {
      return new PerfRingError('ERR_PERF_CLOSED', `${what} of CPU ${this.cpu}: the perf event was closed`);
    }
    return systemError(result, syscall, `${what} of CPU ${this.cpu} failed`);
  }
}

function bitCount(value: number): number {
  let count = 0;
  for (let rest = value; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** What each errno of perf_event_open(2) means here, and what to do. */
function openError(result: number, cpu: number, pid: number): Error {
  const what = `a perf event on CPU ${shown(cpu)}${pid === -1 ? '' : ` of process ${shown(pid)}`}`;
  if (result === BAD_ARGUMENT) {
    return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${what}: cpu and pid must be integers`);
  }
  if (isErrno(result, 'ENODEV')) {
    return new PerfRingError(
      'ERR_PERF_CPU_OFFLINE',
      `CPU ${shown(cpu)} is offline: bring it online or leave it out`,
    );
  }
  if (isErrno(result, 'EINVAL') && cpu >= 0 && !possibleCpus().includes(cpu)) {
    return new PerfRingError('ERR_PERF_NO_SUCH_CPU', `there is no CPU ${cpu}`);
  }
  const advice: Readonly<Record<string, () => string>> = {
    EACCES: () => `${what} ${permissionAdvice(['CAP_PERFMON'])}`,
    EPERM: () => `${what} ${permissionAdvice(['CAP_PERFMON'])}`,
    ENOSYS: () => 'this kernel, or the seccomp filter of this container, has no perf_event_open(2)',
    EMFILE: () => `${what}: this process has too many open files; raise its limit: ulimit -n`,
    ENFILE: () => `${what}: the machine has too many open files; raise it: sysctl fs.file-max`,
    ENOMEM: () => `${what}: the kernel is out of memory, or past the memory limit of this control group`,
    ESRCH: () => `process ${pid} does not exist`,
    EINVAL: () => `the kernel does not take these attributes for ${what}`,
  };
  return systemError(result, 'perf_event_open', advice[errnoName(result)]?.() ?? `${what} failed`);
}
