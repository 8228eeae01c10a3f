#ifndef PERFRING_SYSTEM_MEMORY_MAPPING_H_
#define PERFRING_SYSTEM_MEMORY_MAPPING_H_

#include <sys/types.h>

#include <cstddef>

#include "system/system_error.h"

namespace perfring::system {

// The only owner of a mapping: Map() calls mmap(2), the destructor calls munmap(2).
class MemoryMapping {
 public:
  // Maps `length` bytes of `fd` from `offset` on, MAP_SHARED. The mapping keeps the file alive: `fd` may be closed
  // before it.
  static OrErrno<MemoryMapping> Map(int fd, size_t length, bool writable, off_t offset = 0);
  // Maps `length` bytes, private and anonymous, that can't be accessed until mprotect(2) allows it.
  static OrErrno<MemoryMapping> MapInaccessible(size_t length);

  MemoryMapping(MemoryMapping&& other) noexcept;
  MemoryMapping& operator=(MemoryMapping&& other) noexcept;
  MemoryMapping(const MemoryMapping&) = delete;
  MemoryMapping& operator=(const MemoryMapping&) = delete;
  ~MemoryMapping();

  std::byte* data() const { return data_; }
  size_t length() const { return length_; }

 private:
  MemoryMapping(std::byte* data, size_t length) : data_(data), length_(length) {}
  void Unmap();

  std::byte* data_;
  size_t length_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_MEMORY_MAPPING_H_
