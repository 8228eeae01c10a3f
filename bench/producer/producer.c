/*
 * The benchmark's one source of samples. It creates a perf event array, or a ring buffer map, and the program that
 * writes into it, keeps both alive, and emits at a given rate on the CPU it is pinned to (the driver pins it: taskset).
 * Readers open the map, and for the drain rows the program, by id. Plain bpf(2), so that it needs no library.
 *
 * The program (BPF_PROG_TYPE_SCHED_CLS, run by BPF_PROG_TEST_RUN) writes one sample a run:
 *   u64 sequence   this CPU's count of attempts, whether or not the output succeeded: a gap is a lost sample
 *   u64 ktime      bpf_ktime_get_ns()
 *   zeroes up to the payload size; or, by `sizes`, up to one of two sizes in turn, or to a random size
 * A payload of more than 448 bytes lies in a map, a shorter one on the stack.
 * and counts what bpf_perf_event_output or bpf_ringbuf_output refused, by errno.
 */
#define _GNU_SOURCE
#include "../c/line_protocol.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FAILURE_SLOTS = 128, LARGEST_ON_STACK = 448, LARGEST_PAYLOAD = 32768, MOST_INSTRUCTIONS = 256, FLAT_OUT_BATCH = 256, LARGEST_BATCH = 4096 };

/* Which payloads there are: one size, two that are 8 bytes apart in turn, or each of 128 sizes at random. */
enum sizes { ONE_SIZE = 0, TWO_SIZES = 8, MIXED_SIZES = 127 };

struct maps {
  int output, sequence, failures, payload;
};

struct shape {
  int payload;
  enum sizes sizes;
  /* Bytes of the ring buffer map; 0 for a perf event array. */
  uint32_t ring_bytes;
  /* Of bpf_ringbuf_output: BPF_RB_*. */
  int flags;
};

struct source {
  struct maps maps;
  int program;
  uint32_t possible_cpus;
  struct bpf_insn instructions[MOST_INSTRUCTIONS];
  uint32_t instruction_count;
};

static int bpf(enum bpf_cmd command, union bpf_attr *attr) {
  return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

/* The highest number in /sys/devices/system/cpu/possible ("0-3"), plus one: how many values a per-CPU map has. */
static uint32_t possible_cpu_count(void) {
  char text[256] = "";
  int file = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);
  if (file < 0 || read(file, text, sizeof text - 1) <= 0) fail("/sys/devices/system/cpu/possible", errno);
  close(file);
  size_t last = strcspn(text, "\n");
  while (last > 0 && text[last - 1] >= '0' && text[last - 1] <= '9') last--;
  return (uint32_t)atoi(text + last) + 1;
}

static int create_map(enum bpf_map_type type, uint32_t value_size, uint32_t entries, const char *name) {
  const uint32_t key_size = type == BPF_MAP_TYPE_RINGBUF ? 0 : 4;
  union bpf_attr attr = {.map_type = type, .key_size = key_size, .value_size = value_size, .max_entries = entries};
  strncpy(attr.map_name, name, sizeof attr.map_name - 1);
  int map = bpf(BPF_MAP_CREATE, &attr);
  if (map < 0) fail("BPF_MAP_CREATE", errno);
  return map;
}

