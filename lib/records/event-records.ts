import {
  PERF_AUX_FLAG_COLLISION,
  PERF_AUX_FLAG_OVERWRITE,
  PERF_AUX_FLAG_PARTIAL,
  PERF_AUX_FLAG_TRUNCATED,
  PERF_FORMAT_GROUP,
} from '../abi/perf-event';
import type { RecordView } from './record-view';
import { type SideBandRecord, sideBand } from './sample-id';
import { decodeRead, groupReadBytes, type ReadValues, singleReadBytes } from './variable-fields';

/** Records about the event itself: lost records, throttling, counter values, and the AUX area. */

/**
 * The ring was full: records were lost.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u64 id;
 *       u64 lost;
 *       struct sample_id sample_id;
 *     };
 */
export interface LostRecord extends SideBandRecord<'LOST'> {
  /** Id of the event. */
  readonly id: bigint;
  /** Number of lost records: samples and others. */
  readonly lost: bigint;
}

export function decodeLost(record: RecordView): LostRecord {
  return { ...sideBand('LOST', record, 16), id: record.u64(8), lost: record.u64(16) };
}

/**
 * The hardware dropped samples, `lost` of them.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u64 lost;
 *       struct sample_id sample_id;
 *     };
 */
export interface LostSamplesRecord extends SideBandRecord<'LOST_SAMPLES'> {
  readonly lost: bigint;
}

export function decodeLostSamples(record: RecordView): LostSamplesRecord {
  return { ...sideBand('LOST_SAMPLES', record, 8), lost: record.u64(8) };
}

interface Throttling {
  /** Nanoseconds of the event's clock. */
  readonly time: bigint;
  /** Id of the event; for an inherited event, the id of the event that it was inherited from. */
  readonly id: bigint;
  /** Id of the event itself. */
  readonly streamId: bigint;
}

/**
 * The event fired too often and is stopped until the next tick.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u64 time;
 *       u64 id;
 *       u64 stream_id;
 *       struct sample_id sample_id;
 *     };
 */
export interface ThrottleRecord extends SideBandRecord<'THROTTLE'>, Throttling {}

export function decodeThrottle(record: RecordView): ThrottleRecord {
  return { ...sideBand('THROTTLE', record, 24), ...throttling(record) };
}

/** A throttled event was started again. The struct is that of {@link ThrottleRecord}. */
export interface UnthrottleRecord extends SideBandRecord<'UNTHROTTLE'>, Throttling {}

export function decodeUnthrottle(record: RecordView): UnthrottleRecord {
  return { ...sideBand('UNTHROTTLE', record, 24), ...throttling(record) };
}

function throttling(record: RecordView): Throttling {
  return { time: record.u64(8), id: record.u64(16), streamId: record.u64(24) };
}

/**
 * The counter values of an inherited event, written when its thread ends: attr.inherit_stat.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u32 pid, tid;
 *       struct read_format values;
 *       struct sample_id sample_id;
 *     };
 */
export interface ReadRecord extends SideBandRecord<'READ'> {
  readonly pid: number;
  readonly tid: number;
  readonly values: ReadValues;
}

export function decodeReadRecord(record: RecordView): ReadRecord {
  const { format } = record;
  const start = sideBand('READ', record, 16);
  const isGroup = (format.readFormat & PERF_FORMAT_GROUP) !== 0;
  const length = isGroup ? groupReadBytes(record, 16, format) : singleReadBytes(format.readFormat);
  if (16 + length > record.bodyEnd) throw record.damaged(16, length);
  return { ...start, pid: record.i32(8), tid: record.i32(12), values: decodeRead(record, 16, format) };
}

/**
 * The AUX area has new data.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u64 aux_offset;
 *       u64 aux_size;
 *       u64 flags;
 *       struct sample_id sample_id;
 *     };
 */
export interface AuxRecord extends SideBandRecord<'AUX'> {
  readonly auxOffset: bigint;
  /** Size of the new data, bytes. */
  readonly auxSize: bigint;
  /** PERF_AUX_FLAG_* */
  readonly flags: bigint;
  /** The data was truncated to fit into the AUX area. */
  readonly isTruncated: boolean;
  /** The data is a snapshot from overwrite mode. */
  readonly isOverwrite: boolean;
  /** The data has gaps. */
  readonly isPartial: boolean;
  /** A sample collided with another sample. */
  readonly hasCollision: boolean;
}

export function decodeAuxRecord(record: RecordView): AuxRecord {
  const start = sideBand('AUX', record, 24);
  const flags = record.u64(24);
  const has = (flag: number): boolean => (flags & BigInt(flag)) !== 0n;
  return {
    ...start,
    auxOffset: record.u64(8),
    auxSize: record.u64(16),
    flags,
    isTruncated: has(PERF_AUX_FLAG_TRUNCATED),
    isOverwrite: has(PERF_AUX_FLAG_OVERWRITE),
    isPartial: has(PERF_AUX_FLAG_PARTIAL),
    hasCollision: has(PERF_AUX_FLAG_COLLISION),
  };
}

/**
 * An instruction trace began.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u32 pid;
 *       u32 tid;
 *       struct sample_id sample_id;
 *     };
 */
export interface ItraceStartRecord extends SideBandRecord<'ITRACE_START'> {
  readonly pid: number;
  readonly tid: number;
}

export function decodeItraceStart(record: RecordView): ItraceStartRecord {
  return { ...sideBand('ITRACE_START', record, 8), pid: record.i32(8), tid: record.i32(12) };
}

/**
 * The id that the hardware uses in the AUX area for the event of `sampleId`: attr.aux_output.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u64 hw_id;
 *       struct sample_id sample_id;
 *     };
 */
export interface AuxOutputHwIdRecord extends SideBandRecord<'AUX_OUTPUT_HW_ID'> {
  readonly hwId: bigint;
}

export function decodeAuxOutputHwId(record: RecordView): AuxOutputHwIdRecord {
  return { ...sideBand('AUX_OUTPUT_HW_ID', record, 8), hwId: record.u64(8) };
}
