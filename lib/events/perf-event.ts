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

/** What {@link PerfEvent.read} returns; undefined is what the event's `read_format` does not have. */
export interface EventCount {
  /** Events counted; nanoseconds for the clocks. */
  readonly value: bigint;
  /** How long the event was enabled, and how long it was on its counter: less where events take turns. */
  readonly enabledNanoseconds: bigint | undefined;
  readonly runningNanoseconds: bigint | undefined;
  /** As {@link PerfEvent.id}. */
  readonly id: bigint | undefined;
  /** Samples that the kernel could not write. */
  readonly lost: number | undefined;
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
   * Opens an event: as {@link MmapRingStorage.open} does.
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

  /** The descriptor's number, for messages and polling. Never close it. */
  /** The descriptor's number. Never close it. @throws PerfRingError ERR_PERF_CLOSED */
  get fileDescriptor(): number {
    const fd = this.#native.perfEventFd(this.#handle);
    if (fd < 0) throw this.#error(fd, 'fcntl', 'the descriptor of the event');
    return fd;
  }

  /**
   * Records of this event that the kernel could not write, since it was opened: samples, and side-band records where
   * its attributes ask for them. Exact and immediate; records refused while output is paused are counted too.
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

  /**
   * Counts and samples from now on, where the event was opened `disabled` or has been disabled. Idempotent.
   * @throws PerfRingError ERR_PERF_CLOSED
   * @throws PerfSystemError of ioctl(PERF_EVENT_IOC_ENABLE)
   */
  enable(): void {
    this.#control(this.#native.perfEventEnable(this.#handle, true), 'ENABLE', 'enabling the event');
  }

  /** Neither counts nor samples until {@link enable}. Idempotent. @throws as {@link enable} */
  disable(): void {
    this.#control(this.#native.perfEventEnable(this.#handle, false), 'DISABLE', 'disabling the event');
  }

  /** Sets the counter to 0, but neither its times nor its count of lost samples. @throws as {@link enable} */
  reset(): void {
    this.#control(this.#native.perfEventReset(this.#handle), 'RESET', 'resetting the counter');
  }

  /**
   * What the event has counted, as its `read_format` asks. An event of a group that has PERF_FORMAT_GROUP in it reads
   * its own counter here as well.
   * @throws PerfRingError ERR_PERF_CLOSED; ERR_PERF_NOT_SUPPORTED for a `pinned` event that the kernel could not keep on
   *   its counter: it counts again after {@link disable} and {@link enable}
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
    // A group has the number of its events in front, and its times before the counters.
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
   * The id of the event in samples that have PERF_SAMPLE_ID or PERF_SAMPLE_IDENTIFIER.
   * @throws PerfRingError ERR_PERF_CLOSED
   * @throws PerfSystemError of ioctl(PERF_EVENT_IOC_ID)
   */
  get id(): number {
    const result = this.#native.perfEventId(this.#handle);
    this.#control(result, 'ID', 'asking for the id');
    return result;
  }

  /** No more output while paused: samples are refused and counted as lost. Not synchronous. */
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

  /** Closes the descriptor. Idempotent. A mapped ring keeps the event alive until it is unmapped. */
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

/** What each errno of perf_event_open(2) means here. */
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
  return failedCall(result, 'perf_event_open', what, {
    needs: ['CAP_PERFMON'],
    advice: {
      ESRCH: `process ${shown(pid)} does not exist`,
      EINVAL: 'the kernel does not take these attributes',
    },
  });
}
