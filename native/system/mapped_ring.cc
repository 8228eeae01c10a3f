#include "system/mapped_ring.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "system/host.h"

namespace perfring::system {

OrErrno<MappedRing> MappedRing::Map(const PerfEvent& event, size_t data_page_count, bool writable) {
  const size_t page_size = PageSize();
  const size_t length = (1 + data_page_count) * page_size;
  OrErrno<MemoryMapping> mapping = MemoryMapping::Map(event.fd(), length, writable);
  if (!mapping.ok()) {
    return Errno{mapping.error()};
  }
  // Read only once, so that a later change in the shared page has no effect. Kernels before 4.1 leave both 0.
  perf_event_mmap_page page{};
  std::memcpy(&page, mapping.value().data(), sizeof(page));
  uint64_t data_offset = page.data_offset;
  uint64_t capacity = page.data_size;
  if (data_offset == 0 || capacity == 0) {
    data_offset = page_size;
    capacity = length - page_size;
  }
  // Every later access relies on this check.
  if (data_offset > length || capacity > length - data_offset || !std::has_single_bit(capacity)) {
    return Errno{-EPROTO};
  }
  return MappedRing(std::move(mapping.value()), writable, data_offset, capacity);
}

MappedRing::MappedRing(MemoryMapping mapping, bool writable, size_t data_offset, size_t capacity)
    : mapping_(std::move(mapping)),
      cursor_(mapping_.data()),
      writable_(writable),
      data_offset_(data_offset),
      capacity_(capacity) {}

uint64_t MappedRing::Available() const { return cursor_.AcquireHead() - cursor_.OwnTail(); }

size_t MappedRing::ReadOffset() const { return cursor_.OwnTail() & (capacity_ - 1); }

uint64_t MappedRing::SkipToHead() const {
  const uint64_t tail = cursor_.OwnTail();
  const uint64_t head = cursor_.AcquireHead();
  cursor_.ReleaseTail(head);
  return head - tail;
}

uint64_t MappedRing::CopyPublished(std::span<std::byte> target) const {
  const uint64_t available = Available();
  if (available == 0 || available > capacity_ || target.size() < mapping_.length()) {
    return available;
  }
  const size_t offset = ReadOffset();
  const size_t before_wrap = std::min(available, capacity_ - offset);
  std::byte* const target_data = target.data() + data_offset_;
  std::memcpy(target_data + offset, data() + offset, before_wrap);
  std::memcpy(target_data, data(), available - before_wrap);
  return available;
}

uint64_t MappedRing::Snapshot(std::span<std::byte> target, uint64_t& head) const {
  head = cursor_.AcquireHead();
  const size_t offset = head & (capacity_ - 1);
  const size_t before_wrap = std::min(target.size(), capacity_ - offset);
  const size_t after_wrap = std::min(target.size() - before_wrap, offset);
  std::memcpy(target.data(), data() + offset, before_wrap);
  std::memcpy(target.data() + before_wrap, data(), after_wrap);
  // The kernel writes backward: data_head decreases.
  return head - cursor_.HeadAfterReads();
}

}  // namespace perfring::system
