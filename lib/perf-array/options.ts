import { CLOCK_MONOTONIC, encodePerfEventAttr, PERF_SAMPLE_TIME } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { checkCpuNumbers, onlineCpus, possibleCpus } from '../host/cpu-list';
import { plainCopy, plainList, plainOptions } from '../input/plain-data';
import { MAX_RECORD_BYTES } from '../ring/record-cursor';
import { ABSENT, type RecordFormat, recordFormat } from '../records/record-format';
import { NO_PAYLOAD_TIME } from '../ring/ring-options';
import { checkDataPageCount } from '../storage/mmap-ring-storage';
import { wholeNumber } from '../input/check-number';
import { shown } from '../input/shown';
import { checkLimits, type TurnLimits } from '../delivery/limits';
import type { CustomAttributes } from '../events/attr';
import { bpfOutputAttr, bpfOutputAttributes } from '../events/bpf-output';

/**
 * How a reader is woken when there are samples.
 * - `'moderated'`: each sample wakes at low rates; under load a timer wakes, see `latencyMicroseconds`. The default.
 * - `{ everyEvents: n }`: the kernel wakes after every n samples.
 * - `{ everyBytes: n }`: the kernel wakes when a ring has n unread bytes.
 * - `'manual'`: nothing wakes; call {@link PerfMapReader.drain}.
 */
export type Wakeup =
  | 'moderated'
  | 'manual'
  | { readonly everyEvents: number }
  | { readonly everyBytes: number };

/** Options of {@link PerfMapReader.open}. */
export interface PerfMapReaderOptions {
  /** CPUs to read, each once; by default those that are online, and those that come online later. */
  readonly cpus?: readonly number[];
  /** Bytes of each ring's data area: a power-of-two number of pages, at most 1 GiB; 512 KiB by default. */
  readonly bufferBytes?: number;
  /**
   * In place of `bufferBytes`: bytes of all rings together, including metadata pages, divided evenly among the CPUs in
   * `cpus`, or those online when the reader is opened. A CPU that comes online later gets a ring of the same size.
   */
  readonly memoryBytes?: number;
  /**
   * `'cpu'` (default): ring by ring, each in its own order. `'time'`: one stream in time order. PERF_SAMPLE_TIME then
   * costs the program about 100 ns per sample, and samples are held back for up to `slackNanoseconds`.
   */
  readonly order?: 'cpu' | 'time';
  /**
   * For `order: 'time'`: see RingReaderOptions. 0 to 1e12; 2,000,000 (2 ms) by default. It shrinks while a ring fills from
   * an eighth to a half, where it is 0: more samples may come late then, but fewer are lost.
   */
  readonly slackNanoseconds?: number;
  /**
   * For `order: 'time'`: payload offset, a multiple of 4 bytes, of a u64 from bpf_ktime_get_ns(), used in place of
   * PERF_SAMPLE_TIME.
   */
  readonly timeInPayload?: number;
  readonly wakeup?: Wakeup;
  /** For `wakeup: 'moderated'`: the longest time a sample waits under load, 50 to 1,000,000; 1,000 by default. */
  readonly latencyMicroseconds?: number;
  /** Limits of each batch of asynchronous delivery. */
  readonly turn?: TurnLimits;
  /** More perf_event_attr fields, `sample_type` among them, by their kernel names. */
  readonly attributes?: CustomAttributes;
  /** Called when a loss is seen. The diagnostics channel `perfring:loss` reports it as well. */
  readonly onLoss?: (loss: LossReport) => void;
  /** Returns the CPUs that are online; by default it reads /sys/devices/system/cpu/online. */
  readonly onlineCpus?: () => readonly number[];
}

/** Samples that the kernel could not write on one CPU. */
export interface LossReport {
  readonly cpu: number;
  /** Samples lost since the last report. */
  readonly lost: number;
  /** Samples lost since the reader was opened. */
  readonly total: number;
  /** Samples are larger than half the ring, which was free: a faster reader does not help. */
  readonly ringTooSmall: boolean;
}

/** Options with all defaults filled in. */
export interface ResolvedOptions {
  /** The CPUs requested by number; undefined: those that are online. */
  readonly cpus: readonly number[] | undefined;
  readonly dataPageCount: number;
  readonly pageSize: number;
  readonly order: 'cpu' | 'time';
  readonly slackNanoseconds: number;
  readonly timeInPayload: number | undefined;
  readonly wakeup: Wakeup;
  readonly latencyMicroseconds: number;
  /** Limits of a batch. */
  readonly limits: Required<TurnLimits>;
  readonly attributes: CustomAttributes;
  readonly onLoss: ((loss: LossReport) => void) | undefined;
  readonly onlineCpus: () => readonly number[];
}

