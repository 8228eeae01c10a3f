#include "system/host.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "system/unique_fd.h"

namespace perfring::system {
namespace {

// The CPUs in a list such as "0-3,8,10-11"; 0 when it is no such list.
size_t CountCpus(const char* text, const char* end) {
  size_t count = 0;
  while (text < end) {
    size_t first = 0;
    const auto [after_first, first_error] = std::from_chars(text, end, first);
    if (first_error != std::errc()) {
      return 0;
    }
    size_t last = first;
    text = after_first;
    if (text < end && *text == '-') {
      const auto [after_last, last_error] = std::from_chars(text + 1, end, last);
      if (last_error != std::errc() || last < first) {
        return 0;
      }
      text = after_last;
    }
    count += last - first + 1;
    if (text == end || *text != ',') {
      return count;
    }
    ++text;
  }
  return count;
}

}  // namespace

size_t PageSize() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

size_t PossibleCpuCount() {
  const UniqueFd file(::open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text{};
  const ssize_t length = file.get() < 0 ? 0 : ::read(file.get(), text.data(), text.size());
  if (length > 0) {
    const size_t count = CountCpus(text.data(), text.data() + length);
    if (count > 0) {
      return count;
    }
  }
  return static_cast<size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_CONF)));
}

}  // namespace perfring::system
