// A program on the USDT probe of libstdc++ that fires when an exception is thrown.
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

char LICENSE[] SEC("license") = "GPL";

__u64 runs = 0;

SEC("usdt/libstdc++.so.6:libstdcxx:throw") int on_throw(struct pt_regs *context) {
  __sync_fetch_and_add(&runs, 1);
  return 0;
}
