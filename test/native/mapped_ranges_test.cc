#include "system/mapped_ranges.h"

#include <array>
#include <span>

#include "check.h"

namespace perfring::test {
namespace {

using system::MappedRanges;

std::array<std::byte, 64> memory{};

std::span<const std::byte> Bytes(size_t begin, size_t length) { return std::span(memory).subspan(begin, length); }

const Test overlaps("MappedRanges tells what reaches into a range, to the byte", [] {
  MappedRanges ranges;
  CHECK(!ranges.Overlaps(Bytes(0, 64)));
  ranges.Add(Bytes(16, 8));
  ranges.Add(Bytes(40, 8));
  for (const size_t begin : {size_t{16}, size_t{40}}) {
    // Bytes that end where the range begins, and bytes that begin where it ends.
    CHECK(!ranges.Overlaps(Bytes(begin - 8, 8)));
    CHECK(!ranges.Overlaps(Bytes(begin + 8, 8)));
    CHECK(ranges.Overlaps(Bytes(begin - 8, 9)));
    CHECK(ranges.Overlaps(Bytes(begin + 7, 8)));
    CHECK(ranges.Overlaps(Bytes(begin, 8)));
    CHECK(ranges.Overlaps(Bytes(begin + 3, 1)));
    CHECK(ranges.Overlaps(Bytes(begin - 8, 24)));
  }
  CHECK(ranges.Overlaps(Bytes(0, 64)));
  CHECK(!ranges.Overlaps(Bytes(16, 0)));
  CHECK(!ranges.Overlaps(Bytes(24, 16)));
});

const Test removed("MappedRanges forgets a range that was removed, and no other", [] {
  MappedRanges ranges;
  ranges.Add(Bytes(16, 8));
  ranges.Add(Bytes(24, 8));
  ranges.Remove(Bytes(16, 8).data());
  CHECK(!ranges.Overlaps(Bytes(16, 8)));
  CHECK(ranges.Overlaps(Bytes(24, 8)));
});

}  // namespace
}  // namespace perfring::test
