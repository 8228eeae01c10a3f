#ifndef PERFRING_SYSTEM_PERF_EVENT_H_
#define PERFRING_SYSTEM_PERF_EVENT_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "system/system_error.h"
#include "system/unique_fd.h"

namespace perfring::system {

// A perf event: the descriptor of perf_event_open(2).
class PerfEvent {
 public:
  // Whether `attr` holds all that the kernel will read of it: attr.size says how much that is.
  static bool HoldsAttribute(std::span<const std::byte> attr);

  // `attr`: bytes of struct perf_event_attr for which HoldsAttribute(). PERF_FLAG_FD_CLOEXEC is added to `flags`.
  static OrErrno<PerfEvent> Open(std::span<const std::byte> attr, pid_t pid, int cpu, int group_fd,
                                 unsigned long flags);

  int fd() const { return fd_.get(); }

  // Each answers 0 or a negative errno.
  int SetEnabled(bool enabled) const;
  // Sets the counter to 0, but not its times nor its count of lost samples.
  int Reset() const;
  int SetOutputPaused(bool paused) const;
  // Redirects the output into the ring of `target`; null detaches.
  int SetOutput(const PerfEvent* target) const;
  int SetProgram(int program_fd) const;

  // The id that samples of this event carry.
  OrErrno<uint64_t> Id() const;

  // Reads the counters as read_format lays them out. Answers the number of words.
  OrErrno<size_t> Read(std::span<uint64_t> words) const;

 private:
  explicit PerfEvent(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_PERF_EVENT_H_
