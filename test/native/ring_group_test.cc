#include "system/ring_group.h"

#include <linux/perf_event.h>

#include <array>
#include <cstdint>
#include <limits>
#include <memory>

#include "check.h"

namespace perfring::test {
namespace {

using system::RingCursor;
using system::RingGroup;

constexpr size_t kRings = 3;
constexpr uint64_t kCapacity = 4096;

struct Scene {
  std::array<std::unique_ptr<perf_event_mmap_page>, kRings> pages;
  RingGroup group;
  std::array<int32_t, RingGroup::WordsFor(kRings)> positions{};

  explicit Scene(bool writable = true) {
    for (auto& page : pages) {
      page = std::make_unique<perf_event_mmap_page>();
      group.Add(RingCursor(page.get()), kCapacity, writable);
    }
  }
  void Set(size_t ring, uint64_t head, uint64_t tail) {
    pages[ring]->data_head = head;
    pages[ring]->data_tail = tail;
  }
  // Returns how many rings are ready.
  int32_t Acquire() {
    group.Acquire(positions);
    return positions[0];
  }
  int32_t ready(size_t nth) const { return positions[1 + nth]; }
  int32_t available(size_t ring) const { return positions[1 + kRings + ring]; }
  int32_t offset(size_t ring) const { return positions[1 + 2 * kRings + ring]; }
  int32_t& released(size_t ring) { return positions[1 + 3 * kRings + ring]; }
};

const Test acquires("RingGroup acquires all heads, and lists the rings that hold bytes", [] {
  Scene s;
  s.Set(0, kCapacity + 64, kCapacity + 24);
  s.Set(2, 8, UINT64_MAX - 7);
  CHECK_EQ(s.Acquire(), 2);
  CHECK_EQ(s.ready(0), 0);
  CHECK_EQ(s.ready(1), 2);
  CHECK_EQ(s.available(0), 40);
  CHECK_EQ(s.offset(0), 24);
  CHECK_EQ(s.available(2), 16);
  CHECK_EQ(s.offset(2), 4088);
});

const Test full("RingGroup tells a full ring from invalid positions", [] {
  Scene s;
  s.Set(0, kCapacity, 0);
  s.Set(1, kCapacity + 8, 0);
  s.Set(2, 0, 8);
  CHECK_EQ(s.Acquire(), 3);
  CHECK_EQ(s.available(0), static_cast<int32_t>(kCapacity));
  CHECK_EQ(s.available(1), RingGroup::kInvalid);
  CHECK_EQ(s.available(2), RingGroup::kInvalid);
  s.Set(0, 4, 0);
  s.Set(1, 12, 4);
  s.Set(2, 0, 0);
  CHECK_EQ(s.Acquire(), 2);
  CHECK_EQ(s.available(0), RingGroup::kInvalid);
  CHECK_EQ(s.available(1), RingGroup::kInvalid);
});

const Test releases("RingGroup releases the bytes of each ring once, also across 4 GiB", [] {
  Scene s;
  constexpr uint64_t k4GiB = uint64_t{1} << 32;
  s.Set(0, k4GiB + 16, k4GiB - 8);
  s.Set(1, 80, 0);
  s.Acquire();
  s.released(0) = 24;
  s.released(1) = 40;
  s.group.Release(s.positions);
  CHECK_EQ(s.pages[0]->data_tail, k4GiB + 16);
  CHECK_EQ(s.pages[1]->data_tail, 40u);
  CHECK_EQ(s.pages[2]->data_tail, 0u);
  CHECK_EQ(s.released(1), 0);
  s.group.Release(s.positions);
  CHECK_EQ(s.pages[1]->data_tail, 40u);
});

const Test refuses("RingGroup releases no more than is published, and the bytes of the other rings", [] {
  Scene s;
  for (size_t ring = 0; ring < kRings; ++ring) {
    s.Set(ring, 40, 16);
  }
  s.Acquire();
  s.released(0) = 32;
  s.released(1) = std::numeric_limits<int32_t>::min();
  s.released(2) = 24;
  s.group.Release(s.positions);
  CHECK_EQ(s.pages[0]->data_tail, 16u);
  CHECK_EQ(s.pages[1]->data_tail, 16u);
  CHECK_EQ(s.pages[2]->data_tail, 40u);
  CHECK_EQ(s.released(0), 32);
  CHECK_EQ(s.released(2), 0);
  // The next Acquire() forgets what was refused.
  s.Acquire();
  CHECK_EQ(s.released(0), 0);
});

const Test idle("RingGroup releases nothing of a ring that was not ready", [] {
  Scene s;
  s.Acquire();
  s.Set(0, 40, 0);
  s.released(0) = 40;
  s.group.Release(s.positions);
  CHECK_EQ(s.pages[0]->data_tail, 0u);
});

const Test read_only("RingGroup stores nothing into a ring that is not writable", [] {
  Scene s(false);
  s.Set(0, 40, 0);
  s.Acquire();
  s.released(0) = 8;
  s.group.Release(s.positions);
  CHECK_EQ(s.pages[0]->data_tail, 0u);
  CHECK_EQ(s.released(0), 8);
});

const Test closed("RingGroup does not use the memory of a closed ring", [] {
  Scene s;
  s.Set(0, 40, 0);
  s.Set(1, 40, 0);
  s.Acquire();
  s.released(0) = 8;
  s.released(1) = 8;
  s.group.Close(0);
  // AddressSanitizer reports a use.
  s.pages[0].reset();
  s.group.Release(s.positions);
  CHECK_EQ(s.pages[1]->data_tail, 8u);
  CHECK_EQ(s.Acquire(), 2);
  CHECK_EQ(s.available(0), RingGroup::kClosed);
  CHECK_EQ(s.ready(1), 1);
});

}  // namespace
}  // namespace perfring::test
