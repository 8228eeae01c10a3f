import {
  PERF_RECORD_MISC_COMM_EXEC,
  PERF_RECORD_MISC_FORK_EXEC,
  PERF_RECORD_MISC_SWITCH_OUT,
  PERF_RECORD_MISC_SWITCH_OUT_PREEMPT,
} from '../abi/perf-event';
import type { RecordView } from './record-view';
import { type SideBandRecord, sideBand } from './sample-id';

/** Records about threads: how they begin, end, and what they are called; when they run; what they belong to. */

/**
 * A thread changed its name: attr.comm.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u32  pid, tid;
 *       char comm[];
 *       struct sample_id sample_id;
 *     };
 */
export interface CommRecord extends SideBandRecord<'COMM'> {
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
  /** By execve(2): what was mapped before is gone. Needs attr.comm_exec. */
  readonly isExec: boolean;
}

export function decodeComm(record: RecordView): CommRecord {
  return {
    ...sideBand('COMM', record, 8),
    pid: record.i32(8),
    tid: record.i32(12),
    comm: record.string(16, record.bodyEnd),
    isExec: (record.misc & PERF_RECORD_MISC_COMM_EXEC) !== 0,
  };
}

interface TaskRecord {
  readonly pid: number;
  /** Process of the parent. */
  readonly ppid: number;
  readonly tid: number;
  /** Thread of the parent. */
  readonly ptid: number;
  /** Nanoseconds of the event's clock. */
  readonly time: bigint;
}

/**
 * A thread began: attr.task.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u32 pid, ppid;
 *       u32 tid, ptid;
 *       u64 time;
 *       struct sample_id sample_id;
 *     };
 */
export interface ForkRecord extends SideBandRecord<'FORK'>, TaskRecord {
  /** perf writes it, in place of the kernel, before a program that it starts. */
  readonly isExec: boolean;
}

export function decodeFork(record: RecordView): ForkRecord {
  return {
    ...sideBand('FORK', record, 24),
    ...task(record),
    isExec: (record.misc & PERF_RECORD_MISC_FORK_EXEC) !== 0,
  };
}

/** A thread ended: attr.task. The struct is that of {@link ForkRecord}. */
export interface ExitRecord extends SideBandRecord<'EXIT'>, TaskRecord {}

export function decodeExit(record: RecordView): ExitRecord {
  return { ...sideBand('EXIT', record, 24), ...task(record) };
}

function task(record: RecordView): TaskRecord {
  return {
    pid: record.i32(8),
    ppid: record.i32(12),
    tid: record.i32(16),
    ptid: record.i32(20),
    time: record.u64(24),
  };
}

interface Switch {
  /** The thread leaves the CPU; otherwise it begins to run. */
  readonly isOut: boolean;
  /** It leaves though it could have run on. */
  readonly isPreempted: boolean;
}

/**
 * A context switch of the thread in `sampleId`: attr.context_switch, in an event of one thread.
 *
 *     struct {
 *       struct perf_event_header header;
 *       struct sample_id sample_id;
 *     };
 */
export interface SwitchRecord extends SideBandRecord<'SWITCH'>, Switch {}

export function decodeSwitch(record: RecordView): SwitchRecord {
  return { ...sideBand('SWITCH', record, 0), ...switchOf(record) };
}

/**
 * A context switch of the thread in `sampleId`: attr.context_switch, in an event of a CPU.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u32 next_prev_pid;
 *       u32 next_prev_tid;
 *       struct sample_id sample_id;
 *     };
 */
export interface SwitchCpuWideRecord extends SideBandRecord<'SWITCH_CPU_WIDE'>, Switch {
  /** Process that runs next, or, when the thread begins to run, the one that ran before. */
  readonly nextPrevPid: number;
  /** Thread, likewise. */
  readonly nextPrevTid: number;
}

export function decodeSwitchCpuWide(record: RecordView): SwitchCpuWideRecord {
  return {
    ...sideBand('SWITCH_CPU_WIDE', record, 8),
    ...switchOf(record),
    nextPrevPid: record.i32(8),
    nextPrevTid: record.i32(12),
  };
}

function switchOf(record: RecordView): Switch {
  const { misc } = record;
  return {
    isOut: (misc & PERF_RECORD_MISC_SWITCH_OUT) !== 0,
    isPreempted: (misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT) !== 0,
  };
}

/**
 * A process got its namespaces, or changed them: attr.namespaces.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u32 pid;
 *       u32 tid;
 *       u64 nr_namespaces;
 *       { u64 dev, inode; } [nr_namespaces];
 *       struct sample_id sample_id;
 *     };
 */
export interface NamespacesRecord extends SideBandRecord<'NAMESPACES'> {
  readonly pid: number;
  readonly tid: number;
  /** By NET_NS_INDEX, UTS_NS_INDEX and so on; the kernel writes all seven. */
  readonly namespaces: readonly NamespaceLink[];
}

/** A namespace, by the device and the inode of its file in /proc/PID/ns. */
export interface NamespaceLink {
  readonly dev: bigint;
  readonly inode: bigint;
}

export function decodeNamespaces(record: RecordView): NamespacesRecord {
  const start = sideBand('NAMESPACES', record, 16);
  const count = record.count(16);
  if (24 + count * 16 > record.bodyEnd) throw record.damaged(24, count * 16);
  return {
    ...start,
    pid: record.i32(8),
    tid: record.i32(12),
    namespaces: Array.from({ length: count }, (_, index) => ({
      dev: record.u64(24 + index * 16),
      inode: record.u64(32 + index * 16),
    })),
  };
}

/**
 * A cgroup was made: attr.cgroup.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u64  id;
 *       char path[];
 *       struct sample_id sample_id;
 *     };
 */
export interface CgroupRecord extends SideBandRecord<'CGROUP'> {
  /** As in PERF_SAMPLE_CGROUP. */
  readonly id: bigint;
  /** From the root of the hierarchy. */
  readonly path: string;
}

export function decodeCgroup(record: RecordView): CgroupRecord {
  return {
    ...sideBand('CGROUP', record, 8),
    id: record.u64(8),
    path: record.string(16, record.bodyEnd),
  };
}