/* Assembles the program. `maps` are descriptors to load it with, or ids to print it with. */
static uint32_t assemble(struct bpf_insn *code, struct shape shape, struct maps maps) {
  uint32_t n = 0;
  const int payload = shape.payload;
  const enum sizes sizes = shape.sizes;
  const bool on_stack = payload <= LARGEST_ON_STACK;
  const int key = -4, on_stack_bytes = (payload + (int)sizes + 7) / 8 * 8;
  const int sample = on_stack ? -8 - on_stack_bytes : 0;
  uint32_t no_sequence, no_payload = 0, delivered, no_failure_slot;
#define EMIT(op, dst, src, offset, value) \
  (code[n++] = (struct bpf_insn){.code = (op), .dst_reg = (dst), .src_reg = (src), .off = (int16_t)(offset), .imm = (value)})
#define LOAD_MAP(dst, map) \
  (EMIT(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, map), EMIT(0, 0, 0, 0, 0))
#define CALL(helper) EMIT(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define STACK_POINTER(dst, offset) \
  (EMIT(BPF_ALU64 | BPF_MOV | BPF_X, dst, BPF_REG_10, 0, 0), EMIT(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, offset))

  EMIT(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
  EMIT(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, key, 0);
  LOAD_MAP(BPF_REG_1, maps.sequence);
  STACK_POINTER(BPF_REG_2, key);
  CALL(BPF_FUNC_map_lookup_elem);
  no_sequence = n;
  EMIT(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 0, 0);
  EMIT(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_7, BPF_REG_0, 0, 0);
  EMIT(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_8, BPF_REG_7, 0, 0);
  EMIT(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_8, 0, 0, 1);
  EMIT(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_8, 0, 0);
  if (on_stack) {
    STACK_POINTER(BPF_REG_8, sample);
    for (int at = 16; at < on_stack_bytes; at += 8) EMIT(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, sample + at, 0);
  } else {
    LOAD_MAP(BPF_REG_1, maps.payload);
    STACK_POINTER(BPF_REG_2, key);
    CALL(BPF_FUNC_map_lookup_elem);
    no_payload = n;
    EMIT(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 0, 0);
    EMIT(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_8, BPF_REG_0, 0, 0);
  }
  EMIT(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_8, BPF_REG_7, 0, 0);
  CALL(BPF_FUNC_ktime_get_ns);
  EMIT(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_8, BPF_REG_0, 8, 0);
  /* The bytes that this payload is longer than `payload`. */
  if (sizes == MIXED_SIZES) {
    CALL(BPF_FUNC_get_prandom_u32);
    EMIT(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_7, BPF_REG_0, 0, 0);
    EMIT(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_7, 0, 0, MIXED_SIZES);
  } else {
    EMIT(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_7, 0, 0, sizes == TWO_SIZES ? 1 : 0);
    EMIT(BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_7, 0, 0, 3);
  }
  if (shape.ring_bytes != 0) {
    LOAD_MAP(BPF_REG_1, maps.output);
    EMIT(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_8, 0, 0);
    EMIT(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_7, 0, 0);
    EMIT(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0, payload);
    EMIT(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, shape.flags);
    CALL(BPF_FUNC_ringbuf_output);
  } else {
    EMIT(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0);
    LOAD_MAP(BPF_REG_2, maps.output);
    EMIT(BPF_ALU | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, -1); /* 32-bit: BPF_F_CURRENT_CPU is 0xffffffff, not -1 */
    EMIT(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_4, BPF_REG_8, 0, 0);
    EMIT(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_5, BPF_REG_7, 0, 0);
    EMIT(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_5, 0, 0, payload);
    CALL(BPF_FUNC_perf_event_output);
  }
  delivered = n;
  EMIT(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 0, 0);
  EMIT(BPF_ALU64 | BPF_NEG, BPF_REG_0, 0, 0, 0);
  EMIT(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_0, 0, 0, FAILURE_SLOTS - 1);
  EMIT(BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_0, key, 0);
  LOAD_MAP(BPF_REG_1, maps.failures);
  STACK_POINTER(BPF_REG_2, key);
  CALL(BPF_FUNC_map_lookup_elem);
  no_failure_slot = n;
  EMIT(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 0, 0);
  EMIT(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1);
  EMIT(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_0, BPF_REG_1, 0, BPF_ADD);
  const uint32_t end = n;
  EMIT(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
  EMIT(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  code[no_sequence].off = (int16_t)(end - no_sequence - 1);
  if (!on_stack) code[no_payload].off = (int16_t)(end - no_payload - 1);
  code[delivered].off = (int16_t)(end - delivered - 1);
  code[no_failure_slot].off = (int16_t)(end - no_failure_slot - 1);
  return n;
#undef EMIT
#undef LOAD_MAP
#undef CALL
#undef STACK_POINTER
}

static int load_program(const struct source *source) {
  static char log[65536];
  union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SCHED_CLS,
                         .insns = (uint64_t)(uintptr_t)source->instructions,
                         .insn_cnt = source->instruction_count,
                         .license = (uint64_t)(uintptr_t)"GPL",
                         .log_buf = (uint64_t)(uintptr_t)log,
                         .log_size = sizeof log,
                         .log_level = 1};
  strcpy(attr.prog_name, "bench_sample");
  int program = bpf(BPF_PROG_LOAD, &attr);
  if (program < 0) {
    int error = errno;
    fputs(log, stderr);
    fail("BPF_PROG_LOAD", error);
  }
  return program;
}

static uint32_t map_id(int map) {
  struct bpf_map_info info = {0};
  union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)map, .info_len = sizeof info, .info = (uint64_t)(uintptr_t)&info}};
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) != 0) fail("BPF_OBJ_GET_INFO_BY_FD", errno);
  return info.id;
}

