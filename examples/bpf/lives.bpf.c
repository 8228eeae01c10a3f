// Two types of events in one ring buffer: a program starts, a process ends. The first number tells the type.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

enum life { LIFE_START = 1, LIFE_END = 2 };

struct start {
  enum life life;
  __u32 pid;
  char comm[16];
};

struct end {
  enum life life;
  __u32 pid;
  __u64 time;
};

const struct start *unused_start __attribute__((unused));
const struct end *unused_end __attribute__((unused));

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 * 1024);
} lives SEC(".maps");

SEC("raw_tp/sched_process_exec") int on_exec(void *context) {
  struct start start = {.life = LIFE_START, .pid = bpf_get_current_pid_tgid() >> 32};
  bpf_get_current_comm(start.comm, sizeof(start.comm));
  bpf_ringbuf_output(&lives, &start, sizeof(start), 0);
  return 0;
}

SEC("raw_tp/sched_process_exit") int on_exit(void *context) {
  __u64 id = bpf_get_current_pid_tgid();
  struct end end = {.life = LIFE_END, .pid = id >> 32, .time = bpf_ktime_get_ns()};
  if (id >> 32 == (__u32)id) bpf_ringbuf_output(&lives, &end, sizeof(end), 0);
  return 0;
}
