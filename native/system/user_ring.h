#ifndef PERFRING_SYSTEM_USER_RING_H_
#define PERFRING_SYSTEM_USER_RING_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "system/bpf.h"
#include "system/memory_mapping.h"
#include "system/system_error.h"

namespace perfring::system {

// The writer's side of a BPF_MAP_TYPE_USER_RINGBUF, which programs read by bpf_user_ringbuf_drain(). The consumer page
// is read-only for user space; the producer page and the data area, mapped twice in a row, are writable.
//
//   user                                    __bpf_user_ringbuf_peek()
//   acquire ->consumer_pos        (A)       acquire ->producer_pos   (B)
//   STORE header (busy), data               acquire header->len      (C)
//   release ->producer_pos        (B)       …the program reads the record…
//   release header->len           (C)       release ->consumer_pos   (A)
//
// https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/ringbuf.c#L640-L768
class UserRing {
 public:
  // -EINVAL for a map of another type, -EFBIG when its data area is larger than kMaxCapacity.
  static OrErrno<UserRing> Map(const BpfMap& map);

  static constexpr size_t kMaxCapacity = size_t{1} << 29;

  // Reserves a record, copies `payload` into it, and submits it. Returns 0; -ENOSPC when there is no room now; -E2BIG
  // when it never fits; -ESTALE when another writer has moved producer_pos since the last call: the next call continues
  // there.
  int Write(std::span<const std::byte> payload);
  // Bytes of records that no program has read yet.
  uint64_t Unread() const;
  size_t capacity() const { return capacity_; }

 private:
  UserRing(MemoryMapping consumer, MemoryMapping shared, size_t page_size, size_t capacity);

  uint64_t AcquireConsumer() const;
  uint64_t* producer() const { return reinterpret_cast<uint64_t*>(shared_.data()); }

  MemoryMapping consumer_;
  MemoryMapping shared_;
  std::byte* data_;
  size_t capacity_;
  // producer_pos, as this writer left it.
  uint64_t position_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_USER_RING_H_
