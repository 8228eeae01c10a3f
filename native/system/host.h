#ifndef PERFRING_SYSTEM_HOST_H_
#define PERFRING_SYSTEM_HOST_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "system/system_error.h"

namespace perfring::system {

// sysconf(_SC_PAGESIZE).
size_t PageSize();

// The number of CPUs in a list in the kernel's format, for example "0-3,8,10-11". 0 when the text is not such a list.
size_t CountCpus(std::string_view list);

// The number of possible CPUs, offline ones included; a per-CPU map holds a value for each. 0 when
// /sys/devices/system/cpu/possible can't be read: there is no other source, and a guess could be too low.
size_t PossibleCpuCount();

// The longest name of a network interface, in bytes without the NUL.
inline constexpr size_t kMaxInterfaceNameLength = 15;

// The index of a network interface in this process's network namespace. -ENODEV when no interface has this name.
OrErrno<int> NetworkInterfaceIndex(const std::string& name);

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_HOST_H_
