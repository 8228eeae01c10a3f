#ifndef PERFRING_SYSTEM_MAPPED_RING_H_
#define PERFRING_SYSTEM_MAPPED_RING_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "system/memory_mapping.h"
#include "system/perf_event.h"
#include "system/ring_cursor.h"
#include "system/system_error.h"

namespace perfring::system {

// The mapping of a perf event's ring: one metadata page, then the data.
class MappedRing {
 public:
  // Maps 1 + data_page_count pages. A ring that is not writable is in overwrite mode: the kernel never waits
  // for data_tail, and the metadata page can't be written.
  static OrErrno<MappedRing> Map(const PerfEvent& event, size_t data_page_count, bool writable);

  const MemoryMapping& mapping() const { return mapping_; }
  bool writable() const { return writable_; }
  size_t capacity() const { return capacity_; }
  // Valid as long as the mapping.
  const RingCursor& cursor() const { return cursor_; }

  // Bytes that are published and not yet consumed. The kernel never publishes more than capacity(); a larger value
  // means that the metadata page was overwritten.
  uint64_t Available() const;
  // The offset of the next unread byte, in bytes from the start of the data area.
  size_t ReadOffset() const;
  // Releases everything that is published and returns the number of bytes. Call it only when writable().
  uint64_t SkipToHead() const;

  // Copies the published bytes to the same offsets in `target`, which is at least as long as the mapping. Returns
  // Available(). Copies nothing when that is more than capacity().
  uint64_t CopyPublished(std::span<std::byte> target) const;

  // For overwrite mode: copies the whole data area into `target` (capacity() bytes), newest record first. Sets `head`
  // to the position of the copy's first byte. Returns how many bytes at the end of the copy the kernel may have
  // overwritten during the copy. A record that was still being written is not included in this number.
  uint64_t Snapshot(std::span<std::byte> target, uint64_t& head) const;

 private:
  MappedRing(MemoryMapping mapping, bool writable, size_t data_offset, size_t capacity);
  const std::byte* data() const { return mapping_.data() + data_offset_; }

  MemoryMapping mapping_;
  RingCursor cursor_;
  bool writable_;
  size_t data_offset_;
  size_t capacity_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_MAPPED_RING_H_
