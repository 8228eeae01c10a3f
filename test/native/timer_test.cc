#include "system/timer.h"

#include <poll.h>

#include "check.h"

namespace perfring::test {
namespace {

using system::Timer;

bool IsReadable(int fd, int timeout_milliseconds) {
  pollfd look{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&look, 1, timeout_milliseconds) == 1;
}

const Test expires("Timer expires, is told once, and can be disarmed", [] {
  const Timer timer = std::move(Timer::Open().value());
  CHECK(!timer.TakeExpiry());
  CHECK_EQ(timer.Set(1, 0), 0);
  CHECK(IsReadable(timer.fd(), 1000));
  CHECK(timer.TakeExpiry());
  CHECK(!timer.TakeExpiry());
  CHECK_EQ(timer.Set(1, 1), 0);
  CHECK(IsReadable(timer.fd(), 1000));
  CHECK_EQ(timer.Set(0, 0), 0);
  CHECK(!timer.TakeExpiry());
});

}  // namespace
}  // namespace perfring::test