const KNOWN_OPTIONS = [
  'cpus',
  'bufferBytes',
  'memoryBytes',
  'order',
  'slackNanoseconds',
  'timeInPayload',
  'wakeup',
  'latencyMicroseconds',
  'turn',
  'attributes',
  'onLoss',
  'onlineCpus',
] as const satisfies readonly (keyof PerfMapReaderOptions)[];

/** The largest data area of a ring. */
export const LARGEST_RING_BYTES = 2 ** 30;
/** With its metadata page of 4 KiB this is exactly what kernel.perf_event_mlock_kb (516) allows each CPU by default. */
const DEFAULT_BUFFER_BYTES = 512 * 1024;
/** No kernel supports more CPUs. */
const MOST_CPUS = 65_536;
const DEFAULT_SLACK_NANOSECONDS = 2e6;
const DEFAULT_LATENCY_MICROSECONDS = 1000;
/**
 * Checks every option before anything is opened.
 * @throws PerfRingError ERR_PERF_INVALID_OPTION, ERR_PERF_NOT_POWER_OF_TWO, ERR_PERF_NO_DATA_PAGES,
 *   ERR_PERF_NO_SUCH_CPU
 */
export function resolveOptions(given: PerfMapReaderOptions, pageSize: number): ResolvedOptions {
  const options = plainOptions(given, KNOWN_OPTIONS);
  const {
    order = 'cpu',
    slackNanoseconds = DEFAULT_SLACK_NANOSECONDS,
    timeInPayload,
    latencyMicroseconds = DEFAULT_LATENCY_MICROSECONDS,
    turn = {},
    onLoss,
  } = options;
  if (order !== 'cpu' && order !== 'time')
    throw invalid(`order must be 'cpu' or 'time', got ${shown(order)}`);
  for (const name of ['slackNanoseconds', 'timeInPayload'] as const) {
    if (options[name] !== undefined && order !== 'time') throw invalid(`${name} needs order: 'time'`);
  }
  const { onlineCpus: asked } = options;
  if (asked !== undefined && typeof asked !== 'function') throw invalid('onlineCpus must be a function');
  const online =
    asked === undefined ? () => onlineCpus() : () => checkCpuNumbers(asked(), 'what onlineCpus() returns');
  if (onLoss !== undefined && typeof onLoss !== 'function') throw invalid('onLoss must be a function');
  const cpus = checkCpus(options.cpus, asked === undefined);
  const wakeup = checkWakeup(options);
  const dataPageCount = checkSize(options, pageSize, cpus?.length ?? Math.max(1, online().length));
  if (typeof wakeup === 'object' && 'everyBytes' in wakeup && wakeup.everyBytes >= dataPageCount * pageSize) {
    throw invalid(
      `wakeup.everyBytes (${wakeup.everyBytes}) must be below the ring's ${dataPageCount * pageSize} bytes, or nothing would ever wake`,
    );
  }
  return {
    cpus,
    dataPageCount,
    pageSize,
    order,
    slackNanoseconds: wholeNumber(slackNanoseconds, 'slackNanoseconds', 0, 1e12),
    timeInPayload,
    wakeup,
    latencyMicroseconds: wholeNumber(latencyMicroseconds, 'latencyMicroseconds', 50, 1e6),
    limits: checkLimits(turn),
    attributes: attributesFor(options, order),
    onLoss,
    onlineCpus: online,
  };
}

function attributesFor(options: PerfMapReaderOptions, order: 'cpu' | 'time'): CustomAttributes {
  const { attributes: given = {} } = options;
  const custom = bpfOutputAttributes(given);
  const byKernelTime = order === 'time' && options.timeInPayload === undefined;
  if (
    byKernelTime &&
    (custom.use_clockid === false || (custom.clockid ?? CLOCK_MONOTONIC) !== CLOCK_MONOTONIC)
  ) {
    throw invalid(
      `order: 'time' needs the samples' time by CLOCK_MONOTONIC: leave use_clockid and clockid out`,
    );
  }
  const attributes = byKernelTime
    ? { ...custom, sample_type: Number(custom.sample_type ?? 0) | PERF_SAMPLE_TIME }
    : custom;
  // Checks, before anything is opened, that the values fit struct perf_event_attr and that the records can be read.
  const attr = bpfOutputAttr({ everyEvents: 1 }, attributes);
  encodePerfEventAttr(attr);
  checkTimeInPayload(options.timeInPayload, recordFormat(attr));
  return attributes;
}

