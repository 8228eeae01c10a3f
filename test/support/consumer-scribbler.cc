// Stores rubbish into consumer_pos of the ring buffer map on descriptor 3, as another process with the map can, for the
// milliseconds in the first argument. Says on standard output how many values it stored.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) {
    return 2;
  }
  void* const page = mmap(nullptr, static_cast<size_t>(getpagesize()), PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
  if (page == MAP_FAILED) {
    return 1;
  }
  std::atomic_ref<uint64_t> consumer(*static_cast<uint64_t*>(page));
  std::mt19937_64 random(13);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(std::atoi(argv[1]));
  uint64_t stores = 0;
  while (std::chrono::steady_clock::now() < end) {
    const uint64_t kind = random() % 4;
    const uint64_t now = consumer.load();
    // Anything; off an 8-byte boundary; far back or ahead; a little back or ahead.
    const uint64_t value = kind == 0 ? random() : kind == 1 ? now + 4 : kind == 2 ? now - 65536 : now + random() % 512 - 256;
    consumer.store(value);
    ++stores;
    usleep(50);
  }
  std::printf("%llu\n", static_cast<unsigned long long>(stores));
  return 0;
}