static uint32_t program_id(int program) {
  struct bpf_prog_info info = {0};
  union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)program, .info_len = sizeof info, .info = (uint64_t)(uintptr_t)&info}};
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) != 0) fail("BPF_OBJ_GET_INFO_BY_FD", errno);
  return info.id;
}

static void load(struct source *source, const char *line) {
  const struct shape shape = {
      .payload = (int)line_number(line, "payload", 48),
      .sizes = line_says(line, "sizes", "two") ? TWO_SIZES : line_says(line, "sizes", "mixed") ? MIXED_SIZES : ONE_SIZE,
      .ring_bytes = line_says(line, "kind", "ring buffer") ? (uint32_t)line_number(line, "ringBytes", 262144) : 0,
      .flags = (int)line_number(line, "flags", 0)};
  const int payload = shape.payload;
  const enum sizes sizes = shape.sizes;
  if (payload < 16 || payload > LARGEST_PAYLOAD || payload % 8 != 0) fail("payload: 16 to 32768, a multiple of 8", EINVAL);
  if (sizes != ONE_SIZE && payload > 256) fail("payload: 16 to 256 for several sizes", EINVAL);
  source->possible_cpus = possible_cpu_count();
  struct maps *maps = &source->maps;
  maps->output = shape.ring_bytes == 0
                     ? create_map(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, source->possible_cpus, "bench_output")
                     : create_map(BPF_MAP_TYPE_RINGBUF, 0, shape.ring_bytes, "bench_output");
  maps->sequence = create_map(BPF_MAP_TYPE_PERCPU_ARRAY, 8, 1, "bench_sequence");
  maps->failures = create_map(BPF_MAP_TYPE_ARRAY, 8, FAILURE_SLOTS, "bench_failures");
  maps->payload = create_map(BPF_MAP_TYPE_ARRAY, LARGEST_PAYLOAD, 1, "bench_payload");
  source->instruction_count = assemble(source->instructions, shape, *maps);
  source->program = load_program(source);

  /* For a reader that loads the same program itself: the same instructions, with map ids for descriptors. */
  struct bpf_insn portable[MOST_INSTRUCTIONS];
  const struct maps ids = {(int)map_id(maps->output), (int)map_id(maps->sequence), (int)map_id(maps->failures),
                           (int)map_id(maps->payload)};
  assemble(portable, shape, ids);
  char hex[sizeof portable * 2 + 1];
  for (size_t i = 0; i < source->instruction_count * sizeof *portable; i++)
    sprintf(hex + 2 * i, "%02x", ((const unsigned char *)portable)[i]);
  answer("{\"map\":%u,\"program\":%u,\"instructions\":\"%s\"}", (unsigned)ids.output, program_id(source->program), hex);
}

static void unload(struct source *source) {
  close(source->program);
  close(source->maps.payload);
  close(source->maps.failures);
  close(source->maps.sequence);
  close(source->maps.output);
}

/* Runs the program `count` times; answers the kernel's own time for them (`duration` of BPF_PROG_TEST_RUN). */
static uint64_t run(const struct source *source, uint32_t count) {
  static char packet[64];
  union bpf_attr attr = {.test = {.prog_fd = (uint32_t)source->program,
                                  .data_size_in = sizeof packet,
                                  .data_in = (uint64_t)(uintptr_t)packet,
                                  .repeat = count}};
  if (bpf(BPF_PROG_TEST_RUN, &attr) != 0) fail("BPF_PROG_TEST_RUN", errno);
  return (uint64_t)attr.test.duration * count; /* duration is the mean of one run */
}

