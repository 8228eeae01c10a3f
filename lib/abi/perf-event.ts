/**
 * The kernel's numbers for perf events and their rings, under the kernel's names, and the encoder of
 * struct perf_event_attr. test/integration/abi compares each number with the kernel's header.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/perf_event.h
 */

import { PerfRingError } from '../errors';
import { plainCopy } from '../input/plain-data';
import { shown } from '../input/shown';

// ---------------------------------------------------------------------- enum perf_type_id, perf_sw_ids

export const PERF_TYPE_HARDWARE = 0;
export const PERF_TYPE_SOFTWARE = 1;
export const PERF_TYPE_TRACEPOINT = 2;
export const PERF_TYPE_HW_CACHE = 3;
export const PERF_TYPE_RAW = 4;
export const PERF_TYPE_BREAKPOINT = 5;

/** Nanoseconds of a CPU's clock, counted by a timer for each CPU. Profilers use it where there is no PMU. */
export const PERF_COUNT_SW_CPU_CLOCK = 0;
/** Nanoseconds that the task ran. */
export const PERF_COUNT_SW_TASK_CLOCK = 1;
export const PERF_COUNT_SW_PAGE_FAULTS = 2;
export const PERF_COUNT_SW_CONTEXT_SWITCHES = 3;
export const PERF_COUNT_SW_CPU_MIGRATIONS = 4;
export const PERF_COUNT_SW_PAGE_FAULTS_MIN = 5;
export const PERF_COUNT_SW_PAGE_FAULTS_MAJ = 6;
export const PERF_COUNT_SW_ALIGNMENT_FAULTS = 7;
export const PERF_COUNT_SW_EMULATION_FAULTS = 8;
/** Counts nothing. For an event that only writes side-band records. */
export const PERF_COUNT_SW_DUMMY = 9;
/** The event that bpf_perf_event_output writes to. */
export const PERF_COUNT_SW_BPF_OUTPUT = 10;
export const PERF_COUNT_SW_CGROUP_SWITCHES = 11;

// ---------------------------------------------------------------------- enum perf_event_sample_format

export const PERF_SAMPLE_IP = 1 << 0;
export const PERF_SAMPLE_TID = 1 << 1;
export const PERF_SAMPLE_TIME = 1 << 2;
export const PERF_SAMPLE_ADDR = 1 << 3;
export const PERF_SAMPLE_READ = 1 << 4;
export const PERF_SAMPLE_CALLCHAIN = 1 << 5;
export const PERF_SAMPLE_ID = 1 << 6;
export const PERF_SAMPLE_CPU = 1 << 7;
export const PERF_SAMPLE_PERIOD = 1 << 8;
export const PERF_SAMPLE_STREAM_ID = 1 << 9;
export const PERF_SAMPLE_RAW = 1 << 10;
export const PERF_SAMPLE_BRANCH_STACK = 1 << 11;
export const PERF_SAMPLE_REGS_USER = 1 << 12;
export const PERF_SAMPLE_STACK_USER = 1 << 13;
export const PERF_SAMPLE_WEIGHT = 1 << 14;
export const PERF_SAMPLE_DATA_SRC = 1 << 15;
export const PERF_SAMPLE_IDENTIFIER = 1 << 16;
export const PERF_SAMPLE_TRANSACTION = 1 << 17;
export const PERF_SAMPLE_REGS_INTR = 1 << 18;
export const PERF_SAMPLE_PHYS_ADDR = 1 << 19;
export const PERF_SAMPLE_AUX = 1 << 20;
export const PERF_SAMPLE_CGROUP = 1 << 21;
export const PERF_SAMPLE_DATA_PAGE_SIZE = 1 << 22;
export const PERF_SAMPLE_CODE_PAGE_SIZE = 1 << 23;
export const PERF_SAMPLE_WEIGHT_STRUCT = 1 << 24;

// ---------------------------------------------------------------------- enum perf_event_read_format

export const PERF_FORMAT_TOTAL_TIME_ENABLED = 1 << 0;
export const PERF_FORMAT_TOTAL_TIME_RUNNING = 1 << 1;
export const PERF_FORMAT_ID = 1 << 2;
export const PERF_FORMAT_GROUP = 1 << 3;
/** Linux 6.0 and later; before, perf_event_open fails with EINVAL. */
export const PERF_FORMAT_LOST = 1 << 4;

// ---------------------------------------------------------------------- enum perf_event_type

