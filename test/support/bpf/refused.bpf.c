// Programs that the kernel refuses for different reasons, and one that it accepts.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct task_struct {
  int no_such_field;
} __attribute__((preserve_access_index));

SEC("raw_tp/sys_enter") int good(void *context) { return 0; }
SEC("raw_tp/sys_enter") int reads_past_context(__u64 *context) { return *(int *)bpf_map_lookup_elem(context, context); }
SEC("tp_btf/sched_switch") int unknown_field(__u64 *context) { return ((struct task_struct *)context[1])->no_such_field; }
SEC("tp_btf/no_such_tracepoint") int unknown_tracepoint(void *context) { return 0; }
SEC("sk_lookup") int not_attachable(void *context) { return 1; }
SEC("tp/no_such/tracepoint") int on_nothing(void *context) { return 0; }
