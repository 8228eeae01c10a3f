#include "system/guarded_buffer.h"

#include <sys/mman.h>

#include "system/host.h"

namespace perfring::system {

OrErrno<GuardedBuffer> GuardedBuffer::Allocate(size_t length) {
  const size_t page = PageSize();
  const size_t usable = (length + page - 1) / page * page;
  OrErrno<MemoryMapping> mapping = MemoryMapping::MapInaccessible(usable + page);
  if (!mapping.ok()) {
    return Errno{mapping.error()};
  }
  if (usable > 0 && ::mprotect(mapping.value().data(), usable, PROT_READ | PROT_WRITE) != 0) {
    return LastErrno();
  }
  return GuardedBuffer(std::move(mapping.value()), usable - length, length);
}

}  // namespace perfring::system