export const PERF_RECORD_MMAP = 1;
export const PERF_RECORD_LOST = 2;
export const PERF_RECORD_COMM = 3;
export const PERF_RECORD_EXIT = 4;
export const PERF_RECORD_THROTTLE = 5;
export const PERF_RECORD_UNTHROTTLE = 6;
export const PERF_RECORD_FORK = 7;
export const PERF_RECORD_READ = 8;
export const PERF_RECORD_SAMPLE = 9;
export const PERF_RECORD_MMAP2 = 10;
export const PERF_RECORD_AUX = 11;
export const PERF_RECORD_ITRACE_START = 12;
export const PERF_RECORD_LOST_SAMPLES = 13;
export const PERF_RECORD_SWITCH = 14;
export const PERF_RECORD_SWITCH_CPU_WIDE = 15;
export const PERF_RECORD_NAMESPACES = 16;
export const PERF_RECORD_KSYMBOL = 17;
export const PERF_RECORD_BPF_EVENT = 18;
export const PERF_RECORD_CGROUP = 19;
export const PERF_RECORD_TEXT_POKE = 20;
export const PERF_RECORD_AUX_OUTPUT_HW_ID = 21;

// ---------------------------------------------------------------------- enum perf_branch_sample_type

export const PERF_SAMPLE_BRANCH_USER = 1 << 0;
export const PERF_SAMPLE_BRANCH_KERNEL = 1 << 1;
export const PERF_SAMPLE_BRANCH_HV = 1 << 2;
export const PERF_SAMPLE_BRANCH_ANY = 1 << 3;
export const PERF_SAMPLE_BRANCH_ANY_CALL = 1 << 4;
export const PERF_SAMPLE_BRANCH_ANY_RETURN = 1 << 5;
export const PERF_SAMPLE_BRANCH_IND_CALL = 1 << 6;
export const PERF_SAMPLE_BRANCH_ABORT_TX = 1 << 7;
export const PERF_SAMPLE_BRANCH_IN_TX = 1 << 8;
export const PERF_SAMPLE_BRANCH_NO_TX = 1 << 9;
export const PERF_SAMPLE_BRANCH_COND = 1 << 10;
export const PERF_SAMPLE_BRANCH_CALL_STACK = 1 << 11;
export const PERF_SAMPLE_BRANCH_IND_JUMP = 1 << 12;
export const PERF_SAMPLE_BRANCH_CALL = 1 << 13;
export const PERF_SAMPLE_BRANCH_NO_FLAGS = 1 << 14;
export const PERF_SAMPLE_BRANCH_NO_CYCLES = 1 << 15;
export const PERF_SAMPLE_BRANCH_TYPE_SAVE = 1 << 16;
export const PERF_SAMPLE_BRANCH_HW_INDEX = 1 << 17;
export const PERF_SAMPLE_BRANCH_PRIV_SAVE = 1 << 18;
/** Linux 6.8 and later: the counters of each branch. */
export const PERF_SAMPLE_BRANCH_COUNTERS = 1 << 19;

// ---------------------------------------------------------------------- type, spec, new_type and priv of struct
// perf_branch_entry

export const PERF_BR_UNKNOWN = 0;
export const PERF_BR_COND = 1;
export const PERF_BR_UNCOND = 2;
export const PERF_BR_IND = 3;
export const PERF_BR_CALL = 4;
export const PERF_BR_IND_CALL = 5;
export const PERF_BR_RET = 6;
export const PERF_BR_SYSCALL = 7;
export const PERF_BR_SYSRET = 8;
export const PERF_BR_COND_CALL = 9;
export const PERF_BR_COND_RET = 10;
export const PERF_BR_ERET = 11;
export const PERF_BR_IRQ = 12;
export const PERF_BR_SERROR = 13;
export const PERF_BR_NO_TX = 14;
export const PERF_BR_EXTEND_ABI = 15;

export const PERF_BR_SPEC_NA = 0;
export const PERF_BR_SPEC_WRONG_PATH = 1;
export const PERF_BR_NON_SPEC_CORRECT_PATH = 2;
export const PERF_BR_SPEC_CORRECT_PATH = 3;

export const PERF_BR_NEW_FAULT_ALGN = 0;
export const PERF_BR_NEW_FAULT_DATA = 1;
export const PERF_BR_NEW_FAULT_INST = 2;
export const PERF_BR_NEW_ARCH_1 = 3;
export const PERF_BR_NEW_ARCH_2 = 4;
export const PERF_BR_NEW_ARCH_3 = 5;
export const PERF_BR_NEW_ARCH_4 = 6;
export const PERF_BR_NEW_ARCH_5 = 7;

