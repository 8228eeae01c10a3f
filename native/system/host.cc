#include "system/host.h"

#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <optional>

#include "system/thread_affinity.h"
#include "system/unique_fd.h"

namespace perfring::system {
namespace {

// Parses a CPU number at the start of `text` and removes it from `text`.
std::optional<size_t> TakeCpu(std::string_view& text) {
  size_t cpu = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpu);
  if (error != std::errc() || cpu > size_t{kMaxCpu}) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return cpu;
}

bool TakeSign(std::string_view& text, char sign) {
  const bool found = text.starts_with(sign);
  text.remove_prefix(found ? 1 : 0);
  return found;
}

}  // namespace

size_t CountCpus(std::string_view list) {
  size_t count = 0;
  do {
    const std::optional<size_t> first = TakeCpu(list);
    const std::optional<size_t> last = first && TakeSign(list, '-') ? TakeCpu(list) : first;
    if (!last || *last < *first) {
      return 0;
    }
    count += *last - *first + 1;
  } while (TakeSign(list, ','));
  return list.empty() || list == "\n" ? count : 0;
}

size_t PageSize() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

size_t PossibleCpuCount() {
  const UniqueFd file(::open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC));
  // Long enough: sysfs returns at most one page, and the list of possible CPUs has only a few ranges.
  std::array<char, 4096> text{};
  const ssize_t length = file.get() < 0 ? 0 : ::read(file.get(), text.data(), text.size());
  return length <= 0 ? 0 : CountCpus({text.data(), static_cast<size_t>(length)});
}

OrErrno<int> NetworkInterfaceIndex(const std::string& name) {
  const unsigned int index = ::if_nametoindex(name.c_str());
  if (index == 0) {
    return LastErrno();
  }
  return static_cast<int>(index);
}

}  // namespace perfring::system
