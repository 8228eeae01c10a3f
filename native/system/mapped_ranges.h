#ifndef PERFRING_SYSTEM_MAPPED_RANGES_H_
#define PERFRING_SYSTEM_MAPPED_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace perfring::system {

// The address ranges of the mapped rings. They do not overlap each other.
class MappedRanges {
 public:
  void Add(std::span<const std::byte> range);
  // Removes the range that begins at `begin`.
  void Remove(const std::byte* begin);
  // Whether at least one of `bytes` is in a range. False for an empty span.
  bool Overlaps(std::span<const std::byte> bytes) const;

 private:
  // The address of the first byte -> the address after the last byte.
  std::map<uintptr_t, uintptr_t> ranges_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_MAPPED_RANGES_H_