export const PERF_BR_PRIV_UNKNOWN = 0;
export const PERF_BR_PRIV_USER = 1;
export const PERF_BR_PRIV_KERNEL = 2;
export const PERF_BR_PRIV_HV = 3;

// ---------------------------------------------------------------------- enum perf_sample_regs_abi

export const PERF_SAMPLE_REGS_ABI_NONE = 0;
export const PERF_SAMPLE_REGS_ABI_32 = 1;
export const PERF_SAMPLE_REGS_ABI_64 = 2;

// ---------------------------------------------------------------------- bits of PERF_SAMPLE_TRANSACTION

export const PERF_TXN_ELISION = 1 << 0;
export const PERF_TXN_TRANSACTION = 1 << 1;
export const PERF_TXN_SYNC = 1 << 2;
export const PERF_TXN_ASYNC = 1 << 3;
export const PERF_TXN_RETRY = 1 << 4;
export const PERF_TXN_CONFLICT = 1 << 5;
export const PERF_TXN_CAPACITY_WRITE = 1 << 6;
export const PERF_TXN_CAPACITY_READ = 1 << 7;
export const PERF_TXN_ABORT_MASK = 0xffff_ffff_0000_0000n;
/** The abort code begins at this bit. */
export const PERF_TXN_ABORT_SHIFT = 32;

// ---------------------------------------------------------------------- header.misc

export const PERF_RECORD_MISC_CPUMODE_MASK = 7 << 0;
export const PERF_RECORD_MISC_CPUMODE_UNKNOWN = 0;
export const PERF_RECORD_MISC_KERNEL = 1;
export const PERF_RECORD_MISC_USER = 2;
export const PERF_RECORD_MISC_HYPERVISOR = 3;
export const PERF_RECORD_MISC_GUEST_KERNEL = 4;
export const PERF_RECORD_MISC_GUEST_USER = 5;
export const PERF_RECORD_MISC_PROC_MAP_PARSE_TIMEOUT = 1 << 12;
/** MMAP, MMAP2: the mapping is not executable. */
export const PERF_RECORD_MISC_MMAP_DATA = 1 << 13;
/** COMM: the name changed by execve(2). */
export const PERF_RECORD_MISC_COMM_EXEC = 1 << 13;
/** FORK: set only by the perf tool, never by the kernel. */
export const PERF_RECORD_MISC_FORK_EXEC = 1 << 13;
/** SWITCH, SWITCH_CPU_WIDE: the thread leaves the CPU. */
export const PERF_RECORD_MISC_SWITCH_OUT = 1 << 13;
/** SAMPLE: PERF_SAMPLE_IP is the instruction that caused the event. */
export const PERF_RECORD_MISC_EXACT_IP = 1 << 14;
/** SWITCH, SWITCH_CPU_WIDE: the thread was preempted; it was still runnable. */
export const PERF_RECORD_MISC_SWITCH_OUT_PREEMPT = 1 << 14;
/** MMAP2: the record has the build id of the file in place of its inode. */
export const PERF_RECORD_MISC_MMAP_BUILD_ID = 1 << 14;

// ---------------------------------------------------------------------- indexes of PERF_RECORD_NAMESPACES

export const NET_NS_INDEX = 0;
export const UTS_NS_INDEX = 1;
export const IPC_NS_INDEX = 2;
export const PID_NS_INDEX = 3;
export const USER_NS_INDEX = 4;
export const MNT_NS_INDEX = 5;
export const CGROUP_NS_INDEX = 6;

// ---------------------------------------------------------------------- enum perf_record_ksymbol_type, flags, enum
// perf_bpf_event_type

export const PERF_RECORD_KSYMBOL_TYPE_UNKNOWN = 0;
export const PERF_RECORD_KSYMBOL_TYPE_BPF = 1;
export const PERF_RECORD_KSYMBOL_TYPE_OOL = 2;
export const PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER = 1 << 0;
export const PERF_BPF_EVENT_UNKNOWN = 0;
export const PERF_BPF_EVENT_PROG_LOAD = 1;
export const PERF_BPF_EVENT_PROG_UNLOAD = 2;

// ---------------------------------------------------------------------- enum perf_callchain_context

// Markers in a call chain, not addresses. The entries after a marker belong to its context.

