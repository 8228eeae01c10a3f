#ifndef PERFRING_SYSTEM_RING_GROUP_H_
#define PERFRING_SYSTEM_RING_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "system/ring_cursor.h"

namespace perfring::system {

// Rings that are read together: one call acquires all heads, one call releases all tails.
//
// The positions of n rings are 4 * n + 1 words:
//   0              number of rings that are ready
//   from 1         indices of the rings that are ready, ascending: those that hold bytes, have invalid positions or are
//                  closed
//   from 1 + n     by index: bytes published and not released, kInvalid or kClosed
//   from 1 + 2n    by index: offset of the next unread byte in the data area
//   from 1 + 3n    by index: bytes to release
// The words of rings that are not ready have no meaning.
class RingGroup {
 public:
  static constexpr size_t kMaxRings = size_t{1} << 16;
  // Bytes and offsets must fit into a word.
  static constexpr size_t kMaxCapacity = size_t{1} << 30;
  static constexpr size_t WordsFor(size_t rings) { return 4 * rings + 1; }
  // data_head and data_tail are further apart than the ring is long, or are not multiples of 8.
  static constexpr int32_t kInvalid = -1;
  static constexpr int32_t kClosed = -2;

  // `capacity`: a power of two up to kMaxCapacity. The memory of `cursor` is used until Close().
  void Add(const RingCursor& cursor, size_t capacity, bool writable);
  // Afterwards the memory of the ring that was added as the index-th is not used any more.
  void Close(size_t index) { rings_[index].open = false; }

  size_t size() const { return rings_.size(); }

  // Acquires the head of each ring. `positions`: WordsFor(size()) words. The bytes to release become 0.
  void Acquire(std::span<int32_t> positions);
  // Releases the bytes to release of the rings that were ready at the last Acquire(), and sets their words to 0. A ring
  // refuses, and its word stays, when so many bytes are not published or it is not writable.
  void Release(std::span<int32_t> positions);

 private:
  struct Ring {
    RingCursor cursor;
    uint64_t capacity;
    bool writable;
    bool open;
  };

  std::vector<Ring> rings_;
  // The rings that were ready at the last Acquire(). JavaScript can change the indices in `positions`.
  std::vector<uint32_t> ready_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_RING_GROUP_H_
