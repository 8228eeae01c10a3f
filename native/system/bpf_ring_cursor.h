#ifndef PERFRING_SYSTEM_BPF_RING_CURSOR_H_
#define PERFRING_SYSTEM_BPF_RING_CURSOR_H_

#include <linux/bpf.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace perfring::system {

// How many bytes of committed records there are, and what ends them.
struct CommittedRecords {
  enum class End {
    // The limit, or the end of what is published.
    kLimit,
    // None was looked for: another reader of the map has moved consumer_pos.
    kMoved,
    // A record that is reserved, but neither submitted nor discarded yet.
    kBusy,
    // A header whose record would end after producer_pos: the kernel never writes one.
    kCorrupt,
  };
  uint64_t bytes;
  End end;
};

// The two positions of a BPF ring buffer, its record headers, and every memory barrier around them.
//
// producer_pos counts all bytes reserved, consumer_pos all bytes released by the reader; both are 64-bit. The data area
// is mapped twice in a row, so a record never wraps. The protocol is the kernel's, kernel/bpf/ringbuf.c:
//
//   __bpf_ringbuf_reserve()                 user
//   acquire ->consumer_pos                  acquire ->producer_pos   (A)
//   STORE header (busy)                     acquire header->len      (B)
//   release ->producer_pos        (A)       LOAD record
//   …the program writes the record…         store ->consumer_pos     (C), full barrier
//   bpf_ringbuf_commit()                    acquire header->len      (C), look again
//   xchg header->len              (B, C)    wait
//   LOAD ->consumer_pos           (C): wakes when it is the position of this record
//
// https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/ringbuf.c#L406-L530
class BpfRingCursor {
 public:
  // `consumer` and `producer`: the pages that begin with the positions. `data`: the data area, mapped twice in a row.
  // `capacity`: its length in bytes, a power of two. All must stay valid while this object is used.
  // Only the consumer page is written.
  BpfRingCursor(std::byte* consumer, std::byte* producer, std::byte* data, size_t capacity)
      : consumer_(reinterpret_cast<uint64_t*>(consumer)),
        producer_(reinterpret_cast<uint64_t*>(producer)),
        data_(data),
        mask_(capacity - 1) {}

  // Returns producer_pos. Every header below it may be read.
  // Acquire (A): pairs with the smp_store_release() of producer_pos in __bpf_ringbuf_reserve().
  uint64_t AcquireProducer() const { return std::atomic_ref<uint64_t>(*producer_).load(std::memory_order_acquire); }

  // Returns consumer_pos to the reader. Another reader of the map may have changed it.
  // Relaxed: a thread always sees what it stored itself.
  uint64_t OwnConsumer() const { return std::atomic_ref<uint64_t>(*consumer_).load(std::memory_order_relaxed); }

  // Releases everything below `position` to the producers.
  // Release: pairs with the smp_load_acquire() of consumer_pos in __bpf_ringbuf_reserve(): all reads below `position`
  // are complete before a producer overwrites these bytes.
  // The fence (C) pairs with the xchg() of the header in bpf_ringbuf_commit(), which is followed by a load of
  // consumer_pos: either that load sees `position` and the commit wakes, or Committed() after this call sees the
  // commit.
  void StoreConsumer(uint64_t position) const {
    std::atomic_ref<uint64_t>(*consumer_).store(position, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }

  // As StoreConsumer(), if consumer_pos is still `expected`. Returns false and stores nothing when it is not: so a
  // reader never releases records that another reader of the map has yet to read.
  bool MoveConsumer(uint64_t expected, uint64_t position) const {
    const bool moved = std::atomic_ref<uint64_t>(*consumer_).compare_exchange_strong(
        expected, position, std::memory_order_release, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return moved;
  }

  // Counts the bytes of whole records, submitted or discarded, from `position` on, where a record begins. `published`:
  // the bytes from there to producer_pos. It stops at `limit` bytes or after the record that reaches them. The counted
  // bytes may be read once this returns.
  // The fence makes the relaxed loads of all these headers acquires (B), which pair with the xchg() of the header in
  // bpf_ringbuf_commit().
  CommittedRecords Committed(uint64_t position, uint64_t published, uint64_t limit) const {
    std::byte* const start = data_ + (position & mask_);
    const uint64_t stop = limit < published ? limit : published;
    uint64_t bytes = 0;
    CommittedRecords::End end = CommittedRecords::End::kLimit;
    while (bytes < stop) {
      const uint32_t header = Header(start + bytes);
      if ((header & BPF_RINGBUF_BUSY_BIT) != 0) {
        end = CommittedRecords::End::kBusy;
        break;
      }
      const uint64_t step = RecordBytes(header);
      if (step > published - bytes) {
        end = CommittedRecords::End::kCorrupt;
        break;
      }
      bytes += step;
      // Most headers equal the one before. The addresses of such headers need not wait for a load, so several loads
      // run at once.
      while (bytes + 4 * step <= stop && (Differs(start + bytes, header) | Differs(start + bytes + step, header) |
                                          Differs(start + bytes + 2 * step, header) |
                                          Differs(start + bytes + 3 * step, header)) == 0) {
        bytes += 4 * step;
      }
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    return {.bytes = bytes, .end = end};
  }

  // The bytes that a record takes in the ring: its header, its payload, and up to 7 bytes of padding.
  static constexpr uint64_t RecordBytes(uint32_t header) {
    const uint64_t length = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    return (length + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
  }

 private:
  static_assert(std::atomic_ref<uint64_t>::is_always_lock_free, "the other side takes no lock");
  static_assert(BPF_RINGBUF_HDR_SZ == 8);

  static uint32_t Header(std::byte* record) {
    return std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t*>(record)).load(std::memory_order_relaxed);
  }

  // Not 0 when the record's header is another one.
  static uint32_t Differs(std::byte* record, uint32_t header) { return Header(record) ^ header; }

  uint64_t* consumer_;
  uint64_t* producer_;
  std::byte* data_;
  uint64_t mask_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_BPF_RING_CURSOR_H_
