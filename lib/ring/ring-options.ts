import { PerfRingError } from '../errors';
import { plainOptions } from '../input/plain-data';
import { MAX_RECORD_BYTES } from './record-cursor';
import { ABSENT, isRecordFormat, type RecordFormat } from '../records/record-format';
import { shown } from '../input/shown';

/** Options of {@link PerfRing.initContiguous}. */
export interface PerfRingOptions {
  /** Layout of the records; by default samples have PERF_SAMPLE_RAW only, like those of {@link PerfRing.write}. */
  readonly format?: RecordFormat;
  /**
   * Payload offset of a sample's time, used in place of a time in the format: a u64 in nanoseconds. The offset is in
   * bytes, a multiple of 4 below 65,536.
   */
  readonly timeInPayload?: number;
  /** CPU number, or another integer label, that records have as `cpu`; -1 by default. */
  readonly cpu?: number;
  /**
   * Set it to true only when the kernel alone writes the memory, and writes only samples (`misc` is never 0) and
   * records of lost or throttled samples (`misc` is 0). A visit then compares `misc`, `size` and `raw_size` as one
   * word. False by default: `type` is compared too. With both values, reads stay within the record.
   */
  readonly kernelWritten?: boolean;
}

/**
 * Checks the options and returns a plain copy.
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT, ERR_PERF_INVALID_OPTION
 */
export function ringOptions(options: PerfRingOptions): PerfRingOptions {
  const names = ['format', 'timeInPayload', 'cpu', 'kernelWritten'] as const;
  const plain = plainOptions(options, names, 'ERR_PERF_INVALID_ARGUMENT');
  const { format, cpu, kernelWritten } = plain;
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
  return plain;
}

/** Error text for a `timeInPayload` that the format does not allow. */
export const NO_PAYLOAD_TIME =
  'timeInPayload needs PERF_SAMPLE_RAW, and no PERF_SAMPLE_CALLCHAIN or group of counters before it';

/** Offset of the time from the start of a sample, bytes; or ABSENT. */
export function timeOffsetOf(format: RecordFormat, timeInPayload: number | undefined): number {
  if (timeInPayload === undefined) return format.timeOffset;
  // A larger offset would lose its high bits in the merge's arithmetic, and the merge would read a wrong place.
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
