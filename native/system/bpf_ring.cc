#include "system/bpf_ring.h"

#include <linux/bpf.h>

#include <bit>
#include <cstring>
#include <utility>

#include "system/host.h"

namespace perfring::system {

OrErrno<BpfRing> BpfRing::Map(const BpfMap& map) {
  OrErrno<BpfMapInfo> info = map.Info();
  if (!info.ok()) {
    return Errno{info.error()};
  }
  if (info.value().type != BPF_MAP_TYPE_RINGBUF) {
    return Errno{-EINVAL};
  }
  const size_t page_size = PageSize();
  const size_t capacity = info.value().max_entries;
  if (capacity > kMaxCapacity) {
    return Errno{-EFBIG};
  }
  // Every later access relies on this check.
  if (!std::has_single_bit(capacity) || capacity < page_size) {
    return Errno{-EPROTO};
  }
  OrErrno<MemoryMapping> consumer = MemoryMapping::Map(map.fd(), page_size, true);
  if (!consumer.ok()) {
    return Errno{consumer.error()};
  }
  OrErrno<MemoryMapping> shared =
      MemoryMapping::Map(map.fd(), page_size + 2 * capacity, false, static_cast<off_t>(page_size));
  if (!shared.ok()) {
    return Errno{shared.error()};
  }
  return BpfRing(std::move(consumer.value()), std::move(shared.value()), page_size, capacity);
}

BpfRing::BpfRing(MemoryMapping consumer, MemoryMapping shared, size_t page_size, size_t capacity)
    : consumer_(std::move(consumer)),
      shared_(std::move(shared)),
      cursor_(consumer_.data(), shared_.data(), shared_.data() + page_size, capacity),
      page_size_(page_size),
      capacity_(capacity) {}

CommittedRecords BpfRing::Committed(uint32_t consumer, uint64_t from, uint64_t limit) const {
  const uint64_t begin = cursor_.OwnConsumer();
  if (static_cast<uint32_t>(begin) != consumer) {
    return {.bytes = 0, .end = CommittedRecords::End::kMoved};
  }
  const uint64_t available = cursor_.AcquireProducer() - begin;
  const uint64_t position = begin + from;
  // Another process that has mapped the same ring can store any consumer_pos.
  if (available > capacity_ || from > available || position % 8 != 0) {
    return {.bytes = 0, .end = CommittedRecords::End::kCorrupt};
  }
  return cursor_.Committed(position, available - from, limit);
}

bool BpfRing::Consume(uint32_t consumer, uint64_t bytes) const {
  const uint64_t begin = cursor_.OwnConsumer();
  return static_cast<uint32_t>(begin) == consumer && bytes <= cursor_.AcquireProducer() - begin &&
         cursor_.MoveConsumer(begin, begin + bytes);
}

uint64_t BpfRing::SkipToProducer() const {
  const uint64_t consumer = cursor_.OwnConsumer();
  const uint64_t producer = cursor_.AcquireProducer();
  cursor_.StoreConsumer(producer);
  return producer - consumer;
}

void BpfRing::Copy(uint64_t from, uint64_t bytes, std::span<std::byte> target) const {
  const size_t offset = page_size_ + ((cursor_.OwnConsumer() + from) & (capacity_ - 1));
  std::memcpy(target.data() + offset, shared_.data() + offset, bytes);
}

}  // namespace perfring::system
