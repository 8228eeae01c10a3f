// Structs that lib/cli/c-struct.ts lays out as clang does. Nothing is included, so that the text has all types.
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
#define COMM_LENGTH 16
#define TWICE 2 /* as it says */

enum kind { KIND_A, KIND_B = 0x10, KIND_C, KIND_D = COMM_LENGTH };

typedef struct {
  __u8 first;
  __u64 second;
} pair_t;

union number {
  __u32 word;
  __u8 bytes[8];
};

struct plain {
  const char letter;
  long unsigned int wide;
  short int a, b;
  unsigned c;
  char comm[COMM_LENGTH];
  char words[TWICE][8];
  int matrix[TWICE][TWICE * 2];
  enum kind kind;
  enum kind kinds[2];
  pair_t pair;
  pair_t pairs[3];
  struct plain *next;
  int (*call)(int, void *);
  void *pointers[2];
  union number number;
  _Bool flag;
  double real; // the last one but one
  __u8 rest[3];
};

struct bits {
  __u8 start;
  unsigned low : 3, middle : 7;
  int negative : 5;
  unsigned next : 30;
  __u64 large : 40;
  __u16 after;
};

struct anonymous {
  __u8 tag;
  union {
    __u64 word;
    struct {
      __u16 inner_a;
      __u16 inner_b;
    };
  };
  __u8 end;
};

struct tight {
  __u8 tag;
  __u64 value;
  __u16 port;
} __attribute__((packed));

struct flexible {
  __u32 length;
  __u8 bytes[];
};

struct plain *unused_plain;
struct bits *unused_bits;
struct anonymous *unused_anonymous;
struct tight *unused_tight;
struct flexible *unused_flexible;

__attribute__((section("raw_tp/sys_enter"), used)) int on_enter(void *context) {
  if (context) return 1;
  return 0;
}
