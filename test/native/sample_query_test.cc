#include "system/sample_query.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <random>
#include <span>
#include <vector>

#include "check.h"

namespace perfring::test {
namespace {

using system::QueryProgress;
using system::SampleQuery;

constexpr uint64_t kNowhere = UINT64_MAX;
using Words = std::vector<uint64_t>;

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t operator()() { return static_cast<uint32_t>(engine_()); }

 private:
  std::mt19937 engine_;
};

Words Joined(std::initializer_list<Words> parts) {
  Words all;
  for (const Words& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

const Words kRawAlone = {8, 8, kNowhere, 0, 0, kNowhere};
// Field 0: u32 at offset 0 of the payload. Field 1: u64 at offset 4.
const Words kTwoFields = {2, 0, 4, 0, 4, 0, 6, 4, 8};
const Words kNoCondition = {0};
const Words kBothColumns = {2, 0, 0, 1, 0};
const Words kNoGroups = {1, 0, 0, 0};
const Words kNothing = {0};

// A ring in heap memory of exactly its size, so that AddressSanitizer detects each access outside it.
class Ring {
 public:
  explicit Ring(uint32_t capacity) : capacity_(capacity), memory_(new (std::align_val_t{8}) std::byte[capacity]) {}
  ~Ring() { operator delete[](memory_, std::align_val_t{8}); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  std::span<std::byte> data() const { return {memory_, capacity_}; }
  uint32_t capacity() const { return capacity_; }

  template <typename Value>
  void Put(uint32_t at, uint64_t value) const {
    for (uint32_t i = 0; i < sizeof(Value); ++i) {
      memory_[(at + i) & (capacity_ - 1)] = static_cast<std::byte>(value >> (8 * i));
    }
  }
  template <typename Value>
  Value Get(uint32_t at) const {
    uint64_t value = 0;
    for (uint32_t i = 0; i < sizeof(Value); ++i) {
      value |= uint64_t{std::to_integer<uint8_t>(memory_[(at + i) & (capacity_ - 1)])} << (8 * i);
    }
    return static_cast<Value>(value);
  }
  void PutHeader(uint32_t at, uint32_t type, uint16_t size) const {
    Put<uint32_t>(at, type);
    Put<uint16_t>(at + 4, 0);
    Put<uint16_t>(at + 6, size);
  }

 private:
  uint32_t capacity_;
  std::byte* memory_;
};

// What a simple walk finds, which reads byte by byte and handles records that wrap.
struct Found {
  std::vector<uint32_t> first;
  std::vector<uint64_t> second;
  uint32_t samples = 0;
  uint32_t short_samples = 0;
  uint32_t left = 0;
};

Found PlainWalk(const Ring& ring, uint32_t position, uint32_t left, uint32_t limit) {
  Found found;
  while (left > 0 && found.samples < limit) {
    const auto size = ring.Get<uint16_t>(position + 6);
    if (ring.Get<uint32_t>(position) != PERF_RECORD_SAMPLE || size < 12 || size % 8 != 0 || size > left) {
      break;
    }
    const auto raw_size = ring.Get<uint32_t>(position + 8);
    if (raw_size > size - 12U) {
      break;
    }
    ++found.samples;
    if (raw_size >= 12) {
      found.first.push_back(ring.Get<uint32_t>(position + 12));
      found.second.push_back(ring.Get<uint64_t>(position + 16));
    } else {
      ++found.short_samples;
    }
    position += size;
    left -= size;
  }
  found.left = left;
  return found;
}

QueryProgress At(uint32_t position, uint32_t left, uint32_t limit, uint32_t row_capacity) {
  return {.position = position,
          .left = left,
          .samples = limit,
          .rows = 0,
          .row_capacity = row_capacity,
          .short_samples = 0,
          .matched = 0,
          .pace = {}};
}

// Fills the ring with records: runs of equal sizes, a few sizes in turn, or random sizes. Then changes some bytes.
// Returns where the records begin.
uint32_t Fill(const Ring& ring, Random& random) {
  for (uint32_t i = 0; i < ring.capacity(); i += 8) {
    ring.Put<uint64_t>(i, random());
  }
  const uint32_t start = random() % ring.capacity() / 8 * 8;
  const uint32_t kind = random() % 4;
  uint32_t at = 0;
  uint32_t size = 16;
  uint32_t run = 0;
  for (uint32_t left = ring.capacity(); left >= 16; at += size, left -= size) {
    if (kind == 0 ? run == 0 : kind == 1 ? true : random() % 8 == 0) {
      size = 16 + random() % (kind == 2 ? 2 : 20) * 8;
      run = random() % 100;
    }
    run -= run > 0 ? 1 : 0;
    if (size > left) {
      size = left / 8 * 8;
    }
    ring.PutHeader(start + at, PERF_RECORD_SAMPLE, static_cast<uint16_t>(size));
    ring.Put<uint32_t>(start + at + 8, random() % 16 == 0 ? random() % size : size - 12);
  }
  for (uint32_t changes = random() % 4; changes > 0; --changes) {
    const uint32_t changed = random() % ring.capacity();
    switch (random() % 4) {
      case 0:
        ring.Put<uint8_t>(changed, random());
        break;
      case 1:
        ring.Put<uint16_t>(changed / 8 * 8 + 6, random() % 3 == 0 ? 0xfff8 : random() % 512);
        break;
      case 2:
        ring.Put<uint32_t>(changed / 8 * 8, random() % 12);
        break;
      default:
        ring.Put<uint32_t>(changed / 4 * 4, random() % 3 == 0 ? UINT32_MAX : random() % 128);
    }
  }
  return start;
}

const Test walks("SampleQuery finds what a plain walk finds, whatever the headers say", [] {
  Random random(20'261'129);
  const auto query = SampleQuery::Parse(Joined({kRawAlone, kTwoFields, kNoCondition, kBothColumns, kNoGroups, kNothing, kNothing}));
  CHECK(query.has_value());
  uint64_t samples = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Ring ring(uint32_t{16} << random() % 10);
    const uint32_t start = Fill(ring, random);
    const uint32_t position = random() % 4 > 0 ? start : random() % ring.capacity() / 8 * 8;
    const uint32_t left = random() % 3 > 0 ? ring.capacity() : random() % (ring.capacity() + 1) / 8 * 8;
    const uint32_t limit = random() % 2 == 0 ? 1'000'000 : random() % 40;
    const Found found = PlainWalk(ring, position, left, limit);
    std::vector<uint32_t> first(1024);
    std::vector<uint64_t> second(1024);
    const std::array<std::byte*, 2> columns = {reinterpret_cast<std::byte*>(first.data()),
                                               reinterpret_cast<std::byte*>(second.data())};
    QueryProgress progress = At(position, left, limit, 1024);
    progress.pace.plain_blocks = random() % 2 == 0 ? 3 : 0;
    query->Run(ring.data(), {}, columns, progress);
    first.resize(progress.rows);
    second.resize(progress.rows);
    CHECK_EQ(progress.samples, found.samples);
    CHECK_EQ(progress.short_samples, found.short_samples);
    CHECK_EQ(progress.left, found.left);
    CHECK_EQ(progress.position, (position + left - found.left) & (ring.capacity() - 1));
    CHECK(first == found.first);
    CHECK(second == found.second);
    samples += found.samples;
  }
  // Enough samples were found to make the test meaningful.
  CHECK(samples > 100'000);
});

const Test bounds("SampleQuery fills no more rows than there is room for", [] {
  const Ring ring(4096);
  for (uint32_t at = 0; at < 4096; at += 32) {
    ring.PutHeader(at, PERF_RECORD_SAMPLE, 32);
    ring.Put<uint32_t>(at + 8, 20);
  }
  const auto query = SampleQuery::Parse(Joined({kRawAlone, kTwoFields, kNoCondition, kBothColumns, kNoGroups, kNothing, kNothing}));
  for (uint32_t room = 0; room < 200; ++room) {
    // Exactly the needed lengths, for AddressSanitizer.
    std::vector<uint32_t> first(room);
    std::vector<uint64_t> second(room);
    first.shrink_to_fit();
    second.shrink_to_fit();
    const std::array<std::byte*, 2> columns = {reinterpret_cast<std::byte*>(first.data()),
                                               reinterpret_cast<std::byte*>(second.data())};
    QueryProgress progress = At(2048, 4096, 1000, room);
    query->Run(ring.data(), {}, columns, progress);
    CHECK_EQ(progress.rows, std::min(room, 128U));
    CHECK_EQ(progress.samples, progress.rows);
  }
});

const Test programs("SampleQuery::Parse takes no program that Run could not rely on", [] {
  Random random(7);
  // Field 2: text. A condition of three steps; groups by text; a sum and a histogram.
  const Words sound = Joined({{32, 32, 8, 16, 24, 24},
                              {3, 0, 4, 0, 4, 0, 6, 4, 8, 0, 18, 0, 16},
                              {3, 0, 0, 2, 0, 5, 0, 0, 2, 0, 0, 1, 2, 1, 0, 0, 1, 0, 0},
                              {1, 2, 0},
                              {12345, 8, 4, 2},
                              {1, 1},
                              {1, 0}});
  CHECK(SampleQuery::Parse(sound).has_value());
  uint32_t taken = 0;
  for (int round = 0; round < 40'000; ++round) {
    Words words = sound;
    for (uint32_t changes = 1 + random() % 3; changes > 0; --changes) {
      constexpr std::array<uint64_t, 14> kValues = {0, 1, 2, 3, 4, 8, 16, 18, 19, 24, 65, 65536, UINT32_MAX, kNowhere};
      words[random() % words.size()] = random() % 4 == 0 ? random() : kValues[random() % kValues.size()];
    }
    if (random() % 8 == 0) {
      words.resize(random() % (words.size() + 2));
    }
    const auto query = SampleQuery::Parse(words);
    if (!query || query->TableWords() > 5'000) {
      continue;
    }
    ++taken;
    const Ring ring(1024);
    Fill(ring, random);
    std::vector<uint64_t> table(query->TableWords());
    if (random() % 4 == 0) {
      // Overwrite what the query before left.
      std::fill(table.begin(), table.end(), random());
    }
    std::vector<std::vector<std::byte>> memory;
    std::vector<std::byte*> columns;
    for (size_t i = 0; i < query->column_count(); ++i) {
      memory.emplace_back(size_t{query->RowBytes(i)} * 70);
      columns.push_back(memory.back().data());
    }
    QueryProgress progress = At(random() % 128 * 8, 1024, 1000, 70);
    query->Run(ring.data(), table, columns, progress);
  }
  CHECK(taken > 2'000);
});

}  // namespace
}  // namespace perfring::test
