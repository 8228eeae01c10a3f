import {
  PERF_FORMAT_GROUP,
  PERF_FORMAT_ID,
  PERF_FORMAT_LOST,
  PERF_FORMAT_TOTAL_TIME_ENABLED,
  PERF_FORMAT_TOTAL_TIME_RUNNING,
  PERF_SAMPLE_ADDR,
  PERF_SAMPLE_CALLCHAIN,
  PERF_SAMPLE_CPU,
  PERF_SAMPLE_ID,
  PERF_SAMPLE_IDENTIFIER,
  PERF_SAMPLE_IP,
  PERF_SAMPLE_PERIOD,
  PERF_SAMPLE_RAW,
  PERF_SAMPLE_READ,
  PERF_SAMPLE_STREAM_ID,
  PERF_SAMPLE_TID,
  PERF_SAMPLE_TIME,
} from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { shown } from '../input/shown';

/** No field of that kind in the record. */
export const ABSENT = -1;

/**
 * Where the fields of a PERF_RECORD_SAMPLE lie, in bytes from the record's start; {@link ABSENT} without the field.
 *
 * @see "enum perf_event_sample_format" and "struct { … } PERF_RECORD_SAMPLE",
 *   https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/perf_event.h
 */
export interface SampleFormat {
  readonly sampleType: number;
  readonly identifierOffset: number;
  readonly ipOffset: number;
  readonly tidOffset: number;
  readonly timeOffset: number;
  readonly addrOffset: number;
  readonly idOffset: number;
  readonly streamIdOffset: number;
  readonly cpuOffset: number;
  readonly periodOffset: number;
  readonly readOffset: number;
  readonly callchainOffset: number;
  /**
   * Offset of `raw_size` (u32, then the payload). With a callchain it differs from record to record: this is then
   * the offset as if the chain were empty, and {@link rawMoves} is true.
   */
  readonly rawOffset: number;
  readonly rawMoves: boolean;
}

const made = new WeakSet<object>();

/** Fields of 8 bytes before READ, in the kernel's order. */
const FIXED_FIELDS = [
  ['identifierOffset', PERF_SAMPLE_IDENTIFIER],
  ['ipOffset', PERF_SAMPLE_IP],
  ['tidOffset', PERF_SAMPLE_TID],
  ['timeOffset', PERF_SAMPLE_TIME],
  ['addrOffset', PERF_SAMPLE_ADDR],
  ['idOffset', PERF_SAMPLE_ID],
  ['streamIdOffset', PERF_SAMPLE_STREAM_ID],
  ['cpuOffset', PERF_SAMPLE_CPU],
  ['periodOffset', PERF_SAMPLE_PERIOD],
] as const;

/** Words a read_format adds to the counter's value. */
const READ_FORMAT_WORDS = [
  PERF_FORMAT_TOTAL_TIME_ENABLED,
  PERF_FORMAT_TOTAL_TIME_RUNNING,
  PERF_FORMAT_ID,
  PERF_FORMAT_LOST,
];

/**
 * @param sampleType attr.sample_type; PERF_SAMPLE_RAW must be in it
 * @param readFormat attr.read_format; without PERF_FORMAT_GROUP when PERF_SAMPLE_READ is asked for
 * @throws PerfRingError ERR_PERF_INVALID_OPTION
 */
export function sampleFormat(sampleType: number = PERF_SAMPLE_RAW, readFormat = 0): SampleFormat {
  checkBits('sample_type', sampleType);
  checkBits('read_format', readFormat);
  if ((sampleType & PERF_SAMPLE_RAW) === 0) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      `sample_type 0x${sampleType.toString(16)} lacks PERF_SAMPLE_RAW: there would be no payload`,
    );
  }
  let offset = 8;
  const take = (bit: number, bytes: number): number => {
    if ((sampleType & bit) === 0) return ABSENT;
    const at = offset;
    offset += bytes;
    return at;
  };
  const fixed = Object.fromEntries(FIXED_FIELDS.map(([name, bit]) => [name, take(bit, 8)])) as {
    [Name in (typeof FIXED_FIELDS)[number][0]]: number;
  };
  if ((sampleType & PERF_SAMPLE_READ) !== 0 && (readFormat & PERF_FORMAT_GROUP) !== 0) {
    throw new PerfRingError(
      'ERR_PERF_INVALID_OPTION',
      'PERF_SAMPLE_READ with PERF_FORMAT_GROUP is not supported: leave one of them out',
    );
  }
  const readWords = 1 + READ_FORMAT_WORDS.filter((bit) => (readFormat & bit) !== 0).length;
  const readOffset = take(PERF_SAMPLE_READ, readWords * 8);
  const callchainOffset = take(PERF_SAMPLE_CALLCHAIN, 8);
  const format = Object.freeze({
    sampleType,
    ...fixed,
    readOffset,
    callchainOffset,
    rawOffset: offset,
    rawMoves: callchainOffset !== ABSENT,
  });
  made.add(format);
  return format;
}

/** Whether {@link sampleFormat} made it: offsets of any other origin could lead a reader out of its ring. */
export function isSampleFormat(value: unknown): value is SampleFormat {
  return typeof value === 'object' && value !== null && made.has(value);
}

function checkBits(name: string, bits: number): void {
  if (!Number.isInteger(bits) || bits < 0 || bits > 0xffff_ffff) {
    throw new PerfRingError('ERR_PERF_INVALID_OPTION', `${name} must be a u32, got ${shown(bits)}`);
  }
}
