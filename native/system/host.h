#ifndef PERFRING_SYSTEM_HOST_H_
#define PERFRING_SYSTEM_HOST_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "system/system_error.h"

namespace perfring::system {

// sysconf(_SC_PAGESIZE).
size_t PageSize();

// How many CPUs are in a list as the kernel writes it, "0-3,8,10-11"; 0 for what is no such list.
size_t CountCpus(std::string_view list);

// How many CPUs are possible, offline ones included: a per-CPU map holds a value for each. 0 where
// /sys/devices/system/cpu/possible does not tell: nothing else does, and a guess could be too low.
size_t PossibleCpuCount();

// Without the NUL.
inline constexpr size_t kMaxInterfaceNameLength = 15;

// Of a network interface of this process's network namespace; -ENODEV when there is none of that name.
OrErrno<int> NetworkInterfaceIndex(const std::string& name);

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_HOST_H_
