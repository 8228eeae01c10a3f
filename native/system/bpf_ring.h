#ifndef PERFRING_SYSTEM_BPF_RING_H_
#define PERFRING_SYSTEM_BPF_RING_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "system/bpf.h"
#include "system/bpf_ring_cursor.h"
#include "system/memory_mapping.h"
#include "system/system_error.h"

namespace perfring::system {

// The mapping of a BPF_MAP_TYPE_RINGBUF: the consumer page, which is writable; then, read-only, the producer page and
// the data area, mapped twice in a row.
class BpfRing {
 public:
  // -EINVAL for a map of another type, -EFBIG when its data area is larger than kMaxCapacity.
  static OrErrno<BpfRing> Map(const BpfMap& map);

  // In bytes. With this limit, all offsets in the mapping are below 2^31.
  static constexpr size_t kMaxCapacity = size_t{1} << 29;

  // The read-only part: the producer page, then the data area twice.
  const MemoryMapping& mapping() const { return shared_; }
  size_t capacity() const { return capacity_; }

  // Bytes reserved and not yet released by the reader. The kernel never lets it exceed capacity().
  uint64_t Available() const { return cursor_.AcquireProducer() - cursor_.OwnConsumer(); }
  uint64_t Consumer() const { return cursor_.OwnConsumer(); }

  // How many bytes of committed records there are, starting `from` bytes after consumer_pos, up to `limit`. `consumer`:
  // the expected low 32 bits of consumer_pos. If they differ, another reader of the map has changed it: returns 0
  // bytes, kMoved.
  CommittedRecords Committed(uint32_t consumer, uint64_t from, uint64_t limit) const;
  // Releases `bytes` bytes. Returns false and does nothing when the low 32 bits of consumer_pos are not `consumer`, or
  // fewer bytes are available.
  bool Consume(uint32_t consumer, uint64_t bytes) const;
  // Releases everything that is reserved and returns the number of bytes.
  uint64_t SkipToProducer() const;
  // Copies `bytes` bytes (at most capacity()), starting `from` bytes after consumer_pos, to the same offsets in
  // `target`, which is as long as mapping().
  void Copy(uint64_t from, uint64_t bytes, std::span<std::byte> target) const;

 private:
  BpfRing(MemoryMapping consumer, MemoryMapping shared, size_t page_size, size_t capacity);

  MemoryMapping consumer_;
  MemoryMapping shared_;
  BpfRingCursor cursor_;
  size_t page_size_;
  size_t capacity_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_BPF_RING_H_
