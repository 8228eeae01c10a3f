// Events of two types, in a ring buffer and a perf event array, for each call of getpriority() by one process.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define TAG(kind) __attribute__((btf_decl_tag("perfring:" kind)))

enum call_kind { CALL_FIRST = 1, CALL_AGAIN = 2 };

struct peer {
  TAG("ipv4") __u32 ip;
  __be16 port;
};

struct call {
  __u64 time;
  __u64 large;
  __u32 pid;
  enum call_kind type;
  char comm[16];
  struct peer peer;
};

struct note {
  __u32 number;
  __u32 text_size;
  TAG("char[text_size]") char text[16];
};

const volatile __u32 target_pid = 0;
const volatile enum call_kind first_kind = CALL_FIRST;
const volatile char label[12] = "note";
__u64 seen = 0;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 65536);
  __type(value, struct call);
} calls SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(key_size, sizeof(__u32));
  __uint(value_size, sizeof(__u32));
} notes SEC(".maps");
const void *gadget_tracer_note___notes___note __attribute__((unused));
const struct note *unused_note __attribute__((unused));

// Nothing says what its samples are.
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} plain SEC(".maps");

struct where {
  __u32 pid;
  enum call_kind kind;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16);
  __type(key, struct where);
  __type(value, __u64);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, struct peer);
} peers SEC(".maps");

static __always_inline __u32 caller(void) {
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  return target_pid == 0 || pid == target_pid ? pid : 0;
}

SEC("uprobe/libc.so.6:getpriority") int on_call(void *context) {
  struct call call = {};
  __u32 pid = caller();
  if (pid == 0) return 0;
  call.time = bpf_ktime_get_ns();
  call.large = 0xffffffffffffff00ull + __sync_fetch_and_add(&seen, 1);
  call.pid = pid;
  call.type = call.large == 0xffffffffffffff00ull ? first_kind : CALL_AGAIN;
  bpf_get_current_comm(call.comm, sizeof(call.comm));
  call.peer.ip = 0x0100000a;
  call.peer.port = 0x901f;
  struct where where = {.pid = pid, .kind = call.type};
  __u64 one = 1, *count = bpf_map_lookup_elem(&counts, &where);
  if (count)
    __sync_fetch_and_add(count, 1);
  else
    bpf_map_update_elem(&counts, &where, &one, BPF_ANY);
  bpf_ringbuf_output(&calls, &call, sizeof(call), 0);
  return 0;
}

SEC("uprobe") int on_note(void *context) {
  struct note note = {};
  if (caller() == 0) return 0;
  note.number = seen;
  note.text_size = 4;
  for (int index = 0; index < 4; index++) note.text[index] = label[index];
  bpf_perf_event_output(context, &notes, BPF_F_CURRENT_CPU, &note, 12);
  return 0;
}

SEC("uprobe") int on_plain(void *context) {
  __u64 bytes = 0x0102030405060708ull;
  if (caller() != 0) bpf_ringbuf_output(&plain, &bytes, sizeof(bytes), 0);
  return 0;
}
