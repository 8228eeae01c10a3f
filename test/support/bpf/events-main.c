// Writes one struct everything as the compiler lays it out. A layout made from BTF must read it.
#include "events.bpf.c"
#include <string.h>
#include <unistd.h>

int main(void)
{
	struct everything e;
	memset(&e, 0xff, sizeof e);
	e.u8_ = 200;
	e.i8_ = -5;
	e.u16_ = 60000;
	e.i16_ = -300;
	e.u32_ = 4000000000u;
	e.i32_ = -70000;
	e.u64_ = 1ull << 63;
	e.i64_ = -5000000000ll;
	e.f32_ = 1.5f;
	e.f64_ = -2.25;
	e.flag = 1;
	e.letter = 'x';
	strncpy(e.comm, "node", sizeof e.comm);
	memcpy(e.raw, "\1\2\3\4\5\6", 6);
	memcpy(e.mac, "\2\x42\0\xac\x11\0", 6);
	e.kind = KIND_NONE;
	e.small = SMALL_B;
	e.wide = WIDE_B;
	e.be16 = __builtin_bswap16(8080);
	e.be32 = __builtin_bswap32(0x01020304);
	e.be64 = __builtin_bswap64(0x0102030405060708ull);
	e.when = 123456789;
	*(__u32 *)&e.qualified = 9;
	e.pointer = (void *)0xffff888000000010ull;
	e.function = 0;
	for (int i = 0; i < 3; i++)
		e.words[i] = i + 1;
	for (int i = 0; i < 6; i++)
		e.matrix[i / 3][i % 3] = 10 + i;
	strncpy(e.arguments[0], "ls", 8);
	strncpy(e.arguments[1], "--color=", 8);
	e.pointers[0] = 0;
	e.pointers[1] = (void *)1;
	e.kinds[0] = KIND_EXEC;
	e.kinds[1] = 77;
	e.flags[0] = 0;
	e.flags[1] = 1;
	e.low = 5;
	e.middle = 100;
	e.negative = -7;
	e.large = 0x123456789aull;
	memcpy(&e.peer.ip, "\x0a\0\0\1", 4);
	e.peer.port = __builtin_bswap16(443);
	for (int i = 0; i < 2; i++) {
		memcpy(&e.hops[i].ip, "\x0a\0\1\1", 4);
		e.hops[i].port = __builtin_bswap16(i);
	}
	e.word = 0x04030201;
	e.value.real = 0.5f;
	e.inner_a = 1;
	e.inner_b = 2;
	memset(&e.source, 0, sizeof e.source);
	e.source.in6_u.u6_addr8[15] = 1;
	e.huge = 1;
	return write(1, &e, sizeof e) != sizeof e;
}
