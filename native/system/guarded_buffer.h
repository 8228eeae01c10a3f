#ifndef PERFRING_SYSTEM_GUARDED_BUFFER_H_
#define PERFRING_SYSTEM_GUARDED_BUFFER_H_

#include <cstddef>
#include <span>
#include <utility>

#include "system/memory_mapping.h"
#include "system/system_error.h"

namespace perfring::system {

// Memory that is directly followed by an inaccessible page. Use it for system calls where the kernel decides how many
// bytes it reads or writes: a call that would go past the end fails with EFAULT.
class GuardedBuffer {
 public:
  static OrErrno<GuardedBuffer> Allocate(size_t length);

  std::span<std::byte> bytes() const { return {mapping_.data() + offset_, length_}; }

 private:
  GuardedBuffer(MemoryMapping mapping, size_t offset, size_t length)
      : mapping_(std::move(mapping)), offset_(offset), length_(length) {}

  MemoryMapping mapping_;
  size_t offset_;
  size_t length_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_GUARDED_BUFFER_H_
