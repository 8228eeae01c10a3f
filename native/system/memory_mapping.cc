#include "system/memory_mapping.h"

#include <sys/mman.h>

#include <utility>

namespace perfring::system {

OrErrno<MemoryMapping> MemoryMapping::Map(int fd, size_t length, bool writable, off_t offset) {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* const address = ::mmap(nullptr, length, protection, MAP_SHARED, fd, offset);
  if (address == MAP_FAILED) {
    return LastErrno();
  }
  return MemoryMapping(static_cast<std::byte*>(address), length);
}

OrErrno<MemoryMapping> MemoryMapping::MapInaccessible(size_t length) {
  void* const address = ::mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    return LastErrno();
  }
  return MemoryMapping(static_cast<std::byte*>(address), length);
}

MemoryMapping::MemoryMapping(MemoryMapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), length_(std::exchange(other.length_, 0)) {}

MemoryMapping& MemoryMapping::operator=(MemoryMapping&& other) noexcept {
  if (this != &other) {
    Unmap();
    data_ = std::exchange(other.data_, nullptr);
    length_ = std::exchange(other.length_, 0);
  }
  return *this;
}

MemoryMapping::~MemoryMapping() { Unmap(); }

void MemoryMapping::Unmap() {
  if (data_ != nullptr) {
    ::munmap(data_, length_);
    data_ = nullptr;
  }
}

}  // namespace perfring::system
