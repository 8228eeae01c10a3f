// Pins descriptor 3 at the path in the first argument. The addon's function for that takes only maps.

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
