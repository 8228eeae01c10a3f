#ifndef PERFRING_SYSTEM_RING_CURSOR_H_
#define PERFRING_SYSTEM_RING_CURSOR_H_

#include <linux/perf_event.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace perfring::system {

// The two cursors of a ring's metadata page, and every memory barrier of this project.
//
// data_head counts the bytes ever written, data_tail the bytes ever given back; both are 64-bit and wrap at
// 2^64, so their difference is right at any time. Who writes a ring owns data_head, who reads it owns data_tail.
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
  // As many bytes of a metadata page as the cursors need to be there.
  static constexpr size_t kRequiredBytes = 1040;
  static constexpr size_t kAlignment = 8;

  // `metadata`: at least kRequiredBytes at a multiple of kAlignment, valid as long as this object is used.
  explicit RingCursor(void* metadata)
      : head_(reinterpret_cast<uint64_t*>(static_cast<std::byte*>(metadata) + kHeadOffset)),
        tail_(reinterpret_cast<uint64_t*>(static_cast<std::byte*>(metadata) + kTailOffset)) {}

  // ---------------------------------------------------------------- the reader's side

  // data_head, such that every byte below it is there to be read.
  // Acquire (C): pairs with the smp_wmb() (B) before the store of data_head in the kernel's
  // perf_output_put_handle(), or with the release in Publish() of a writer in user space.
  uint64_t AcquireHead() const { return Head().load(std::memory_order_acquire); }

  // data_tail, as its owner sees it.
  // Relaxed: only the reader stores data_tail, and this is the reader.
  uint64_t OwnTail() const { return Tail().load(std::memory_order_relaxed); }

  // Gives everything below `tail` back to the writer.
  // Release (D): pairs with the control dependency (A) from the kernel's load of data_tail in
  // __perf_output_begin() to its stores of data, or with AcquireTail() of a writer in user space: what was
  // read below `tail` has been read before a byte of it is overwritten.
  void ReleaseTail(uint64_t tail) const { Tail().store(tail, std::memory_order_release); }

  // data_head again, not before all data that was read so far.
  // The fence keeps earlier loads (a copy of the data) before this load; it pairs with the smp_wmb() (B): if the
  // copy saw bytes of a record that was complete, this sees a data_head that covers it. A record that is still
  // being written shows in no data_head: a caller allows for one.
  uint64_t HeadAfterReads() const {
    std::atomic_thread_fence(std::memory_order_acquire);
    return Head().load(std::memory_order_relaxed);
  }

  // ---------------------------------------------------------------- the writer's side (rings in memory)

  // data_tail, such that every byte below it may be overwritten.
  // Acquire: pairs with ReleaseTail() of the reader. It stands for the kernel's (A), where a control dependency
  // from the load to the stores is enough.
  uint64_t AcquireTail() const { return Tail().load(std::memory_order_acquire); }

  // data_head, as its owner sees it.
  // Relaxed: only the writer stores data_head, and this is the writer.
  uint64_t OwnHead() const { return Head().load(std::memory_order_relaxed); }

  // Publishes everything below `head`.
  // Release: stands for the kernel's smp_wmb() (B); pairs with AcquireHead() of the reader.
  void ReleaseHead(uint64_t head) const { Head().store(head, std::memory_order_release); }

 private:
  static constexpr size_t kHeadOffset = offsetof(perf_event_mmap_page, data_head);
  static constexpr size_t kTailOffset = offsetof(perf_event_mmap_page, data_tail);
  static_assert(kHeadOffset == 1024 && kTailOffset == 1032, "the ABI of struct perf_event_mmap_page");
  static_assert(kTailOffset + sizeof(uint64_t) == kRequiredBytes);
  static_assert(std::atomic_ref<uint64_t>::is_always_lock_free, "the other side takes no lock");

  std::atomic_ref<uint64_t> Head() const { return std::atomic_ref<uint64_t>(*head_); }
  std::atomic_ref<uint64_t> Tail() const { return std::atomic_ref<uint64_t>(*tail_); }

  uint64_t* head_;
  uint64_t* tail_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_RING_CURSOR_H_
