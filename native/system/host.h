#ifndef PERFRING_SYSTEM_HOST_H_
#define PERFRING_SYSTEM_HOST_H_

#include <cstddef>

namespace perfring::system {

// sysconf(_SC_PAGESIZE).
size_t PageSize();

// How many CPUs the kernel reckons with, offline ones included: a per-CPU map holds a value for each.
size_t PossibleCpuCount();

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_HOST_H_
