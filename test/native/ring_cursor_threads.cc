// Two threads that use one ring through RingCursor only. This is a separate program, for ThreadSanitizer: it reports a
// barrier that is missing in ring_cursor.h as a data race on the bytes of the ring.

#include <linux/perf_event.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "system/ring_cursor.h"

namespace {

using perfring::system::RingCursor;

constexpr size_t kWords = 64;
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
    while (kWords - (cursor.OwnHead() - cursor.AcquireTail()) < size) {
      std::this_thread::yield();
    }
    for (uint64_t word = 0; word < size; ++word, ++written) {
      ring.data[written % kWords] = written * 0x9e3779b97f4a7c15;
    }
    cursor.ReleaseHead(cursor.OwnHead() + size);
  }
}

uint64_t Read(Ring& ring) {
  const RingCursor cursor(&ring.metadata);
  uint64_t wrong = 0;
  for (uint64_t read = 0; read < kTotalWords;) {
    const uint64_t available = cursor.AcquireHead() - cursor.OwnTail();
    if (available == 0) {
      std::this_thread::yield();
      continue;
    }
    for (uint64_t word = 0; word < available; ++word, ++read) {
      wrong += ring.data[read % kWords] == read * 0x9e3779b97f4a7c15 ? 0 : 1;
    }
    cursor.ReleaseTail(cursor.OwnTail() + available);
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
