// How long system calls take: a histogram in a per-CPU array, whose bucket n counts times of 2^n to 2^(n+1) ns.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 target_pid = 0;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 10240);
  __type(key, __u32);
  __type(value, __u64);
} started SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u64);
} buckets SEC(".maps");

SEC("raw_tp/sys_enter") int on_enter(void *context) {
  __u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();
  __u32 tid = id;
  if (id >> 32 == target_pid) bpf_map_update_elem(&started, &tid, &now, BPF_ANY);
  return 0;
}

SEC("raw_tp/sys_exit") int on_exit(void *context) {
  __u32 tid = bpf_get_current_pid_tgid(), bucket = 0;
  __u64 *from = bpf_map_lookup_elem(&started, &tid);
  if (!from) return 0;
  __u64 nanoseconds = bpf_ktime_get_ns() - *from;
  bpf_map_delete_elem(&started, &tid);
#pragma unroll
  for (int bit = 1; bit < 64; bit++)
    if (nanoseconds >> bit) bucket = bit;
  __u64 *count = bpf_map_lookup_elem(&buckets, &bucket);
  if (count) *count += 1;
  return 0;
}
