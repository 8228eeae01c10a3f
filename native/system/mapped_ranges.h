#ifndef PERFRING_SYSTEM_MAPPED_RANGES_H_
#define PERFRING_SYSTEM_MAPPED_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace perfring::system {

// Ranges of memory that do not overlap: the mappings of rings.
class MappedRanges {
 public:
  void Add(std::span<const std::byte> range);
  // The range that begins there.
  void Remove(const std::byte* begin);
  // Whether a byte of them is in a range. No byte is, of none.
  bool Overlaps(std::span<const std::byte> bytes) const;

 private:
  // First byte -> the byte after the last.
  std::map<uintptr_t, uintptr_t> ranges_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_MAPPED_RANGES_H_
