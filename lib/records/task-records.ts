import {
  PERF_RECORD_MISC_COMM_EXEC,
  PERF_RECORD_MISC_FORK_EXEC,
  PERF_RECORD_MISC_SWITCH_OUT,
  PERF_RECORD_MISC_SWITCH_OUT_PREEMPT,
} from '../abi/perf-event';
import type { RecordView } from './record-view';
import { type SideBandRecord, sideBand } from './sample-id';

/** Records about threads: their names, start and end, context switches, namespaces and cgroups. */

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
  /** The name changed because of execve(2), which removes all earlier mappings. Needs attr.comm_exec. */
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
  /** Process id of the parent. */
  readonly ppid: number;
  readonly tid: number;
  /** Thread id of the parent. */
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
  /** Set by perf, never by the kernel, in the record that perf makes for a program that it starts. */
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
  /** True when the thread leaves the CPU, false when it starts to run. */
  readonly isOut: boolean;
  /** The thread leaves the CPU although it is still runnable. */
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
  /** If `isOut`, the process that runs next; else the process that ran before. */
  readonly nextPrevPid: number;
  /** If `isOut`, the thread that runs next; else the thread that ran before. */
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
  /** Indexed by NET_NS_INDEX, UTS_NS_INDEX and so on; the kernel writes all seven. */
  readonly namespaces: readonly NamespaceLink[];
}

/** Identifies a namespace: device and inode of its file in /proc/PID/ns. */
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
 * A cgroup was created: attr.cgroup.
 *
 *     struct {
 *       struct perf_event_header header;
 *       u64  id;
 *       char path[];
 *       struct sample_id sample_id;
 *     };
 */
export interface CgroupRecord extends SideBandRecord<'CGROUP'> {
  /** The id used in PERF_SAMPLE_CGROUP: inode number of the cgroup's directory. */
  readonly id: bigint;
  /** Path from the root of the cgroup hierarchy. */
  readonly path: string;
}

export function decodeCgroup(record: RecordView): CgroupRecord {
  return {
    ...sideBand('CGROUP', record, 8),
    id: record.u64(8),
    path: record.string(16, record.bodyEnd),
  };
}
