import * as abi from '../abi/perf-event';
import { HEADER_BYTES, HEADER_SIZE } from '../abi/perf-event';
import { PerfRingError } from '../errors';
import { checkBytes } from '../input/plain-data';
import { spanOfArray } from '../input/view-span';
import * as event from './event-records';
import * as mapping from './mapping-records';
import { isRecordFormat, type RecordFormat } from './record-format';
import { RecordView } from './record-view';
import { decodeSample, type SampleRecord } from './sample-record';
import { common, type RecordCommon } from './sample-id';
import * as task from './task-records';

/** A record of a type that this version does not know. */
export interface UnknownRecord extends RecordCommon<'UNKNOWN'> {
  /** header.type. */
  readonly recordType: number;
  /** The bytes after the header, struct sample_id included: a copy. */
  readonly bytes: Uint8Array;
}

/**
 * A decoded record. `type` tells which one it is.
 * @see "enum perf_event_type" in https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/perf_event.h
 */
export type PerfRecord =
  | mapping.MmapRecord
  | event.LostRecord
  | task.CommRecord
  | task.ExitRecord
  | event.ThrottleRecord
  | event.UnthrottleRecord
  | task.ForkRecord
  | event.ReadRecord
  | SampleRecord
  | mapping.Mmap2Record
  | event.AuxRecord
  | event.ItraceStartRecord
  | event.LostSamplesRecord
  | task.SwitchRecord
  | task.SwitchCpuWideRecord
  | task.NamespacesRecord
  | mapping.KsymbolRecord
  | mapping.BpfEventRecord
  | task.CgroupRecord
  | mapping.TextPokeRecord
  | event.AuxOutputHwIdRecord
  | UnknownRecord;

const DECODERS: ReadonlyMap<number, (record: RecordView) => PerfRecord> = new Map<
  number,
  (record: RecordView) => PerfRecord
>([
  [abi.PERF_RECORD_MMAP, mapping.decodeMmap],
  [abi.PERF_RECORD_LOST, event.decodeLost],
  [abi.PERF_RECORD_COMM, task.decodeComm],
  [abi.PERF_RECORD_EXIT, task.decodeExit],
  [abi.PERF_RECORD_THROTTLE, event.decodeThrottle],
  [abi.PERF_RECORD_UNTHROTTLE, event.decodeUnthrottle],
  [abi.PERF_RECORD_FORK, task.decodeFork],
  [abi.PERF_RECORD_READ, event.decodeReadRecord],
  [abi.PERF_RECORD_SAMPLE, decodeSample],
  [abi.PERF_RECORD_MMAP2, mapping.decodeMmap2],
  [abi.PERF_RECORD_AUX, event.decodeAuxRecord],
  [abi.PERF_RECORD_ITRACE_START, event.decodeItraceStart],
  [abi.PERF_RECORD_LOST_SAMPLES, event.decodeLostSamples],
  [abi.PERF_RECORD_SWITCH, task.decodeSwitch],
  [abi.PERF_RECORD_SWITCH_CPU_WIDE, task.decodeSwitchCpuWide],
  [abi.PERF_RECORD_NAMESPACES, task.decodeNamespaces],
  [abi.PERF_RECORD_KSYMBOL, mapping.decodeKsymbol],
  [abi.PERF_RECORD_BPF_EVENT, mapping.decodeBpfEvent],
  [abi.PERF_RECORD_CGROUP, task.decodeCgroup],
  [abi.PERF_RECORD_TEXT_POKE, mapping.decodeTextPoke],
  [abi.PERF_RECORD_AUX_OUTPUT_HW_ID, event.decodeAuxOutputHwId],
]);

/** Decodes a record of any type. @throws PerfRingError ERR_PERF_RECORD_DAMAGED */
export function decodeView(record: RecordView): PerfRecord {
  return DECODERS.get(record.type)?.(record) ?? decodeUnknown(record);
}

function decodeUnknown(record: RecordView): UnknownRecord {
  return {
    ...common('UNKNOWN', record),
    recordType: record.type,
    bytes: record.bytes(HEADER_BYTES, record.byteLength - HEADER_BYTES),
  };
}

/**
 * Decodes a record from its bytes, as returned by `recordBytes()` or stored in a perf.data file. The result is a copy.
 * @param bytes begin with struct perf_event_header; bytes after the first header.size bytes are ignored
 * @param format record format of the event that wrote the record, made by {@link recordFormat}
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT; ERR_PERF_RECORD_DAMAGED when a size in the record reaches past the
 *   record's end, or header.size past the end of `bytes`
 * @example
 * ```ts
 * const record = decodeRecord(bytes, format);
 * if (record.type === 'COMM') console.log(record.pid, record.comm, record.sampleId?.time);
 * ```
 */
export function decodeRecord(bytes: Uint8Array, format: RecordFormat): PerfRecord {
  checkBytes(bytes, 'bytes');
  if (!isRecordFormat(format)) {
    throw new PerfRingError('ERR_PERF_INVALID_ARGUMENT', 'format must be made by recordFormat()');
  }
  const { buffer, byteOffset, byteLength } = spanOfArray(bytes);
  const view = new DataView(buffer, byteOffset, byteLength);
  const size = byteLength < HEADER_BYTES ? 0 : view.getUint16(HEADER_SIZE, true);
  if (size < HEADER_BYTES || size > byteLength) {
    throw new PerfRingError(
      'ERR_PERF_RECORD_DAMAGED',
      `a record of ${size} bytes cannot be read from ${byteLength} bytes`,
    );
  }
  return decodeView(new RecordView(format).moveTo(view, 0, size));
}
