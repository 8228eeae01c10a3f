#include "system/guarded_buffer.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "check.h"
#include "system/host.h"

namespace perfring::test {
namespace {

using system::GuardedBuffer;

// Makes a system call that writes sizeof(rusage) bytes, whatever the length of the buffer.
int WriteRusage(std::byte* target) {
  return ::syscall(SYS_getrusage, RUSAGE_SELF, target) == 0 ? 0 : -errno;
}

const Test guards("GuardedBuffer ends where the kernel can write no more", [] {
  const size_t page = system::PageSize();
  for (const size_t length : {sizeof(rusage), page, page + 1, 3 * page - 1}) {
    const GuardedBuffer buffer = std::move(GuardedBuffer::Allocate(length).value());
    const auto bytes = buffer.bytes();
    CHECK_EQ(bytes.size(), length);
    bytes.front() = std::byte{1};
    bytes.back() = std::byte{1};
    std::byte* const last = bytes.data() + length - sizeof(rusage);
    CHECK_EQ(WriteRusage(last), 0);
    CHECK_EQ(WriteRusage(last + 1), -EFAULT);
  }
});

const Test empty("GuardedBuffer of no bytes is a guard alone", [] {
  const auto buffer = GuardedBuffer::Allocate(0);
  CHECK(buffer.ok());
});

}  // namespace
}  // namespace perfring::test
