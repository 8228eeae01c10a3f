import { PERF_RECORD_MISC_EXACT_IP } from '../abi/perf-event';
import type { RecordView } from './record-view';
import type { DataSource, WeightStruct } from './sample-fields';
import { common, type RecordCommon } from './sample-id';
import type { BranchStack, ReadValues, Registers, UserStack } from './variable-fields';

/**
 * A sample: written when an event fires or a BPF program calls bpf_perf_event_output. Each field is undefined without
 * its bit of sample_type. Everything is a copy.
 *
 *     struct {
 *       struct perf_event_header header;
 *       { u64 id;           } && PERF_SAMPLE_IDENTIFIER
 *       { u64 ip;           } && PERF_SAMPLE_IP
 *       { u32 pid, tid;     } && PERF_SAMPLE_TID
 *       { u64 time;         } && PERF_SAMPLE_TIME
 *       { u64 addr;         } && PERF_SAMPLE_ADDR
 *       { u64 id;           } && PERF_SAMPLE_ID
 *       { u64 stream_id;    } && PERF_SAMPLE_STREAM_ID
 *       { u32 cpu, res;     } && PERF_SAMPLE_CPU
 *       { u64 period;       } && PERF_SAMPLE_PERIOD
 *       { struct read_format values; } && PERF_SAMPLE_READ
 *       { u64 nr; u64 ips[nr]; } && PERF_SAMPLE_CALLCHAIN
 *       { u32 size; char data[size]; } && PERF_SAMPLE_RAW
 *       { u64 nr; … }       && PERF_SAMPLE_BRANCH_STACK
 *       { u64 abi; u64 regs[weight(mask)]; } && PERF_SAMPLE_REGS_USER
 *       { u64 size; char data[size]; u64 dyn_size; } && PERF_SAMPLE_STACK_USER
 *       { union perf_sample_weight weight; } && (PERF_SAMPLE_WEIGHT || PERF_SAMPLE_WEIGHT_STRUCT)
 *       { u64 data_src;     } && PERF_SAMPLE_DATA_SRC
 *       { u64 transaction;  } && PERF_SAMPLE_TRANSACTION
 *       { u64 abi; u64 regs[weight(mask)]; } && PERF_SAMPLE_REGS_INTR
 *       { u64 phys_addr;    } && PERF_SAMPLE_PHYS_ADDR
 *       { u64 cgroup;       } && PERF_SAMPLE_CGROUP
 *       { u64 data_page_size; } && PERF_SAMPLE_DATA_PAGE_SIZE
 *       { u64 code_page_size; } && PERF_SAMPLE_CODE_PAGE_SIZE
 *       { u64 size; char data[size]; } && PERF_SAMPLE_AUX
 *     };
 */
export interface SampleRecord extends RecordCommon<'SAMPLE'> {
  /** Whether `ip` is exactly the instruction that caused the event, and not a later one. */
  readonly isExactIp: boolean;
  readonly identifier: bigint | undefined;
  readonly ip: bigint | undefined;
  readonly pid: number | undefined;
  readonly tid: number | undefined;
  /** Nanoseconds of the event's clock. */
  readonly time: bigint | undefined;
  readonly addr: bigint | undefined;
  /** PERF_SAMPLE_ID, or PERF_SAMPLE_IDENTIFIER. */
  readonly id: bigint | undefined;
  readonly streamId: bigint | undefined;
  readonly cpu: number | undefined;
  readonly period: bigint | undefined;
  readonly read: ReadValues | undefined;
  /** Instruction pointers, innermost first, with PERF_CONTEXT_* markers between them. */
  readonly callchain: BigUint64Array | undefined;
  readonly raw: Uint8Array | undefined;
  readonly branchStack: BranchStack | undefined;
  readonly userRegisters: Registers | undefined;
  readonly userStack: UserStack | undefined;
  readonly weight: bigint | undefined;
  readonly weightStruct: WeightStruct | undefined;
  readonly dataSource: DataSource | undefined;
  readonly transaction: bigint | undefined;
  readonly interruptRegisters: Registers | undefined;
  readonly physicalAddress: bigint | undefined;
  readonly cgroup: bigint | undefined;
  readonly dataPageSize: bigint | undefined;
  readonly codePageSize: bigint | undefined;
  readonly aux: Uint8Array | undefined;
}

/** @throws PerfRingError ERR_PERF_RECORD_DAMAGED, also when the last field does not end at the record's end */
export function decodeSample(record: RecordView): SampleRecord {
  const { fieldsEnd } = record;
  if (fieldsEnd !== record.byteLength) throw record.damaged(0, fieldsEnd);
  return {
    ...common('SAMPLE', record),
    isExactIp: (record.misc & PERF_RECORD_MISC_EXACT_IP) !== 0,
    identifier: record.identifier,
    ip: record.ip,
    pid: record.pid,
    tid: record.tid,
    time: record.time,
    addr: record.addr,
    id: record.id,
    streamId: record.streamId,
    cpu: record.sampleCpu,
    period: record.period,
    read: record.readValues(),
    callchain: record.callchain(),
    raw: record.raw(),
    branchStack: record.branchStack(),
    userRegisters: record.userRegisters(),
    userStack: record.userStack(),
    weight: record.weight,
    weightStruct: record.weightStruct(),
    dataSource: record.dataSource(),
    transaction: record.transaction,
    interruptRegisters: record.interruptRegisters(),
    physicalAddress: record.physicalAddress,
    cgroup: record.cgroup,
    dataPageSize: record.dataPageSize,
    codePageSize: record.codePageSize,
    aux: record.aux(),
  };
}