export const PERF_CONTEXT_HV = 0xffff_ffff_ffff_ffe0n;
export const PERF_CONTEXT_KERNEL = 0xffff_ffff_ffff_ff80n;
export const PERF_CONTEXT_USER = 0xffff_ffff_ffff_fe00n;
export const PERF_CONTEXT_GUEST = 0xffff_ffff_ffff_f800n;
export const PERF_CONTEXT_GUEST_KERNEL = 0xffff_ffff_ffff_f780n;
export const PERF_CONTEXT_GUEST_USER = 0xffff_ffff_ffff_f600n;
/** This value and all higher ones are markers. */
export const PERF_CONTEXT_MAX = 0xffff_ffff_ffff_f001n;

// ---------------------------------------------------------------------- flags of PERF_RECORD_AUX

export const PERF_AUX_FLAG_TRUNCATED = 0x01;
export const PERF_AUX_FLAG_OVERWRITE = 0x02;
export const PERF_AUX_FLAG_PARTIAL = 0x04;
export const PERF_AUX_FLAG_COLLISION = 0x08;
export const PERF_AUX_FLAG_PMU_FORMAT_TYPE_MASK = 0xff00;

// ---------------------------------------------------------------------- union perf_mem_data_src

export const PERF_MEM_OP_NA = 0x01;
export const PERF_MEM_OP_LOAD = 0x02;
export const PERF_MEM_OP_STORE = 0x04;
export const PERF_MEM_OP_PFETCH = 0x08;
export const PERF_MEM_OP_EXEC = 0x10;
export const PERF_MEM_OP_SHIFT = 0;

export const PERF_MEM_LVL_NA = 0x01;
export const PERF_MEM_LVL_HIT = 0x02;
export const PERF_MEM_LVL_MISS = 0x04;
export const PERF_MEM_LVL_L1 = 0x08;
export const PERF_MEM_LVL_LFB = 0x10;
export const PERF_MEM_LVL_L2 = 0x20;
export const PERF_MEM_LVL_L3 = 0x40;
export const PERF_MEM_LVL_LOC_RAM = 0x80;
export const PERF_MEM_LVL_REM_RAM1 = 0x100;
export const PERF_MEM_LVL_REM_RAM2 = 0x200;
export const PERF_MEM_LVL_REM_CCE1 = 0x400;
export const PERF_MEM_LVL_REM_CCE2 = 0x800;
export const PERF_MEM_LVL_IO = 0x1000;
export const PERF_MEM_LVL_UNC = 0x2000;
export const PERF_MEM_LVL_SHIFT = 5;

export const PERF_MEM_REMOTE_REMOTE = 0x01;
export const PERF_MEM_REMOTE_SHIFT = 37;

export const PERF_MEM_LVLNUM_L1 = 0x01;
export const PERF_MEM_LVLNUM_L2 = 0x02;
export const PERF_MEM_LVLNUM_L3 = 0x03;
export const PERF_MEM_LVLNUM_L4 = 0x04;
export const PERF_MEM_LVLNUM_CXL = 0x09;
export const PERF_MEM_LVLNUM_IO = 0x0a;
export const PERF_MEM_LVLNUM_ANY_CACHE = 0x0b;
export const PERF_MEM_LVLNUM_LFB = 0x0c;
export const PERF_MEM_LVLNUM_RAM = 0x0d;
export const PERF_MEM_LVLNUM_PMEM = 0x0e;
export const PERF_MEM_LVLNUM_NA = 0x0f;
export const PERF_MEM_LVLNUM_SHIFT = 33;

export const PERF_MEM_SNOOP_NA = 0x01;
export const PERF_MEM_SNOOP_NONE = 0x02;
export const PERF_MEM_SNOOP_HIT = 0x04;
export const PERF_MEM_SNOOP_MISS = 0x08;
export const PERF_MEM_SNOOP_HITM = 0x10;
export const PERF_MEM_SNOOP_SHIFT = 19;

export const PERF_MEM_SNOOPX_FWD = 0x01;
export const PERF_MEM_SNOOPX_PEER = 0x02;
export const PERF_MEM_SNOOPX_SHIFT = 38;

export const PERF_MEM_LOCK_NA = 0x01;
export const PERF_MEM_LOCK_LOCKED = 0x02;
export const PERF_MEM_LOCK_SHIFT = 24;

export const PERF_MEM_TLB_NA = 0x01;
export const PERF_MEM_TLB_HIT = 0x02;
export const PERF_MEM_TLB_MISS = 0x04;
export const PERF_MEM_TLB_L1 = 0x08;
export const PERF_MEM_TLB_L2 = 0x10;
export const PERF_MEM_TLB_WK = 0x20;
export const PERF_MEM_TLB_OS = 0x40;
export const PERF_MEM_TLB_SHIFT = 26;

