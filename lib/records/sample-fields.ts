import {
  PERF_MEM_BLK_SHIFT,
  PERF_MEM_HOPS_SHIFT,
  PERF_MEM_LOCK_SHIFT,
  PERF_MEM_LVL_SHIFT,
  PERF_MEM_LVLNUM_SHIFT,
  PERF_MEM_OP_SHIFT,
  PERF_MEM_REMOTE_SHIFT,
  PERF_MEM_SNOOP_SHIFT,
  PERF_MEM_SNOOPX_SHIFT,
  PERF_MEM_TLB_SHIFT,
} from '../abi/perf-event';
import type { BranchStack, ReadValues, Registers, UserStack } from './variable-fields';

/**
 * The fields of a record other than its payload. A field is undefined when the event does not sample it. Copies are
 * valid as long as you keep them.
 *
 * Records other than samples have `time`, `pid`, `tid`, `sampleCpu`, `id`, `streamId` and `identifier` if the event has
 * sample_id_all: the time, the thread and the CPU of the write.
 *
 * Reading a field throws ERR_PERF_RECORD_DAMAGED when a size in the record reaches past the record's end.
 *
 * @see https://man7.org/linux/man-pages/man2/perf_event_open.2.html "MMAP layout"
 * @example
 * ```ts
 * reader.drain((record) => console.log(record.pid, record.ip, record.callchain()?.length));
 * ```
 */
export interface RecordFields {
  /** PERF_SAMPLE_TIME: nanoseconds of the event's clock. */
  readonly time: bigint | undefined;
  /** PERF_SAMPLE_TID: process id; -1 when the process no longer has a number. */
  readonly pid: number | undefined;
  /** PERF_SAMPLE_TID: thread id; -1 when the thread no longer has a number. */
  readonly tid: number | undefined;
  /** PERF_SAMPLE_CPU: the CPU that wrote the record. */
  readonly sampleCpu: number | undefined;
  /**
   * PERF_SAMPLE_ID, or PERF_SAMPLE_IDENTIFIER: id of the event; for an inherited event, the id of the event that it was
   * inherited from.
   */
  readonly id: bigint | undefined;
  /** PERF_SAMPLE_STREAM_ID: id of the event itself, inherited or not. */
  readonly streamId: bigint | undefined;
  /** PERF_SAMPLE_IDENTIFIER. */
  readonly identifier: bigint | undefined;
  /** PERF_SAMPLE_IP: instruction pointer. */
  readonly ip: bigint | undefined;
  /** PERF_SAMPLE_ADDR: the address that the event is about, for example that of a page fault. */
  readonly addr: bigint | undefined;
  /** PERF_SAMPLE_PERIOD: number of events counted since the previous sample. */
  readonly period: bigint | undefined;
  /** PERF_SAMPLE_READ: values of the counters, a copy. */
  readValues(): ReadValues | undefined;
  /**
   * PERF_SAMPLE_CALLCHAIN: instruction pointers, innermost first, with the kernel's PERF_CONTEXT_* markers between
   * them; a copy.
   */
  callchain(): BigUint64Array | undefined;
  /** PERF_SAMPLE_BRANCH_STACK: the last branches, a copy. */
  branchStack(): BranchStack | undefined;
  /** PERF_SAMPLE_REGS_USER: registers of the thread in user space, a copy. */
  userRegisters(): Registers | undefined;
  /** PERF_SAMPLE_STACK_USER: the top of the user stack, a copy. */
  userStack(): UserStack | undefined;
  /** PERF_SAMPLE_WEIGHT, or PERF_SAMPLE_WEIGHT_STRUCT as one word: the cost of the access, defined by the hardware. */
  readonly weight: bigint | undefined;
  /** PERF_SAMPLE_WEIGHT_STRUCT: the parts of `weight`; undefined with PERF_SAMPLE_WEIGHT. */
  weightStruct(): WeightStruct | undefined;
  /** PERF_SAMPLE_DATA_SRC: the level of the memory hierarchy that the data came from. */
  dataSource(): DataSource | undefined;
  /** PERF_SAMPLE_TRANSACTION: PERF_TXN_* flags; the bits from PERF_TXN_ABORT_SHIFT on are the abort code. */
  readonly transaction: bigint | undefined;
  /** PERF_SAMPLE_REGS_INTR: registers at the interrupt, in the kernel or in user space; a copy. */
  interruptRegisters(): Registers | undefined;
  /** PERF_SAMPLE_PHYS_ADDR: physical address of `addr`. */
  readonly physicalAddress: bigint | undefined;
  /** PERF_SAMPLE_CGROUP: id of the cgroup, the inode number of its directory. */
  readonly cgroup: bigint | undefined;
  /** PERF_SAMPLE_DATA_PAGE_SIZE: size of the page that contains `addr`, bytes. */
  readonly dataPageSize: bigint | undefined;
  /** PERF_SAMPLE_CODE_PAGE_SIZE: size of the page that contains `ip`, bytes. */
  readonly codePageSize: bigint | undefined;
  /** PERF_SAMPLE_AUX: data of the AUX area, a copy. */
  aux(): Uint8Array | undefined;
}