function checkTimeInPayload(timeInPayload: number | undefined, format: RecordFormat): void {
  if (timeInPayload === undefined) return;
  if (wholeNumber(timeInPayload, 'timeInPayload', 0, MAX_RECORD_BYTES - 4) % 4 !== 0) {
    throw invalid(`timeInPayload must be a multiple of 4 bytes, got ${timeInPayload}`);
  }
  if (format.rawOffset === ABSENT) throw invalid(NO_PAYLOAD_TIME);
}

function checkCpus(cpus: readonly number[] | undefined, real: boolean): readonly number[] | undefined {
  if (cpus === undefined) return undefined;
  const numbers = plainList<unknown>(cpus, 'cpus', MOST_CPUS, 'ERR_PERF_INVALID_OPTION');
  if (numbers.length === 0) throw invalid('cpus must be a list of at least one CPU number');
  const possible = real ? new Set(possibleCpus()) : undefined;
  const named = new Set<number>();
  for (const cpu of numbers) {
    if (!Number.isInteger(cpu) || (cpu as number) < 0) {
      throw invalid(`cpus must be CPU numbers, got ${shown(cpu)}`);
    }
    if (possible !== undefined && !possible.has(cpu as number)) {
      throw new PerfRingError(
        'ERR_PERF_NO_SUCH_CPU',
        `there is no CPU ${String(cpu)}; there are ${[...possible].join(', ')}`,
      );
    }
    // A CPU has one slot and one ring. A CPU named twice is probably a mistake for another CPU, whose samples would be
    // missing.
    if (named.has(cpu as number)) throw invalid(`cpus names CPU ${String(cpu)} twice: name each once`);
    named.add(cpu as number);
  }
  return [...named].sort((one, other) => one - other);
}

function checkWakeup(options: PerfMapReaderOptions): Wakeup {
  const { wakeup = 'moderated' } = options;
  if (options.latencyMicroseconds !== undefined && wakeup !== 'moderated') {
    throw invalid(`latencyMicroseconds needs wakeup: 'moderated'`);
  }
  if (wakeup === 'moderated' || wakeup === 'manual') return wakeup;
  if (typeof wakeup === 'object' && wakeup !== null) {
    const choice: { everyEvents?: number; everyBytes?: number } = plainCopy(wakeup, 'wakeup');
    const [name, ...others] = Object.keys(choice);
    if (others.length === 0 && name === 'everyEvents') {
      // The kernel compares it as an int: from 2^31 on every sample would wake.
      return { everyEvents: wholeNumber(choice.everyEvents, 'wakeup.everyEvents', 1, 0x7fff_ffff) };
    }
    if (others.length === 0 && name === 'everyBytes') {
      return { everyBytes: wholeNumber(choice.everyBytes, 'wakeup.everyBytes', 1, 0xffff_ffff) };
    }
  }
  throw invalid(`wakeup must be 'moderated', 'manual', { everyEvents: n } or { everyBytes: n }`);
}

function checkSize(options: PerfMapReaderOptions, pageSize: number, rings: number): number {
  const { memoryBytes } = options;
  if (memoryBytes !== undefined) {
    if (options.bufferBytes !== undefined)
      throw invalid('give bufferBytes (each ring) or memoryBytes (all rings), not both');
    return pagesWithin(wholeNumber(memoryBytes, 'memoryBytes', 1), rings, pageSize);
  }
  const { bufferBytes = Math.max(DEFAULT_BUFFER_BYTES, pageSize) } = options;
  const bytes = wholeNumber(bufferBytes, 'bufferBytes', 1, LARGEST_RING_BYTES);
  if (bytes % pageSize !== 0) {
    throw invalid(`bufferBytes must be a multiple of the page size (${pageSize}), got ${bytes}`);
  }
  const pages = bytes / pageSize;
  if (Math.log2(pages) % 1 !== 0) {
    const below = 2 ** Math.floor(Math.log2(pages)) * pageSize;
    throw new PerfRingError(
      'ERR_PERF_NOT_POWER_OF_TWO',
      `bufferBytes must be a power of two of pages, got ${bytes}; the nearest are ${below} and ${below * 2}`,
    );
  }
  checkDataPageCount(pages);
  return pages;
}

/** The most data pages, a power of two, that each of `rings` rings can have besides its metadata page. */
function pagesWithin(memoryBytes: number, rings: number, pageSize: number): number {
  const pages = Math.floor(memoryBytes / rings / pageSize) - 1;
  if (pages < 1) {
    throw invalid(
      `memoryBytes (${memoryBytes}) does not hold ${rings} rings: each takes at least two pages, ${2 * pageSize * rings} bytes in all`,
    );
  }
  return Math.min(2 ** Math.floor(Math.log2(pages)), LARGEST_RING_BYTES / pageSize);
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_OPTION', message);
}
