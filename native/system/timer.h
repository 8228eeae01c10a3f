#ifndef PERFRING_SYSTEM_TIMER_H_
#define PERFRING_SYSTEM_TIMER_H_

#include <cstdint>
#include <utility>

#include "system/system_error.h"
#include "system/unique_fd.h"

namespace perfring::system {

// A timer whose descriptor is readable after it expired: timerfd(2) on CLOCK_MONOTONIC.
class Timer {
 public:
  static OrErrno<Timer> Open();

  int fd() const { return timer_.get(); }

  // Arms the timer. An interval of 0 makes it expire once; (0, 0) disarms it. Returns 0 or a negative errno.
  int Set(uint64_t first_microseconds, uint64_t interval_microseconds) const;
  // Returns whether the timer has expired since the last call.
  bool TakeExpiry() const;

 private:
  explicit Timer(UniqueFd timer) : timer_(std::move(timer)) {}

  UniqueFd timer_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_TIMER_H_
