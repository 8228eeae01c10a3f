/**
 * The kernel's numbers for bpf(2), under the kernel's names. test/integration/abi compares each of them with the
 * kernel's header.
 *
 * @see https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h
 * @see https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf_common.h
 */

// ---------------------------------------------------------------------- enum bpf_map_type

export const BPF_MAP_TYPE_HASH = 1;
export const BPF_MAP_TYPE_ARRAY = 2;
export const BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4;
export const BPF_MAP_TYPE_PERCPU_HASH = 5;
export const BPF_MAP_TYPE_PERCPU_ARRAY = 6;
export const BPF_MAP_TYPE_CGROUP_ARRAY = 8;
export const BPF_MAP_TYPE_LRU_HASH = 9;
export const BPF_MAP_TYPE_LRU_PERCPU_HASH = 10;
export const BPF_MAP_TYPE_RINGBUF = 27;
export const BPF_MAP_TYPE_USER_RINGBUF = 31;

/** Whether elements of these maps have one value for each possible CPU. */
export function isPerCpuType(type: number): boolean {
  return [BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_LRU_PERCPU_HASH].includes(type);
}

// ---------------------------------------------------------------------- flags of maps and their elements

/** Flag of BPF_MAP_UPDATE_ELEM: create the element or replace it. */
export const BPF_ANY = 0;
/** Opens a map's descriptor for reading only. Programs can still write to the map. */
export const BPF_F_RDONLY = 1 << 3;
/** The slots of a perf event array stay filled when the descriptor that filled them is closed. */
export const BPF_F_PRESERVE_ELEMS = 1 << 11;
/** Bytes for the name of a map or program, the final NUL included. */
export const BPF_OBJ_NAME_LEN = 16;

// ---------------------------------------------------------------------- records of a ring buffer map

/** Of a record's length word: reserved, and neither submitted nor discarded yet. */
export const BPF_RINGBUF_BUSY_BIT = 0x8000_0000;
/** Of a record's length word: readers step over it. */
export const BPF_RINGBUF_DISCARD_BIT = 0x4000_0000;
/** A record's header: u32 length with these bits, u32 the kernel's own. */
export const BPF_RINGBUF_HDR_SZ = 8;

// ---------------------------------------------------------------------- enum bpf_prog_type

export const BPF_PROG_TYPE_SOCKET_FILTER = 1;
export const BPF_PROG_TYPE_KPROBE = 2;
export const BPF_PROG_TYPE_SCHED_CLS = 3;
export const BPF_PROG_TYPE_TRACEPOINT = 5;
export const BPF_PROG_TYPE_PERF_EVENT = 7;
export const BPF_PROG_TYPE_RAW_TRACEPOINT = 17;

// ---------------------------------------------------------------------- enum bpf_attach_type

export const BPF_PERF_EVENT = 41;

/** Flag of BPF_PROG_TEST_RUN: run once, on the given CPU. Only for raw tracepoint programs. */
export const BPF_F_TEST_RUN_ON_CPU = 1 << 0;

// ---------------------------------------------------------------------- enum bpf_func_id, and flags of helpers

export const BPF_FUNC_map_lookup_elem = 1;
export const BPF_FUNC_map_update_elem = 2;
export const BPF_FUNC_map_delete_elem = 3;
export const BPF_FUNC_ktime_get_ns = 5;
export const BPF_FUNC_get_smp_processor_id = 8;
export const BPF_FUNC_get_current_pid_tgid = 14;
export const BPF_FUNC_get_current_uid_gid = 15;
export const BPF_FUNC_get_current_comm = 16;
export const BPF_FUNC_perf_event_output = 25;
export const BPF_FUNC_get_current_task = 35;
export const BPF_FUNC_current_task_under_cgroup = 37;
export const BPF_FUNC_perf_event_read_value = 55;
export const BPF_FUNC_probe_read_user = 112;
export const BPF_FUNC_probe_read_kernel = 113;
export const BPF_FUNC_probe_read_user_str = 114;
export const BPF_FUNC_probe_read_kernel_str = 115;
/**
 * Writes struct bpf_pidns_info { __u32 pid; __u32 tgid; } of the running thread in a PID namespace. Linux 5.7 and
 * later.
 */
export const BPF_FUNC_get_ns_current_pid_tgid = 120;
export const BPF_FUNC_ringbuf_output = 130;
export const BPF_FUNC_ringbuf_reserve = 131;
export const BPF_FUNC_ringbuf_submit = 132;
export const BPF_FUNC_ringbuf_discard = 133;

/** flags of bpf_ringbuf_output, submit and discard: no reader is woken. */
export const BPF_RB_NO_WAKEUP = 1 << 0;
/** flags of bpf_ringbuf_output, submit and discard: wakes, also a reader that has not caught up. */
export const BPF_RB_FORCE_WAKEUP = 1 << 1;

/**
 * Flag of bpf_perf_event_output and bpf_perf_event_read_value: use the slot of the CPU that runs the program. The flags
 * are 64 bits wide, so load this with mov32, which does not sign-extend.
 */
export const BPF_F_CURRENT_CPU = 0xffff_ffff;

// ---------------------------------------------------------------------- opcodes: class, size, mode, operation, source

export const BPF_LD = 0x00;
export const BPF_LDX = 0x01;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_JMP32 = 0x06;
export const BPF_ALU64 = 0x07;

export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_DW = 0x18;

export const BPF_IMM = 0x00;
export const BPF_MEM = 0x60;
export const BPF_ATOMIC = 0xc0;

export const BPF_K = 0x00;
export const BPF_X = 0x08;

export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_MOV = 0xb0;
export const BPF_ARSH = 0xc0;

export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_JNE = 0x50;
export const BPF_JSGT = 0x60;
export const BPF_JSGE = 0x70;
export const BPF_CALL = 0x80;
export const BPF_EXIT = 0x90;
export const BPF_JLT = 0xa0;
export const BPF_JLE = 0xb0;
export const BPF_JSLT = 0xc0;
export const BPF_JSLE = 0xd0;

/** src_reg of a 64-bit immediate load: imm is a map's descriptor, and the register gets the map. */
export const BPF_PSEUDO_MAP_FD = 1;
/**
 * src_reg of a 64-bit immediate load: imm is an array map's descriptor, and the register points into its first value.
 */
export const BPF_PSEUDO_MAP_VALUE = 2;

// ---------------------------------------------------------------------- struct bpf_insn

/** sizeof(struct bpf_insn) */
export const BPF_INSN_BYTES = 8;
/** u8 */
export const BPF_INSN_CODE = 0;
/** u8: dst_reg in the low four bits, src_reg in the high four (little-endian hosts). */
export const BPF_INSN_REGS = 1;
/** s16 */
export const BPF_INSN_OFF = 2;
/** s32 */
export const BPF_INSN_IMM = 4;
