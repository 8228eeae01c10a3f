#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "check.h"
#include "system/memory_mapping.h"
#include "system/unique_fd.h"

namespace perfring::test {
namespace {

using system::MemoryMapping;
using system::UniqueFd;

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

bool IsMapped(void* address) { return ::msync(address, 1, MS_ASYNC) == 0; }

const Test closes("UniqueFd closes what it owns, once", [] {
  const int number = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    UniqueFd fd(number);
    CHECK_EQ(fd.get(), number);
    UniqueFd moved(std::move(fd));
    CHECK_EQ(moved.get(), number);
    CHECK(IsOpen(number));
  }
  CHECK(!IsOpen(number));
});

const Test assigns("UniqueFd closes what it had when another is assigned, and not itself", [] {
  const int first = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int second = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  UniqueFd fd(first);
  fd = UniqueFd(second);
  CHECK(!IsOpen(first));
  CHECK(IsOpen(second));
  UniqueFd& same = fd;
  fd = std::move(same);
  CHECK(IsOpen(second));
  fd.Reset();
  fd.Reset();
  CHECK_EQ(fd.get(), -1);
});

const Test maps("MemoryMapping outlives its descriptor, and unmaps once", [] {
  UniqueFd file(::memfd_create("perfring", MFD_CLOEXEC));
  CHECK_EQ(::ftruncate(file.get(), 8192), 0);
  std::byte* address = nullptr;
  {
    auto mapping = MemoryMapping::Map(file.get(), 8192, true);
    CHECK(mapping.ok());
    file.Reset();
    MemoryMapping moved(std::move(mapping.value()));
    address = moved.data();
    address[8191] = std::byte{1};
    CHECK_EQ(moved.length(), size_t{8192});
    CHECK(IsMapped(address));
  }
  CHECK(!IsMapped(address));
});

const Test refuses("MemoryMapping answers the errno of mmap", [] {
  CHECK_EQ(MemoryMapping::Map(-1, 4096, true).error(), -EBADF);
});

}  // namespace
}  // namespace perfring::test
