// Pins whatever descriptor 3 is of, at the path that is the argument: the addon pins maps alone.

#include <cstdint>
#include <cstring>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  bpf_attr attribute;
  std::memset(&attribute, 0, sizeof attribute);
  attribute.pathname = reinterpret_cast<uintptr_t>(argv[1]);
  attribute.bpf_fd = 3;
  return syscall(SYS_bpf, BPF_OBJ_PIN, &attribute, sizeof attribute) == 0 ? 0 : 1;
}
