// Programs that need a kernel with kprobes, BPF trampolines and BPF LSM.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

__u64 kprobes = 0;
__u64 kretprobes = 0;
__u64 fentries = 0;
__u64 fexits = 0;
__u64 lsms = 0;
__u64 ksyscalls = 0;

SEC("kprobe/do_nanosleep") int on_kprobe(void *context) { __sync_fetch_and_add(&kprobes, 1); return 0; }
SEC("kretprobe/do_nanosleep") int on_kretprobe(void *context) { __sync_fetch_and_add(&kretprobes, 1); return 0; }
SEC("fentry/do_nanosleep") int on_fentry(void *context) { __sync_fetch_and_add(&fentries, 1); return 0; }
SEC("fexit/do_nanosleep") int on_fexit(void *context) { __sync_fetch_and_add(&fexits, 1); return 0; }
SEC("lsm/bprm_check_security") int on_lsm(void *context) { __sync_fetch_and_add(&lsms, 1); return 0; }
SEC("ksyscall/clock_nanosleep") int on_ksyscall(void *context) { __sync_fetch_and_add(&ksyscalls, 1); return 0; }
