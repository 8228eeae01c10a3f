#ifndef PERFRING_SYSTEM_RING_CURSOR_H_
#define PERFRING_SYSTEM_RING_CURSOR_H_

#include <linux/perf_event.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace perfring::system {

// The two cursors of a ring's metadata page, and every memory barrier of the C++ code. See docs/memory-order.md.
//
// data_head counts all bytes written, data_tail all bytes released by the reader. Both are 64 bits wide and wrap at
// 2^64, so their difference is always correct. Only the writer stores data_head, only the reader stores data_tail.
//
// The protocol is the kernel's. From kernel/events/ring_buffer.c, perf_output_put_handle():
//
//   kernel                             user
//   if (LOAD ->data_tail) {            LOAD ->data_head
//                      (A)             smp_rmb()       (C)
//      STORE $data                     LOAD $data
//      smp_wmb()       (B)             smp_mb()        (D)
//      STORE ->data_head               STORE ->data_tail
//   }
//
// where A pairs with D, and B with C. https://github.com/torvalds/linux/blob/v6.12/kernel/events/ring_buffer.c#L60-L98
class RingCursor {
 public:
  // The cursors are in the first kRequiredBytes bytes of a metadata page.
  static constexpr size_t kRequiredBytes = 1040;
  static constexpr size_t kAlignment = 8;

  // `metadata`: at least kRequiredBytes at a multiple of kAlignment, valid as long as this object is used.
  explicit RingCursor(void* metadata)
      : head_(reinterpret_cast<uint64_t*>(static_cast<std::byte*>(metadata) + kHeadOffset)),
        tail_(reinterpret_cast<uint64_t*>(static_cast<std::byte*>(metadata) + kTailOffset)) {}

  // ---------------------------------------------------------------- the reader's side

  // Returns data_head. All data below it may be read.
  // Acquire (C): pairs with the smp_wmb() (B) before the store of data_head in the kernel's
  // perf_output_put_handle(), or with the release in Publish() of a writer in user space.
  uint64_t AcquireHead() const { return Head().load(std::memory_order_acquire); }

  // Returns data_tail to the reader.
  // Relaxed: the reader is the only one that stores data_tail.
  uint64_t OwnTail() const { return Tail().load(std::memory_order_relaxed); }

  // Releases everything below `tail` to the writer.
  // Release (D): pairs with the control dependency (A) from the kernel's load of data_tail in
  // __perf_output_begin() to its stores of data, or with AcquireTail() of a writer in user space. All reads below
  // `tail` are complete before the writer overwrites these bytes.
  void ReleaseTail(uint64_t tail) const { Tail().store(tail, std::memory_order_release); }

  // Loads data_head again, after all earlier reads of data.
  // The fence keeps earlier loads (a copy of the data) before this load. It pairs with the smp_wmb() (B): if the copy
  // contains bytes of a complete record, the returned data_head covers that record. A record that is still being
  // written is not covered by any data_head: the caller must allow for one such record.
  uint64_t HeadAfterReads() const {
    std::atomic_thread_fence(std::memory_order_acquire);
    return Head().load(std::memory_order_relaxed);
  }

  // ---------------------------------------------------------------- the writer's side (rings in memory)

  // Returns data_tail. All bytes below it may be overwritten.
  // Acquire: pairs with ReleaseTail() of the reader. It stands for the kernel's (A), where a control dependency
  // from the load to the stores is enough.
  uint64_t AcquireTail() const { return Tail().load(std::memory_order_acquire); }

  // Returns data_head to the writer.
  // Relaxed: the writer is the only one that stores data_head.
  uint64_t OwnHead() const { return Head().load(std::memory_order_relaxed); }

  // Publishes everything below `head`.
  // Release: stands for the kernel's smp_wmb() (B); pairs with AcquireHead() of the reader.
  void ReleaseHead(uint64_t head) const { Head().store(head, std::memory_order_release); }

 private:
  static constexpr size_t kHeadOffset = offsetof(perf_event_mmap_page, data_head);
  static constexpr size_t kTailOffset = offsetof(perf_event_mmap_page, data_tail);
  static_assert(kHeadOffset == 1024 && kTailOffset == 1032, "the ABI of struct perf_event_mmap_page");
  static_assert(kTailOffset + sizeof(uint64_t) == kRequiredBytes);
  static_assert(std::atomic_ref<uint64_t>::is_always_lock_free, "the kernel takes no lock");

  std::atomic_ref<uint64_t> Head() const { return std::atomic_ref<uint64_t>(*head_); }
  std::atomic_ref<uint64_t> Tail() const { return std::atomic_ref<uint64_t>(*tail_); }

  uint64_t* head_;
  uint64_t* tail_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_RING_CURSOR_H_
