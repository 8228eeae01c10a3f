/**
 * The kernel's numbers for perf events and their rings, under the kernel's names, and the encoder of
 * struct perf_event_attr. test/integration/abi proves each of them against the compiled header.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/perf_event.h
 */

import { PerfRingError } from '../errors';
import { plainCopy } from '../input/plain-data';
import { shown } from '../input/shown';

// ---------------------------------------------------------------------- enum perf_type_id, perf_sw_ids

export const PERF_TYPE_SOFTWARE = 1;
export const PERF_TYPE_TRACEPOINT = 2;
/** Nanoseconds of a CPU, by a timer of its own: what samplers use where there is no PMU. */
export const PERF_COUNT_SW_CPU_CLOCK = 0;
/** Nanoseconds that the task ran. */
export const PERF_COUNT_SW_TASK_CLOCK = 1;
/** The event that bpf_perf_event_output writes to. */
export const PERF_COUNT_SW_BPF_OUTPUT = 10;
/** Counts nothing: an event that only carries side-band records. */
export const PERF_COUNT_SW_DUMMY = 9;

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
/** Linux 6.0 and later; perf_event_open answers EINVAL before. */
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

/** u64: where the kernel writes next; free-running. */
export const MMAP_PAGE_DATA_HEAD = 1024;
/** u64: where the reader is; free-running. */
export const MMAP_PAGE_DATA_TAIL = 1032;
/** u64: where the data area begins; 0 before Linux 4.1, which means after one page. */
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

/** sizeof the struct since Linux 4.1, which has every field below; any later kernel takes it. */
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
  // 15 and 16 are precise_ip, which no software event takes.
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

type AttrFlag = keyof typeof ATTR_FLAG_BITS;

/** The fields that are whole words -> [offset, bytes, signed]. */
const ATTR_WORDS = {
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

type AttrWord = keyof typeof ATTR_WORDS;

const ATTR_SIZE_OFFSET = 4;
const ATTR_FLAGS_OFFSET = 40;

/** Pairs that share their bytes: only one of each may be given. */
const ATTR_UNIONS = [
  ['sample_period', 'sample_freq'],
  ['wakeup_events', 'wakeup_watermark'],
] as const;

/**
 * struct perf_event_attr by the kernel's field names; what is not given is 0. Words take a safe integer or a
 * bigint; `clockid` alone may be negative.
 */
export type PerfEventAttr = { readonly type: number; readonly config: number | bigint } & {
  readonly [Word in Exclude<AttrWord, 'type' | 'config'>]?: number | bigint;
} & { readonly [Flag in AttrFlag]?: boolean };

/**
 * The bytes of struct perf_event_attr for perf_event_open(2), {@link PERF_ATTR_SIZE_VER5} of them, `size` set.
 * @param given `wakeup_watermark` needs `watermark: true`, `wakeup_events` needs it absent or false: the kernel
 *   would read the one as the other; likewise `sample_freq` needs `freq: true`
 * @throws PerfRingError ERR_PERF_INVALID_ARGUMENT for an unknown field, a value that does not fit its field, or
 *   two fields that share their bytes
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
      throw invalid(`${one} and ${other} share their bytes: give one of them`);
    }
  }
  if ((attr.wakeup_watermark !== undefined) !== (attr.watermark === true)) {
    throw invalid('wakeup_watermark and watermark: true go together');
  }
  if ((attr.sample_freq !== undefined) !== (attr.freq === true)) {
    throw invalid('sample_freq and freq: true go together');
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
