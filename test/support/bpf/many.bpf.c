// A program of each kind, and maps of the usual types.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

// The members of the kernel's structs that are read. CO-RE finds their offsets.
struct seq_file;
struct task_struct {
  int pid;
} __attribute__((preserve_access_index));
struct bpf_iter_meta {
  struct seq_file *seq;
} __attribute__((preserve_access_index));
struct bpf_iter__task {
  struct bpf_iter_meta *meta;
  struct task_struct *task;
} __attribute__((preserve_access_index));

enum kind { KIND_EXEC = 1, KIND_SWITCH = 2 };

struct event {
  __u64 time;
  __u32 pid;
  enum kind kind;
  char comm[16];
};

const volatile __u32 target_pid = 0;
const volatile _Bool enabled = 1;
const volatile char greeting[16] = "hello";
__u64 runs = 0;
int threshold = -5;

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __type(value, struct event);
} events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
  __type(value, struct event);
} ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u64);
} per_cpu SEC(".maps");

static __always_inline int emit(void *context, enum kind kind) {
  struct event event = {};
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  if (target_pid != 0 && pid != target_pid) return 0;
  __sync_fetch_and_add(&runs, 1);
  __u64 one = 1, *count = bpf_map_lookup_elem(&counts, &pid);
  if (count)
    __sync_fetch_and_add(count, 1);
  else
    bpf_map_update_elem(&counts, &pid, &one, BPF_ANY);
  event.time = bpf_ktime_get_ns();
  event.pid = pid;
  event.kind = kind;
  bpf_get_current_comm(event.comm, sizeof(event.comm));
  bpf_perf_event_output(context, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
  return 0;
}

SEC("raw_tp/sched_process_exec") int on_exec(void *context) { return emit(context, KIND_EXEC); }
SEC("raw_tp/sys_enter") int on_sys_enter(void *context) { return emit(context, KIND_SWITCH); }
SEC("tp_btf/sched_switch") int on_switch(void *context) { return emit(context, KIND_SWITCH); }
SEC("tp/sched/sched_process_exec") int on_tracepoint(void *context) { return emit(context, KIND_EXEC); }
SEC("uprobe/libc.so.6:getppid") int on_getppid(void *context) { return emit(context, KIND_EXEC); }
SEC("uretprobe/libc.so.6:getppid") int on_getppid_return(void *context) { return emit(context, KIND_EXEC); }
SEC("uprobe") int on_uprobe(void *context) { return emit(context, KIND_EXEC); }
SEC("perf_event") int on_perf_event(void *context) { return emit(context, KIND_EXEC); }
SEC("xdp") int on_packet(struct xdp_md *context) { __sync_fetch_and_add(&runs, 1); return XDP_PASS; }
SEC("tc") int on_tc(struct __sk_buff *context) { __sync_fetch_and_add(&runs, 1); return 0; }
SEC("cgroup_skb/egress") int on_egress(struct __sk_buff *context) { __sync_fetch_and_add(&runs, 1); return 1; }
SEC("cgroup/sock_create") int on_socket(struct bpf_sock *context) { __sync_fetch_and_add(&runs, 1); return 1; }
SEC("iter/task") int list_tasks(struct bpf_iter__task *context) {
  static const char format[] = "%d\n";
  struct task_struct *task = context->task;
  if (!task) return 0;
  __u64 pid = task->pid;
  bpf_seq_printf(context->meta->seq, format, sizeof(format), &pid, sizeof(pid));
  return 0;
}
SEC("?kprobe/do_nanosleep") int on_kprobe(void *context) { return emit(context, KIND_EXEC); }