/* How many outputs failed so far, all errnos; prints the slots that are not 0 into `text`. */
static void failures_by_errno(const struct source *source, uint64_t counts[FAILURE_SLOTS]) {
  memset(counts, 0, FAILURE_SLOTS * sizeof *counts);
  if (source->maps.failures < 0) return;
  for (uint32_t slot = 0; slot < FAILURE_SLOTS; slot++) {
    union bpf_attr attr = {.map_fd = (uint32_t)source->maps.failures,
                           .key = (uint64_t)(uintptr_t)&slot,
                           .value = (uint64_t)(uintptr_t)&counts[slot]};
    if (bpf(BPF_MAP_LOOKUP_ELEM, &attr) != 0) fail("BPF_MAP_LOOKUP_ELEM", errno);
  }
}

/*
 * Emits for `milliseconds` at `rate` a second (0: as fast as it can). Paced by looking at the clock: what is due
 * by now is emitted in one call, and a gap of more than 100 µs is slept through up to its last 60 µs.
 */
static void emit(const struct source *source, const char *line) {
  const uint64_t rate = (uint64_t)line_number(line, "rate", 0);
  const uint64_t span = (uint64_t)line_number(line, "milliseconds", 1000) * 1000000ull;
  uint64_t before[FAILURE_SLOTS], after[FAILURE_SLOTS];
  failures_by_errno(source, before);
  uint64_t emitted = 0, kernel_nanoseconds = 0, call_nanoseconds = 0;
  const uint64_t start = monotonic_nanoseconds();
  uint64_t now = start;
  while (now - start < span) {
    uint64_t due = FLAT_OUT_BATCH;
    if (rate != 0) {
      due = (uint64_t)((double)(now - start) * (double)rate / 1e9) + 1;
      due = due > emitted ? due - emitted : 0;
      if (due > LARGEST_BATCH) due = LARGEST_BATCH;
    }
    if (due != 0) {
      kernel_nanoseconds += run(source, (uint32_t)due);
      emitted += due;
      const uint64_t then = monotonic_nanoseconds();
      call_nanoseconds += then - now;
      now = then;
      continue;
    }
    const uint64_t next = start + (uint64_t)((double)emitted * 1e9 / (double)rate);
    if (next > now + 100000) {
      const uint64_t until = next - 60000;
      struct timespec wake = {.tv_sec = (time_t)(until / 1000000000ull), .tv_nsec = (long)(until % 1000000000ull)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
    }
    now = monotonic_nanoseconds();
  }
  failures_by_errno(source, after);
  char text[1024] = "";
  size_t length = 0;
  uint64_t failed = 0;
  for (int slot = 0; slot < FAILURE_SLOTS; slot++) {
    const uint64_t count = after[slot] - before[slot];
    if (count == 0 || length + 40 > sizeof text) continue;
    length += (size_t)sprintf(text + length, "%s\"%d\":%llu", failed == 0 ? "" : ",", slot, (unsigned long long)count);
    failed += count;
  }
  answer("{\"emitted\":%llu,\"elapsedNs\":%llu,\"kernelNs\":%llu,\"callNs\":%llu,\"failed\":%llu,\"failures\":{%s}}",
         (unsigned long long)emitted, (unsigned long long)(now - start), (unsigned long long)kernel_nanoseconds,
         (unsigned long long)call_nanoseconds, (unsigned long long)failed, text);
}

/* A second producer, on another CPU: runs the program that the first one loaded. */
static void attach(struct source *source, const char *line) {
  union bpf_attr attr = {.prog_id = (uint32_t)line_number(line, "program", 0)};
  const int program = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
  if (program < 0) fail("program by id", errno);
  *source = (struct source){.program = program, .maps = {.output = -1, .sequence = -1, .failures = -1, .payload = -1}};
  answer("{\"attached\":1}");
}

int main(void) {
  static char line[4096];
  static struct source source;
  bool loaded = false;
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (line_says(line, "do", "load")) {
      if (loaded) unload(&source);
      load(&source, line);
      loaded = true;
    } else if (line_says(line, "do", "attach")) {
      if (loaded) unload(&source);
      attach(&source, line);
      loaded = true;
    } else if (!loaded) {
      fail("no program yet: load comes first", EINVAL);
    } else if (line_says(line, "do", "emit")) {
      emit(&source, line);
    } else {
      fail("unknown command", EINVAL);
    }
  }
  return 0;
}
