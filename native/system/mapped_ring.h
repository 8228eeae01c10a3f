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

  // Bytes published and not given back. More than capacity() is no state a kernel makes.
  uint64_t Available() const;
  // Where the next unread byte is, from the start of the data.
  size_t ReadOffset() const;
  // Gives `bytes` back. False, and nothing done, when the ring can't be written or that much is not there.
  bool Consume(uint64_t bytes) const;
  // Gives back all that is published, and answers how much. Only when writable().
  uint64_t SkipToHead() const;

  // Copies what is published into `target`, which is laid out like the mapping and as long. Answers Available();
  // copies nothing when that exceeds capacity().
  uint64_t CopyPublished(std::span<std::byte> target) const;

  // Overwrite mode: copies all data, newest record first, into `target`, capacity() bytes long. `head` becomes the
  // position where the copy begins. Answers how many bytes at the end of the copy the kernel has overwritten meanwhile,
  // the record being written not counted.
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
