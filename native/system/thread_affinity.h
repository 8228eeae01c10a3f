#ifndef PERFRING_SYSTEM_THREAD_AFFINITY_H_
#define PERFRING_SYSTEM_THREAD_AFFINITY_H_

#include <cstddef>
#include <span>
#include <vector>

#include "system/system_error.h"

namespace perfring::system {

// The highest CPU number: CONFIG_NR_CPUS is at most 8192.
inline constexpr int kMaxCpu = 8191;

// sched_getcpu(3): the CPU that the calling thread runs on, or -1.
int CurrentCpu();

// sched_setaffinity(2) of the calling thread. Each CPU is from 0 to kMaxCpu. Returns 0 or a negative errno.
int SetThreadAffinity(std::span<const int> cpus);

// sched_getaffinity(2) of the calling thread, in ascending order.
OrErrno<std::vector<int>> GetThreadAffinity();

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_THREAD_AFFINITY_H_
