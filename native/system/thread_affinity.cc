#include "system/thread_affinity.h"

#include <sched.h>

#include <array>

namespace perfring::system {
namespace {

// One cpu_set_t holds 1,024 CPUs. The kernel accepts a longer array.
using CpuMask = std::array<cpu_set_t, (kMaxCpu + 1) / CPU_SETSIZE>;

}  // namespace

int CurrentCpu() { return ::sched_getcpu(); }

int SetThreadAffinity(std::span<const int> cpus) {
  CpuMask mask{};
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu > kMaxCpu) {
      return -EINVAL;
    }
    CPU_SET_S(static_cast<size_t>(cpu), sizeof(mask), mask.data());
  }
  return StatusOf(::sched_setaffinity(0, sizeof(mask), mask.data()));
}

OrErrno<std::vector<int>> GetThreadAffinity() {
  CpuMask mask{};
  if (::sched_getaffinity(0, sizeof(mask), mask.data()) != 0) {
    return LastErrno();
  }
  std::vector<int> cpus;
  for (int cpu = 0; cpu <= kMaxCpu; ++cpu) {
    if (CPU_ISSET_S(static_cast<size_t>(cpu), sizeof(mask), mask.data())) {
      cpus.push_back(cpu);
    }
  }
  return cpus;
}

}  // namespace perfring::system