export const PERF_MEM_BLK_NA = 0x01;
export const PERF_MEM_BLK_DATA = 0x02;
export const PERF_MEM_BLK_ADDR = 0x04;
export const PERF_MEM_BLK_SHIFT = 40;

export const PERF_MEM_HOPS_0 = 0x01;
export const PERF_MEM_HOPS_1 = 0x02;
export const PERF_MEM_HOPS_2 = 0x03;
export const PERF_MEM_HOPS_3 = 0x04;
export const PERF_MEM_HOPS_SHIFT = 43;

// ---------------------------------------------------------------------- flags of perf_event_open(2)

export const PERF_FLAG_FD_NO_GROUP = 1 << 0;
export const PERF_FLAG_FD_OUTPUT = 1 << 1;
export const PERF_FLAG_PID_CGROUP = 1 << 2;
export const PERF_FLAG_FD_CLOEXEC = 1 << 3;

/**
 * The clock of bpf_ktime_get_ns, for attr.clockid.
 * @see https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/time.h
 */
export const CLOCK_MONOTONIC = 1;

// ---------------------------------------------------------------------- offsets of struct perf_event_mmap_page

/** u64: the position where the kernel writes next; grows without wrapping at the ring's size. */
export const MMAP_PAGE_DATA_HEAD = 1024;
/** u64: the reader's position; grows without wrapping at the ring's size. */
export const MMAP_PAGE_DATA_TAIL = 1032;
/** u64: offset of the data area in the mapping, in bytes; 0 before Linux 4.1, where the data begins after one page. */
export const MMAP_PAGE_DATA_OFFSET = 1040;
/** u64: bytes of the data area; 0 before Linux 4.1. */
export const MMAP_PAGE_DATA_SIZE = 1048;

// ---------------------------------------------------------------------- offsets of struct perf_event_header

/** u32 */
export const HEADER_TYPE = 0;
/** u16 */
export const HEADER_MISC = 4;
/** u16: bytes of the whole record, header included. */
export const HEADER_SIZE = 6;
/** sizeof(struct perf_event_header) */
export const HEADER_BYTES = 8;

// ---------------------------------------------------------------------- struct perf_event_attr

/** sizeof(struct perf_event_attr) since Linux 4.1. It has every field below, and later kernels accept it. */
export const PERF_ATTR_SIZE_VER5 = 112;

/** The one-bit fields of struct perf_event_attr -> bit number in the u64 at offset 40. */
export const ATTR_FLAG_BITS = {
  disabled: 0,
  inherit: 1,
  pinned: 2,
  exclusive: 3,
  exclude_user: 4,
  exclude_kernel: 5,
  exclude_hv: 6,
  exclude_idle: 7,
  mmap: 8,
  comm: 9,
  freq: 10,
  inherit_stat: 11,
  enable_on_exec: 12,
  task: 13,
  watermark: 14,
  // Bits 15 and 16 are precise_ip, which software events do not support.
  mmap_data: 17,
  sample_id_all: 18,
  exclude_host: 19,
  exclude_guest: 20,
  exclude_callchain_kernel: 21,
  exclude_callchain_user: 22,
  mmap2: 23,
  comm_exec: 24,
  use_clockid: 25,
  context_switch: 26,
  write_backward: 27,
  namespaces: 28,
  ksymbol: 29,
  bpf_event: 30,
  aux_output: 31,
  cgroup: 32,
  text_poke: 33,
  build_id: 34,
  inherit_thread: 35,
  remove_on_exec: 36,
  sigtrap: 37,
} as const;

/** The names of the bits of struct perf_event_attr. */
export type AttrFlag = keyof typeof ATTR_FLAG_BITS;

/** The fields of struct perf_event_attr that are not single bits -> [offset, size], in bytes. */
export const ATTR_WORDS = {
  type: [0, 4],
  config: [8, 8],
  sample_period: [16, 8],
  sample_freq: [16, 8],
  sample_type: [24, 8],
  read_format: [32, 8],
  wakeup_events: [48, 4],
  wakeup_watermark: [48, 4],
  bp_type: [52, 4],
  config1: [56, 8],
  config2: [64, 8],
  branch_sample_type: [72, 8],
  sample_regs_user: [80, 8],
  sample_stack_user: [88, 4],
  clockid: [92, 4],
  sample_regs_intr: [96, 8],
  aux_watermark: [104, 4],
  sample_max_stack: [108, 2],
} as const;

