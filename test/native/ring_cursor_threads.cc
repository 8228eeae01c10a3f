// Two threads that use one ring: the writer through RingCursor, the reader through RingGroup. This is a separate
// program, for ThreadSanitizer: it reports a barrier that is missing in ring_cursor.h as a data race on the bytes of the
// ring.

#include <linux/perf_event.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "system/ring_cursor.h"
#include "system/ring_group.h"

namespace {

using perfring::system::RingCursor;
using perfring::system::RingGroup;

constexpr size_t kWords = 64;
constexpr size_t kBytes = 8 * kWords;
constexpr uint64_t kTotalWords = 4'000'000;

struct Ring {
  alignas(64) perf_event_mmap_page metadata{};
  std::array<uint64_t, kWords> data{};
};

// Random sizes of 1 to 8 words, the same for writer and reader.
uint64_t NextSize(uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return 1 + state % 8;
}

void Write(Ring& ring) {
  const RingCursor cursor(&ring.metadata);
  uint64_t state = 1;
  for (uint64_t written = 0; written < kTotalWords;) {
    const uint64_t size = NextSize(state);
    while (kBytes - (cursor.OwnHead() - cursor.AcquireTail()) < 8 * size) {
      std::this_thread::yield();
    }
    for (uint64_t word = 0; word < size; ++word, ++written) {
      ring.data[written % kWords] = written * 0x9e3779b97f4a7c15;
    }
    cursor.ReleaseHead(cursor.OwnHead() + 8 * size);
  }
}

uint64_t Read(Ring& ring) {
  RingGroup group;
  group.Add(RingCursor(&ring.metadata), kBytes, true);
  std::array<int32_t, RingGroup::WordsFor(1)> positions{};
  uint64_t wrong = 0;
  for (uint64_t read = 0; read < kTotalWords;) {
    group.Acquire(positions);
    if (positions[0] == 0) {
      std::this_thread::yield();
      continue;
    }
    const int32_t available = positions[2];
    for (int32_t word = 0; word < available / 8; ++word, ++read) {
      wrong += ring.data[read % kWords] == read * 0x9e3779b97f4a7c15 ? 0 : 1;
    }
    positions[4] = available;
    group.Release(positions);
    wrong += positions[4] == 0 ? 0 : 1;
  }
  return wrong;
}

}  // namespace

int main() {
  const auto ring = std::make_unique<Ring>();
  std::thread writer([&ring] { Write(*ring); });
  const uint64_t wrong = Read(*ring);
  writer.join();
  std::printf("%llu words through a ring of %zu, %llu wrong\n", static_cast<unsigned long long>(kTotalWords), kWords,
              static_cast<unsigned long long>(wrong));
  return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
