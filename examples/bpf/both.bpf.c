// Programs that start go to a ring buffer, processes that end to a perf event array.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct moment {
  __u64 time;
  __u32 pid;
  __u32 cpu;
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 * 1024);
  __type(value, struct moment);
} starts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __type(value, struct moment);
} ends SEC(".maps");

static __always_inline struct moment now(void) {
  struct moment moment = {
      .time = bpf_ktime_get_ns(),
      .pid = bpf_get_current_pid_tgid() >> 32,
      .cpu = bpf_get_smp_processor_id(),
  };
  return moment;
}

SEC("raw_tp/sched_process_exec") int on_exec(void *context) {
  struct moment moment = now();
  bpf_ringbuf_output(&starts, &moment, sizeof(moment), 0);
  return 0;
}

SEC("raw_tp/sched_process_exit") int on_exit(void *context) {
  struct moment moment = now();
  bpf_perf_event_output(context, &ends, BPF_F_CURRENT_CPU, &moment, sizeof(moment));
  return 0;
}
