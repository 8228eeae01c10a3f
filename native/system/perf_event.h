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
  // Whether `attr` contains all bytes that the kernel will read: as many as its field `size` says.
  static bool HoldsAttribute(std::span<const std::byte> attr);

  // `attr`: the bytes of a struct perf_event_attr; -EINVAL unless HoldsAttribute(attr). PERF_FLAG_FD_CLOEXEC is added
  // to `flags`.
  static OrErrno<PerfEvent> Open(std::span<const std::byte> attr, pid_t pid, int cpu, int group_fd,
                                 unsigned long flags);

  int fd() const { return fd_.get(); }

  // These return 0 or a negative errno.
  int SetEnabled(bool enabled) const;
  // Sets the counter to 0. Its times and its count of lost samples stay.
  int Reset() const;
  int SetOutputPaused(bool paused) const;
  // Redirects the output to the ring of `target`. Null ends the redirection.
  int SetOutput(const PerfEvent* target) const;
  int SetProgram(int program_fd) const;

  // The id in the samples of this event (PERF_SAMPLE_ID).
  OrErrno<uint64_t> Id() const;

  // Reads the counters, laid out as attr.read_format says. Returns the number of 64-bit words.
  OrErrno<size_t> Read(std::span<uint64_t> words) const;

 private:
  explicit PerfEvent(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_PERF_EVENT_H_
