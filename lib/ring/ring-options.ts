import { PerfRingError } from '../errors';
import { plainOptions, plainProperties } from '../input/plain-data';
import { MAX_RECORD_BYTES } from './record-cursor';
import type { RingCursors } from './ring-cursors';
import { ABSENT, isRecordFormat, type RecordFormat } from '../records/record-format';
import { shown } from '../input/shown';

/** Options of {@link PerfRing.initContiguous}. */
export interface PerfRingOptions {
  /** How records are laid out; samples of PERF_SAMPLE_RAW alone by default, as {@link PerfRing.write} makes them. */
  readonly format?: RecordFormat;
  /**
   * Where the time of a sample is, when the format has none: a payload offset of a u64 in nanoseconds, a multiple of 4
   * below 65,536.
   */
  readonly timeInPayload?: number;
  /** CPU number, or another label, that records carry; -1 by default. */
  readonly cpu?: number;
  /**
   * The kernel alone writes the memory, and nothing but samples, in which `misc` is never 0, and records of what was
   * lost or throttled, in which it is: a visit then compares `misc`, `size` and `raw_size` as one word. False by
   * default: `type` is compared as well. Either way no read leaves its record.
   */
  readonly kernelWritten?: boolean;
  /** The two positions; by default native helpers, and Atomics where the addon is not built. @internal */
  readonly cursors?: RingCursors;
}

const CURSOR_METHODS = [
  'available',
  'readOffset',
  'consume',
  'skipToHead',
  'free',
  'writeOffset',
  'publish',
] as const satisfies readonly (keyof RingCursors)[];

/** The options as they are used. @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, ERR_PERF_INVALID_OPTION */
export function ringOptions(options: PerfRingOptions): PerfRingOptions {
  const names = ['format', 'timeInPayload', 'cpu', 'kernelWritten', 'cursors'] as const;
  const plain = plainOptions(options, names, 'ERR_PERF_INVALID_ARGUMENT');
  const { format, cpu, kernelWritten, cursors } = plain;
  if (format !== undefined && !isRecordFormat(format)) {
    throw new PerfRingError('ERR_PERF_INVALID_OPTION', 'format must be made by recordFormat()');
  }
  if (cpu !== undefined && !Number.isInteger(cpu)) {
    throw new PerfRingError('ERR_PERF_INVALID_OPTION', `cpu must be an integer, got ${shown(cpu)}`);
  }
  if (kernelWritten !== undefined && typeof kernelWritten !== 'boolean') {
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `kernelWritten must be true or false, got ${shown(kernelWritten)}`,
    );
  }
  if (cursors !== undefined) checkCursors(cursors);
  return plain;
}

function checkCursors(cursors: RingCursors): void {
  const methods = plainProperties(cursors, CURSOR_METHODS, 'ERR_PERF_INVALID_OPTION', 'cursors');
  for (const name of CURSOR_METHODS) {
    if (typeof methods[name] === 'function') continue;
    throw new PerfRingError('ERR_PERF_INVALID_OPTION', `cursors.${name} must be a function`);
  }
}

/** Why `timeInPayload` is refused. */
export const NO_PAYLOAD_TIME =
  'timeInPayload needs PERF_SAMPLE_RAW, and no PERF_SAMPLE_CALLCHAIN or group of counters before it';

/** Offset of the time from a sample's start, or ABSENT. */
export function timeOffsetOf(format: RecordFormat, timeInPayload: number | undefined): number {
  if (timeInPayload === undefined) return format.timeOffset;
  // An offset past every record would lose its high bits in the merge's arithmetic, and read a time elsewhere.
  const isOffset = Number.isInteger(timeInPayload) && timeInPayload >= 0 && timeInPayload < MAX_RECORD_BYTES;
  if (!isOffset || timeInPayload % 4 !== 0) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `timeInPayload must be a multiple of 4 bytes below ${MAX_RECORD_BYTES}, got ${shown(timeInPayload)}`,
    );
  }
  if (format.rawOffset === ABSENT) {
    throw new PerfRingError('ERR_PERF_INVALID_OPTION', NO_PAYLOAD_TIME);
  }
  return format.rawOffset + 4 + timeInPayload;
}
