import { isErrno } from '../abi/errno';
import {
  encodePerfEventAttr,
  type PerfEventAttr,
  PERF_FORMAT_GROUP,
  PERF_FORMAT_ID,
  PERF_FORMAT_LOST,
  PERF_FORMAT_TOTAL_TIME_ENABLED,
  PERF_FORMAT_TOTAL_TIME_RUNNING,
} from '../abi/perf-event';
import { BAD_ARGUMENT, type NativeAddon, type PerfEventHandle } from '../addon/contract';
import { PerfRingError } from '../errors';
import { possibleCpus } from '../host/cpu-list';
import { failedCall } from '../host/failed-call';
import { shown } from '../input/shown';
import { wordOf } from './attr';

/** The result of {@link PerfEvent.read}. Fields that the event's `read_format` does not include are undefined. */
export interface EventCount {
  /** The number of events; nanoseconds for PERF_COUNT_SW_CPU_CLOCK and PERF_COUNT_SW_TASK_CLOCK. */
  readonly value: bigint;
  /** How long the event has been enabled. */
  readonly enabledNanoseconds: bigint | undefined;
  /** How long the event has been counting: less than enabled when events share a hardware counter in turns. */
  readonly runningNanoseconds: bigint | undefined;
  /** As {@link PerfEvent.id}. */
  readonly id: bigint | undefined;
  /** Samples that the kernel could not write. */
  readonly lost: number | undefined;
}

/**
 * A function of this module and not a member of PerfEvent, so that users can't get the handle and map the ring with it.
 */
let handle: (event: PerfEvent) => PerfEventHandle;

/** The handle, for native calls that take an event. Never return it to a user. */
export function handleOf(event: PerfEvent): PerfEventHandle {
  return handle(event);
}

/**
 * An open perf event of one CPU.
 *
 * @see https://man7.org/linux/man-pages/man2/perf_event_open.2.html
 */
export class PerfEvent {
  /** Whether the kernel counts lost samples (PERF_FORMAT_LOST): Linux 6.0 and later. */
  readonly countsLost: boolean;
  readonly #native: NativeAddon;
  readonly #handle: PerfEventHandle;
  readonly #words: BigUint64Array;

  static {
    handle = (event) => event.#handle;
  }

  /** Whether a value is a PerfEvent, and not an object with the same properties. */
  static is(value: unknown): value is PerfEvent {
    return typeof value === 'object' && value !== null && #handle in value;
  }

  private constructor(
    native: NativeAddon,
    handle: PerfEventHandle,
    readonly cpu: number,
    /** attr.read_format as the kernel accepted it. It is also the format of PERF_SAMPLE_READ. */
    readonly readFormat: number,
  ) {
    this.#native = native;
    this.#handle = handle;
    this.countsLost = (readFormat & PERF_FORMAT_LOST) !== 0;
    this.#words = new BigUint64Array(1 + bitCount(readFormat));
    Object.freeze(this);
  }

  /**
   * Opens an event. {@link MmapRingStorage.open} uses it.
   * @internal
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

  /** The descriptor's number, for messages and polling. Never close it. @throws PerfRingError ERR_PERF_CLOSED */
  get fileDescriptor(): number {
    const fd = this.#native.perfEventFd(this.#handle);
    if (fd < 0) throw this.#error(fd, 'fcntl', 'the descriptor of the event');
    return fd;
  }

