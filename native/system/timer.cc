#include "system/timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <ctime>

namespace perfring::system {
namespace {

timespec FromMicroseconds(uint64_t microseconds) {
  timespec time{};
  time.tv_sec = static_cast<time_t>(microseconds / 1'000'000);
  time.tv_nsec = static_cast<long>(microseconds % 1'000'000 * 1'000);
  return time;
}

}  // namespace

OrErrno<Timer> Timer::Open() {
  UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (timer.get() < 0) {
    return LastErrno();
  }
  return Timer(std::move(timer));
}

int Timer::Set(uint64_t first_microseconds, uint64_t interval_microseconds) const {
  itimerspec when{};
  when.it_value = FromMicroseconds(first_microseconds);
  when.it_interval = FromMicroseconds(interval_microseconds);
  return StatusOf(::timerfd_settime(timer_.get(), 0, &when, nullptr));
}

bool Timer::TakeExpiry() const {
  uint64_t expirations = 0;
  return ::read(timer_.get(), &expirations, sizeof(expirations)) == sizeof(expirations);
}

}  // namespace perfring::system