/** The names of the fields of struct perf_event_attr that are not single bits. Each member of a union has its name. */
export type AttrWord = keyof typeof ATTR_WORDS;

const ATTR_SIZE_OFFSET = 4;
const ATTR_FLAGS_OFFSET = 40;

/** Members of unions: only one of each pair may be given. */
const ATTR_UNIONS = [
  ['sample_period', 'sample_freq'],
  ['wakeup_events', 'wakeup_watermark'],
] as const;

/**
 * struct perf_event_attr by the kernel's field names. A field that is not given is 0 or false. A number must be a safe
 * integer; only `clockid` may be negative.
 */
export type PerfEventAttr = { readonly type: number; readonly config: number | bigint } & {
  readonly [Word in Exclude<AttrWord, 'type' | 'config'>]?: number | bigint;
} & { readonly [Flag in AttrFlag]?: boolean };

/**
 * The bytes of struct perf_event_attr for perf_event_open(2). There are {@link PERF_ATTR_SIZE_VER5}, and `size` is set.
 * @param given `wakeup_watermark` needs `watermark: true`; with `wakeup_events`, `watermark` must be false or absent:
 *   otherwise the kernel would read one as the other. Likewise `sample_freq` needs `freq: true`
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for an unknown field, a value that does not fit its field, or
 *   two members of one union
 * @see perf_copy_attr() in https://github.com/torvalds/linux/blob/v6.12/kernel/events/core.c
 */
export function encodePerfEventAttr(given: PerfEventAttr): Uint8Array {
  const attr = plainCopy(given, 'perf_event_attr', 'ERR_PERF_INVALID_ARGUMENT');
  checkUnions(attr);
  const bytes = new Uint8Array(PERF_ATTR_SIZE_VER5);
  const view = new DataView(bytes.buffer);
  view.setUint32(ATTR_SIZE_OFFSET, PERF_ATTR_SIZE_VER5, true);
  let flags = 0n;
  for (const [name, value] of Object.entries(attr)) {
    if (value === undefined) continue;
    if (isFlag(name)) {
      if (typeof value !== 'boolean') throw invalid(`${name} must be true or false, got ${shown(value)}`);
      if (value) flags |= 1n << BigInt(ATTR_FLAG_BITS[name]);
    } else if (isWord(name)) {
      writeWord(view, name, value);
    } else {
      throw invalid(`struct perf_event_attr has no field ${name}`);
    }
  }
  view.setBigUint64(ATTR_FLAGS_OFFSET, flags, true);
  return bytes;
}

function isFlag(name: string): name is AttrFlag {
  return Object.hasOwn(ATTR_FLAG_BITS, name);
}

function isWord(name: string): name is AttrWord {
  return Object.hasOwn(ATTR_WORDS, name);
}

function checkUnions(attr: PerfEventAttr): void {
  for (const [one, other] of ATTR_UNIONS) {
    if (attr[one] !== undefined && attr[other] !== undefined) {
      throw invalid(`${one} and ${other} share their bytes: give only one of them`);
    }
  }
  if ((attr.wakeup_watermark !== undefined) !== (attr.watermark === true)) {
    throw invalid('wakeup_watermark needs watermark: true, and watermark: true needs wakeup_watermark');
  }
  if ((attr.sample_freq !== undefined) !== (attr.freq === true)) {
    throw invalid('sample_freq needs freq: true, and freq: true needs sample_freq');
  }
}

function writeWord(view: DataView, name: AttrWord, value: unknown): void {
  const [offset, size] = ATTR_WORDS[name];
  const isInteger = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (!isInteger) throw invalid(`${name} must be a safe integer or a bigint, got ${shown(value)}`);
  const word = BigInt(value);
  const bits = BigInt(size * 8);
  const lowest = name === 'clockid' ? -(1n << (bits - 1n)) : 0n;
  const highest = name === 'clockid' ? (1n << (bits - 1n)) - 1n : (1n << bits) - 1n;
  if (word < lowest || word > highest) throw invalid(`${name} must be ${lowest} to ${highest}, got ${word}`);
  if (size === 8) view.setBigUint64(offset, word, true);
  else if (size === 4) view.setInt32(offset, Number(BigInt.asIntN(32, word)), true);
  else view.setUint16(offset, Number(word), true);
}

function invalid(message: string): PerfRingError {
  return new PerfRingError('ERR_PERF_INVALID_ARGUMENT', message);
}
