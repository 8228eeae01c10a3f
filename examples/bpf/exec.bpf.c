// A program that starts is one event in a ring buffer.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct exec {
  __u64 time;
  __u32 pid;
  __u32 uid;
  char comm[16];
};

const volatile __u32 only_uid = 0xffffffff;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 * 1024);
  __type(value, struct exec);
} execs SEC(".maps");

SEC("raw_tp/sched_process_exec") int on_exec(void *context) {
  __u32 uid = bpf_get_current_uid_gid();
  if (only_uid != 0xffffffff && uid != only_uid) return 0;
  struct exec *exec = bpf_ringbuf_reserve(&execs, sizeof(*exec), 0);
  if (!exec) return 0;
  exec->time = bpf_ktime_get_ns();
  exec->pid = bpf_get_current_pid_tgid() >> 32;
  exec->uid = uid;
  bpf_get_current_comm(exec->comm, sizeof(exec->comm));
  bpf_ringbuf_submit(exec, 0);
  return 0;
}
