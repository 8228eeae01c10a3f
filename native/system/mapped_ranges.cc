#include "system/mapped_ranges.h"

namespace perfring::system {

void MappedRanges::Add(std::span<const std::byte> range) {
  const auto begin = reinterpret_cast<uintptr_t>(range.data());
  ranges_.emplace(begin, begin + range.size());
}

void MappedRanges::Remove(const std::byte* begin) { ranges_.erase(reinterpret_cast<uintptr_t>(begin)); }

bool MappedRanges::Overlaps(std::span<const std::byte> bytes) const {
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
  // Only the last range that begins before the end of `bytes` can overlap them.
  auto after = ranges_.lower_bound(begin + bytes.size());
  return after != ranges_.begin() && (--after)->second > begin;
}

}  // namespace perfring::system
