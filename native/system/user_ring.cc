#include "system/user_ring.h"

#include <linux/bpf.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <utility>

#include "system/bpf_ring_cursor.h"
#include "system/host.h"

namespace perfring::system {

OrErrno<UserRing> UserRing::Map(const BpfMap& map) {
  OrErrno<BpfMapInfo> info = map.Info();
  if (!info.ok()) {
    return Errno{info.error()};
  }
  if (info.value().type != BPF_MAP_TYPE_USER_RINGBUF) {
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
  OrErrno<MemoryMapping> consumer = MemoryMapping::Map(map.fd(), page_size, false);
  if (!consumer.ok()) {
    return Errno{consumer.error()};
  }
  OrErrno<MemoryMapping> shared =
      MemoryMapping::Map(map.fd(), page_size + 2 * capacity, true, static_cast<off_t>(page_size));
  if (!shared.ok()) {
    return Errno{shared.error()};
  }
  return UserRing(std::move(consumer.value()), std::move(shared.value()), page_size, capacity);
}

UserRing::UserRing(MemoryMapping consumer, MemoryMapping shared, size_t page_size, size_t capacity)
    : consumer_(std::move(consumer)),
      shared_(std::move(shared)),
      data_(shared_.data() + page_size),
      capacity_(capacity),
      position_(std::atomic_ref<uint64_t>(*producer()).load(std::memory_order_relaxed)) {}

// Acquire (A): pairs with the smp_store_release() of consumer_pos in __bpf_user_ringbuf_sample_release(): the program
// has read every byte below it.
uint64_t UserRing::AcquireConsumer() const {
  return std::atomic_ref<uint64_t>(*reinterpret_cast<uint64_t*>(consumer_.data())).load(std::memory_order_acquire);
}

uint64_t UserRing::Unread() const { return position_ - AcquireConsumer(); }

int UserRing::Write(std::span<const std::byte> payload) {
  // The header's length has 30 bits, and no record may fill more than the ring.
  if (payload.size() > capacity_ - BPF_RINGBUF_HDR_SZ) {
    return -E2BIG;
  }
  const auto length = static_cast<uint32_t>(payload.size());
  const uint64_t bytes = BpfRingCursor::RecordBytes(length);
  std::atomic_ref<uint64_t> producer_pos(*producer());
  const uint64_t found = producer_pos.load(std::memory_order_relaxed);
  if (found != position_) {
    position_ = found;
    return -ESTALE;
  }
  const uint64_t unread = position_ - AcquireConsumer();
  // A position that no program and no writer stores counts as a full ring.
  if (position_ % 8 != 0 || unread > capacity_ || bytes > capacity_ - unread) {
    return -ENOSPC;
  }
  std::byte* const record = data_ + (position_ & (capacity_ - 1));
  std::atomic_ref<uint32_t> header(*reinterpret_cast<uint32_t*>(record));
  header.store(length | BPF_RINGBUF_BUSY_BIT, std::memory_order_relaxed);
  // Compare-and-exchange, so that a second writer is noticed before it overwrites this record.
  uint64_t expected = position_;
  // Release (B): pairs with the smp_load_acquire() of producer_pos in __bpf_user_ringbuf_peek(): a program that sees
  // the position sees the busy header.
  if (!producer_pos.compare_exchange_strong(expected, position_ + bytes, std::memory_order_release,
                                            std::memory_order_relaxed)) {
    position_ = expected;
    return -ESTALE;
  }
  position_ += bytes;
  std::copy(payload.begin(), payload.end(), record + BPF_RINGBUF_HDR_SZ);
  // Release (C): pairs with the smp_load_acquire() of the header in __bpf_user_ringbuf_peek(): a program that sees the
  // header without its busy bit sees the payload.
  header.store(length, std::memory_order_release);
  return 0;
}

}  // namespace perfring::system