  /**
   * The number of records that the kernel could not write since the event was opened: samples, and side-band records if
   * its attributes ask for them. It is exact and up to date. Records dropped while output is paused are counted as
   * well.
   * @returns undefined where the kernel does not count them
   */
  readLost(): number | undefined {
    if (!this.countsLost) return undefined;
    const words = this.#readWords();
    // PERF_FORMAT_LOST is the last word of struct read_format.
    return Number(this.#words[words - 1]);
  }

  /** How long the event has been enabled; undefined when its `read_format` has no PERF_FORMAT_TOTAL_TIME_ENABLED. */
  readEnabledNanoseconds(): bigint | undefined {
    if ((this.readFormat & PERF_FORMAT_TOTAL_TIME_ENABLED) === 0) return undefined;
    this.#readWords();
    // The word after the counter or, for a group, after the number of its events.
    return this.#words[1];
  }

  /**
   * From now on the event writes its records to the ring of `target`. `null` ends that.
   * @throws PerfRingError ERR_PERF_CLOSED, ERR_PERF_INVALID_ARGUMENT
   * @throws PerfSystemError of ioctl(PERF_EVENT_IOC_SET_OUTPUT)
   */
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

  /**
   * Starts counting and sampling again after {@link disable}, or when the event was opened `disabled`. Idempotent.
   * @throws PerfRingError ERR_PERF_CLOSED
   * @throws PerfSystemError of ioctl(PERF_EVENT_IOC_ENABLE)
   */
  enable(): void {
    this.#control(this.#native.perfEventEnable(this.#handle, true), 'ENABLE', 'enabling the event');
  }

  /** Stops counting and sampling until {@link enable}. Idempotent. @throws as {@link enable} */
  disable(): void {
    this.#control(this.#native.perfEventEnable(this.#handle, false), 'DISABLE', 'disabling the event');
  }

  /** Sets the counter to 0. Its times and its count of lost samples stay. @throws as {@link enable} */
  reset(): void {
    this.#control(this.#native.perfEventReset(this.#handle), 'RESET', 'resetting the counter');
  }

  /**
   * Reads the event's counter, and what else its `read_format` includes. With PERF_FORMAT_GROUP this is also the
   * event's own counter, not the sum of the group.
   * @throws PerfRingError ERR_PERF_CLOSED; ERR_PERF_NOT_SUPPORTED for a `pinned` event that the kernel could not keep on
   *   its counter; after {@link disable} and {@link enable} it counts again
   * @throws PerfSystemError of read(2)
   * @see struct read_format, https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/perf_event.h#L339
   */
  read(): EventCount {
    this.#readWords();
    const words = this.#words.values();
    const has = (bit: number): boolean => (this.readFormat & bit) !== 0;
    const next = (): bigint => words.next().value ?? 0n;
    const take = (bit: number): bigint | undefined => (has(bit) ? next() : undefined);
    const isGroup = has(PERF_FORMAT_GROUP);
    // For a group the number of its events comes first, and the times come before the counters.
    if (isGroup) next();
    let value = isGroup ? 0n : next();
    const enabledNanoseconds = take(PERF_FORMAT_TOTAL_TIME_ENABLED);
    const runningNanoseconds = take(PERF_FORMAT_TOTAL_TIME_RUNNING);
    if (isGroup) value = next();
    const id = take(PERF_FORMAT_ID);
    const lost = take(PERF_FORMAT_LOST);
    return {
      value,
      enabledNanoseconds,
      runningNanoseconds,
      id,
      lost: lost === undefined ? undefined : Number(lost),
    };
  }

  /**
   * The id of the event, as in samples that have PERF_SAMPLE_ID or PERF_SAMPLE_IDENTIFIER.
   * @throws PerfRingError ERR_PERF_CLOSED
   * @throws PerfSystemError of ioctl(PERF_EVENT_IOC_ID)
   */
  get id(): number {
    const result = this.#native.perfEventId(this.#handle);
    this.#control(result, 'ID', 'asking for the id');
    return result;
  }

  /**
   * Pauses or resumes output. While it is paused, samples are dropped and counted as lost. Not synchronous: a sample
   * that is being written is completed.
   */
  pauseOutput(paused: boolean): void {
    if (typeof paused !== 'boolean') {
      throw new PerfRingError(
        'ERR_PERF_INVALID_ARGUMENT',
        `paused must be true or false, got ${shown(paused)}`,
      );
    }
    const result = this.#native.perfEventPauseOutput(this.#handle, paused);
    if (result < 0) throw this.#error(result, 'ioctl(PERF_EVENT_IOC_PAUSE_OUTPUT)', 'pausing output');
  }

  /** Closes the descriptor. Idempotent. The event exists until its mapped ring is closed as well. */
  close(): void {
    this.#native.perfEventClose(this.#handle);
  }

  #readWords(): number {
    const words = this.#native.perfEventRead(this.#handle, this.#words);
    if (words < 0) throw this.#error(words, 'read', 'reading the counters');
    if (words > 0) return words;
    throw new PerfRingError(
      'ERR_PERF_NOT_SUPPORTED',
      `the pinned event of CPU ${this.cpu} lost its counter: disable() and enable() it to count again`,
    );
  }

  #control(result: number, command: string, what: string): void {
    if (result < 0) throw this.#error(result, `ioctl(PERF_EVENT_IOC_${command})`, what);
  }

  #error(result: number, syscall: string, what: string): Error {
    if (result === BAD_ARGUMENT) {
      return new PerfRingError('ERR_PERF_CLOSED', `${what} of CPU ${this.cpu}: the perf event was closed`);
    }
    return failedCall(result, syscall, `${what} of CPU ${this.cpu}`);
  }
}

function bitCount(value: number): number {
  let count = 0;
  for (let rest = value; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** The error for a negative errno of perf_event_open(2). */
function openError(result: number, cpu: number, pid: number): Error {
  const what = `a perf event on CPU ${shown(cpu)}${pid === -1 ? '' : ` of process ${shown(pid)}`}`;
  if (result === BAD_ARGUMENT) {
    return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', `${what}: cpu and pid must be integers`);
  }
  if (isErrno(result, 'ENODEV')) {
    return new PerfRingError(
      'ERR_PERF_CPU_OFFLINE',
      `CPU ${shown(cpu)} is offline: bring it online, or do not open it`,
    );
  }
  if (isErrno(result, 'EINVAL') && cpu >= 0 && !possibleCpus().includes(cpu)) {
    return new PerfRingError(
      'ERR_PERF_NO_SUCH_CPU',
      `there is no CPU ${cpu}; possibleCpus() returns those of this machine`,
    );
  }
  return failedCall(result, 'perf_event_open', what, {
    needs: ['CAP_PERFMON'],
    advice: {
      ESRCH: `process ${shown(pid)} does not exist`,
      EINVAL: 'the kernel does not accept these attributes',
    },
  });
}