/** union perf_sample_weight. The hardware defines the meaning of its parts. */
export interface WeightStruct {
  /** u32; on x86 the latency of the access, in CPU cycles. */
  readonly var1: number;
  /** u16; on x86 the latency of the instruction. */
  readonly var2: number;
  /** u16 */
  readonly var3: number;
}

export function decodeWeightStruct(weight: bigint): WeightStruct {
  return { var1: bitsAt(weight, 0, 32), var2: bitsAt(weight, 32, 16), var3: bitsAt(weight, 48, 16) };
}

/** union perf_mem_data_src. Compare each part with the kernel's PERF_MEM_* constants of its name, unshifted. */
export interface DataSource {
  /** The whole word. */
  readonly value: bigint;
  /** PERF_MEM_OP_* */
  readonly op: number;
  /** PERF_MEM_LVL_* */
  readonly lvl: number;
  /** PERF_MEM_SNOOP_* */
  readonly snoop: number;
  /** PERF_MEM_LOCK_* */
  readonly lock: number;
  /** PERF_MEM_TLB_* */
  readonly dtlb: number;
  /** PERF_MEM_LVLNUM_* */
  readonly lvlNum: number;
  /** PERF_MEM_REMOTE_* */
  readonly remote: number;
  /** PERF_MEM_SNOOPX_* */
  readonly snoopx: number;
  /** PERF_MEM_BLK_* */
  readonly blk: number;
  /** PERF_MEM_HOPS_* */
  readonly hops: number;
}

export function decodeDataSource(value: bigint): DataSource {
  return {
    value,
    op: bitsAt(value, PERF_MEM_OP_SHIFT, 5),
    lvl: bitsAt(value, PERF_MEM_LVL_SHIFT, 14),
    snoop: bitsAt(value, PERF_MEM_SNOOP_SHIFT, 5),
    lock: bitsAt(value, PERF_MEM_LOCK_SHIFT, 2),
    dtlb: bitsAt(value, PERF_MEM_TLB_SHIFT, 7),
    lvlNum: bitsAt(value, PERF_MEM_LVLNUM_SHIFT, 4),
    remote: bitsAt(value, PERF_MEM_REMOTE_SHIFT, 1),
    snoopx: bitsAt(value, PERF_MEM_SNOOPX_SHIFT, 2),
    blk: bitsAt(value, PERF_MEM_BLK_SHIFT, 3),
    hops: bitsAt(value, PERF_MEM_HOPS_SHIFT, 3),
  };
}

function bitsAt(word: bigint, shift: number, width: number): number {
  return Number(BigInt.asUintN(width, word >> BigInt(shift)));
}
