// All kinds of types from which a layout is made, and the three conventions by which an object names its events. It
// includes no header, so compiling it needs only clang.
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __s64 ktime_t;
typedef _Bool bool;

#define SEC(name) __attribute__((section(name), used))
#define TAG(kind) __attribute__((btf_decl_tag("perfring:" kind)))
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name

enum event_kind { KIND_EXEC = 1, KIND_EXIT = 2, KIND_NONE = -3 };
enum small_kind { SMALL_A, SMALL_B } __attribute__((mode(byte)));
enum wide_kind { WIDE_A = 1, WIDE_B = 0x100000000ull };

struct address {
	TAG("ipv4") __u32 ip;
	__be16 port;
};

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

/* All kinds of members. */
struct everything {
	__u8 u8_;
	signed char i8_;
	__u16 u16_;
	short i16_;
	__u32 u32_;
	int i32_;
	__u64 u64_;
	__s64 i64_;
	float f32_;
	double f64_;
	bool flag;
	char letter;
	char comm[16];
	__u8 raw[6];
	TAG("mac") __u8 mac[6];
	enum event_kind kind;
	enum small_kind small;
	enum wide_kind wide;
	__be16 be16;
	__be32 be32;
	__be64 be64;
	ktime_t when;
	const volatile __u32 qualified;
	void *pointer;
	int (*function)(int);
	__u32 words[3];
	__u32 matrix[2][3];
	char arguments[2][8];
	void *pointers[2];
	enum event_kind kinds[2];
	bool flags[2];
	__u32 low : 3, middle : 7;
	__s32 negative : 5;
	__u64 large : 40;
	struct address peer;
	struct address hops[2];
	union {
		__u32 word;
		__u8 bytes[4];
	};
	union {
		__u32 number;
		float real;
	} value;
	struct {
		__u16 inner_a;
		__u16 inner_b;
	};
	struct in6_addr source;
	__int128 huge;
};

/* bpf2go's convention. */
struct event {
	__u64 time;
	__u32 pid;
	enum event_kind kind;
	char comm[16];
	struct address peer;
};
const struct event *unused_event __attribute__((unused));

/* A record whose last field has a length that another field gives. */
struct exec_event {
	__u32 pid;
	__u32 args_size;
	TAG("char[args_size]") char args[64];
};

/* Inspektor Gadget's convention. */
const void *gadget_tracer_exec___execs___exec_event __attribute__((unused));
const struct exec_event *__gadget_tracer_type_exec __attribute__((unused));

struct {
	__uint(type, 27); /* BPF_MAP_TYPE_RINGBUF */
	__uint(max_entries, 4096);
	/* Cilium's convention. */
	__type(value, struct event);
} events SEC(".maps");

struct {
	__uint(type, 4); /* BPF_MAP_TYPE_PERF_EVENT_ARRAY */
	__uint(key_size, 4);
	__uint(value_size, 4);
} execs SEC(".maps");

struct key {
	__u32 pid;
	__u32 cpu;
};

struct {
	__uint(type, 1); /* BPF_MAP_TYPE_HASH */
	__uint(max_entries, 16);
	__type(key, struct key);
	__type(value, __u64);
} counts SEC(".maps");

const volatile __u32 target_pid = 0;
const volatile bool verbose = 0;
const volatile char prefix[8] = "no";
__u64 seen = 0;

struct everything *unused_everything __attribute__((unused));

SEC("raw_tp/sched_process_exec") int on_exec(void *ctx)
{
	if (target_pid != 0 && verbose && prefix[0])
		seen++;
	return 0;
}

SEC("uprobe") int on_call(void *ctx)
{
	return on_exec(ctx);
}

char LICENSE[] SEC("license") = "GPL";
