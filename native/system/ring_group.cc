#include "system/ring_group.h"

namespace perfring::system {

void RingGroup::Add(const RingCursor& cursor, size_t capacity, bool writable) {
  rings_.push_back({cursor, capacity, writable, true});
  ready_.reserve(rings_.size());
}

void RingGroup::Acquire(std::span<int32_t> positions) {
  const size_t count = rings_.size();
  int32_t* const indices = positions.data() + 1;
  int32_t* const available = indices + count;
  int32_t* const offsets = available + count;
  int32_t* const released = offsets + count;
  ready_.clear();
  for (size_t index = 0; index < count; ++index) {
    const Ring& ring = rings_[index];
    int32_t bytes = kClosed;
    if (ring.open) {
      const uint64_t tail = ring.cursor.OwnTail();
      const uint64_t distance = ring.cursor.AcquireHead() - tail;
      if (distance == 0) {
        continue;
      }
      const bool is_valid = distance <= ring.capacity && ((distance | tail) & 7) == 0;
      bytes = is_valid ? static_cast<int32_t>(distance) : kInvalid;
      offsets[index] = static_cast<int32_t>(tail & (ring.capacity - 1));
    }
    available[index] = bytes;
    released[index] = 0;
    indices[ready_.size()] = static_cast<int32_t>(index);
    ready_.push_back(static_cast<uint32_t>(index));
  }
  positions[0] = static_cast<int32_t>(ready_.size());
}

void RingGroup::Release(std::span<int32_t> positions) {
  int32_t* const released = positions.data() + 1 + 3 * rings_.size();
  for (const uint32_t index : ready_) {
    const Ring& ring = rings_[index];
    const int32_t bytes = released[index];
    if (bytes == 0 || !ring.open) {
      continue;
    }
    const uint64_t tail = ring.cursor.OwnTail();
    if (!ring.writable || bytes < 0 || static_cast<uint64_t>(bytes) > ring.cursor.AcquireHead() - tail) {
      continue;
    }
    ring.cursor.ReleaseTail(tail + static_cast<uint64_t>(bytes));
    released[index] = 0;
  }
}

}  // namespace perfring::system
