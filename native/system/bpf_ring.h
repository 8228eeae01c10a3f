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

// The mapping of a BPF_MAP_TYPE_RINGBUF: the consumer's page, which can be written; and, read-only, the producer's page
// and the data twice in a row.
class BpfRing {
 public:
  // -EINVAL for a map of another type, -EFBIG for one of more than kMaxCapacity bytes.
  static OrErrno<BpfRing> Map(const BpfMap& map);

  // Offsets in a mapping stay below 2^31.
  static constexpr size_t kMaxCapacity = size_t{1} << 29;

  // The read-only part: the producer's page, then the data, twice.
  const MemoryMapping& mapping() const { return shared_; }
  size_t capacity() const { return capacity_; }

  // Bytes reserved and not given back. More than capacity() is no state a kernel makes.
  uint64_t Available() const { return cursor_.AcquireProducer() - cursor_.OwnConsumer(); }
  uint64_t Consumer() const { return cursor_.OwnConsumer(); }

  // How far records are committed, from `from` bytes after consumer_pos on: where the low half of that is `consumer`. If
  // it is not, another reader of the map has moved it, and the next record counts as busy.
  CommittedRecords Committed(uint32_t consumer, uint64_t from, uint64_t limit) const;
  // Gives `bytes` back. False, and nothing done, when that much is not there.
  bool Consume(uint64_t bytes) const;
  // Gives back all that is reserved, and answers how much.
  uint64_t SkipToProducer() const;
  // Copies bytes of the ring into `target`, which is laid out like the mapping and as long: to where they lie there.
  // `from` bytes after consumer_pos; at most capacity().
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
