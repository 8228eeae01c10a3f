import {
  HEADER_BYTES,
  PERF_RECORD_MISC_CPUMODE_MASK,
  PERF_RECORD_MISC_GUEST_KERNEL,
  PERF_RECORD_MISC_GUEST_USER,
  PERF_RECORD_MISC_HYPERVISOR,
  PERF_RECORD_MISC_KERNEL,
  PERF_RECORD_MISC_USER,
} from '../abi/perf-event';
import type { RecordView } from './record-view';

/**
 * The time, the thread and the CPU at which the kernel wrote a record other than a sample. Each field is undefined
 * without its bit of sample_type. In all records, a pid or tid is -1 when the process or thread no longer has a number.
 *
 *     struct sample_id {
 *       { u32 pid, tid;  } && PERF_SAMPLE_TID
 *       { u64 time;      } && PERF_SAMPLE_TIME
 *       { u64 id;        } && PERF_SAMPLE_ID
 *       { u64 stream_id; } && PERF_SAMPLE_STREAM_ID
 *       { u32 cpu, res;  } && PERF_SAMPLE_CPU
 *       { u64 id;        } && PERF_SAMPLE_IDENTIFIER
 *     } && perf_event_attr::sample_id_all
 */
export interface SampleId {
  /** Process that was running at the write; the record may be about another process. */
  readonly pid: number | undefined;
  readonly tid: number | undefined;
  /** Nanoseconds of the event's clock. */
  readonly time: bigint | undefined;
  /** PERF_SAMPLE_ID, or PERF_SAMPLE_IDENTIFIER. */
  readonly id: bigint | undefined;
  readonly streamId: bigint | undefined;
  readonly cpu: number | undefined;
}

/** Mode of the CPU when the record was written: PERF_RECORD_MISC_CPUMODE_MASK of header.misc. */
export type CpuMode = 'unknown' | 'kernel' | 'user' | 'hypervisor' | 'guest-kernel' | 'guest-user';

/** Fields of all decoded records. */
export interface RecordCommon<Type extends string> {
  /** Name of the kernel's PERF_RECORD_* constant, without the prefix. */
  readonly type: Type;
  /** header.misc. The flags that are defined for this type are also separate fields. */
  readonly misc: number;
  readonly cpuMode: CpuMode;
}

/** Fields of all decoded records other than samples. */
export interface SideBandRecord<Type extends string> extends RecordCommon<Type> {
  /** Undefined without sample_id_all. */
  readonly sampleId: SampleId | undefined;
}

const CPU_MODES: ReadonlyMap<number, CpuMode> = new Map([
  [PERF_RECORD_MISC_KERNEL, 'kernel'],
  [PERF_RECORD_MISC_USER, 'user'],
  [PERF_RECORD_MISC_HYPERVISOR, 'hypervisor'],
  [PERF_RECORD_MISC_GUEST_KERNEL, 'guest-kernel'],
  [PERF_RECORD_MISC_GUEST_USER, 'guest-user'],
]);

export function common<Type extends string>(type: Type, record: RecordView): RecordCommon<Type> {
  const { misc } = record;
  return { type, misc, cpuMode: CPU_MODES.get(misc & PERF_RECORD_MISC_CPUMODE_MASK) ?? 'unknown' };
}

/**
 * Decodes the common part of a record other than a sample.
 * @param bodyBytes least bytes of the record's struct, without header and struct sample_id
 * @throws PerfRingError ERR_PERF_RECORD_DAMAGED when the record is shorter
 */
export function sideBand<Type extends string>(
  type: Type,
  record: RecordView,
  bodyBytes: number,
): SideBandRecord<Type> {
  const { bodyEnd } = record;
  if (HEADER_BYTES + bodyBytes > bodyEnd) throw record.damaged(HEADER_BYTES, bodyBytes);
  return { ...common(type, record), sampleId: decodeSampleId(record) };
}

function decodeSampleId(record: RecordView): SampleId | undefined {
  if (record.bodyEnd === record.byteLength) return undefined;
  const { pid, tid, time, id, streamId, sampleCpu } = record;
  return { pid, tid, time, id, streamId, cpu: sampleCpu };
}
