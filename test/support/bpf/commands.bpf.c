// A program that takes commands from user space and sends each back.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct command {
  __u32 number;
  __u32 process;
  char name[8];
};

struct {
  __uint(type, BPF_MAP_TYPE_USER_RINGBUF);
  __uint(max_entries, 4096);
  __type(value, struct command);
} commands SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 * 1024);
  __type(value, struct command);
} echoes SEC(".maps");

// Bytes of all commands, and how many were shorter than a command.
__u64 bytes = 0;
__u64 too_short = 0;
// What bpf_user_ringbuf_drain returned last.
__s64 drained = 0;

static long on_command(struct bpf_dynptr *data, void *context) {
  struct command command = {};
  if (bpf_dynptr_read(&command, sizeof(command), data, 0, 0) == 0) {
    bytes += sizeof(command);
    bpf_ringbuf_output(&echoes, &command, sizeof(command), 0);
  } else {
    too_short++;
  }
  return 0;
}

SEC("tc") int drain(struct __sk_buff *context) {
  drained = bpf_user_ringbuf_drain(&commands, on_command, (void *)0, 0);
  return 0;
}
