#include "system/epoll_set.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "check.h"
#include "own_event.h"
#include "system/mapped_ring.h"

namespace perfring::test {
namespace {

using system::EpollSet;
using system::UniqueFd;

bool IsReadable(int fd, int timeout_milliseconds = 0) {
  pollfd look{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&look, 1, timeout_milliseconds) == 1;
}

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Pipe OpenPipe() {
  std::array<int, 2> ends{};
  CHECK_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

const Test added("EpollSet is readable once after an addition", [] {
  EpollSet set = std::move(EpollSet::Open().value());
  CHECK(!IsReadable(set.fd()));
  const Pipe pipe = OpenPipe();
  CHECK_EQ(set.Add(pipe.reader.get(), 3), 0);
  CHECK(IsReadable(set.fd()));
  std::vector<uint32_t> hung_up;
  set.TakeHungUp(hung_up);
  CHECK(hung_up.empty());
  CHECK(!IsReadable(set.fd()));
});

const Test late("EpollSet tells an outer epoll, that adds it late, of what came before", [] {
  auto event = OpenOwnEvent();
  if (!event.ok()) {
    Skip("perf_event_open of this thread");
    return;
  }
  const auto ring = system::MappedRing::Map(event.value(), 1, true);
  CHECK(ring.ok());
  EpollSet set = std::move(EpollSet::Open().value());
  CHECK_EQ(set.Add(event.value().fd(), 0), 0);
  WriteRecord();
  const UniqueFd outer(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event interest{};
  interest.events = EPOLLIN;
  CHECK_EQ(::epoll_ctl(outer.get(), EPOLL_CTL_ADD, set.fd(), &interest), 0);
  epoll_event ready{};
  CHECK_EQ(::epoll_wait(outer.get(), &ready, 1, 0), 1);
});

const Test woken("EpollSet becomes readable when the kernel writes to a ring", [] {
  auto event = OpenOwnEvent();
  if (!event.ok()) {
    Skip("perf_event_open of this thread");
    return;
  }
  const auto ring = system::MappedRing::Map(event.value(), 1, true);
  CHECK(ring.ok());
  EpollSet set = std::move(EpollSet::Open().value());
  CHECK_EQ(set.Add(event.value().fd(), 0), 0);
  std::vector<uint32_t> hung_up;
  set.TakeHungUp(hung_up);
  CHECK(!IsReadable(set.fd()));
  WriteRecord();
  CHECK(IsReadable(set.fd(), 1000));
});

const Test hung("EpollSet takes out what hung up, however many, and tells each token once", [] {
  EpollSet set = std::move(EpollSet::Open().value());
  std::vector<Pipe> pipes;
  for (uint32_t token = 0; token < 200; ++token) {
    pipes.push_back(OpenPipe());
    CHECK_EQ(set.Add(pipes.back().reader.get(), token), 0);
  }
  for (size_t i = 0; i < pipes.size(); i += 2) {
    pipes[i].writer.Reset();
  }
  std::vector<uint32_t> hung_up;
  set.TakeHungUp(hung_up);
  std::sort(hung_up.begin(), hung_up.end());
  CHECK_EQ(hung_up.size(), size_t{100});
  for (size_t i = 0; i < hung_up.size(); ++i) {
    CHECK_EQ(hung_up[i], 2 * i);
  }
  CHECK(!IsReadable(set.fd()));
  CHECK_EQ(set.Remove(pipes[0].reader.get()), -ENOENT);
  CHECK_EQ(set.Remove(pipes[1].reader.get()), 0);
});

const Test greatest("EpollSet keeps the greatest token beside the descriptor", [] {
  EpollSet set = std::move(EpollSet::Open().value());
  Pipe pipe = OpenPipe();
  CHECK_EQ(set.Add(pipe.reader.get(), UINT32_MAX), 0);
  pipe.writer.Reset();
  std::vector<uint32_t> hung_up;
  set.TakeHungUp(hung_up);
  CHECK(hung_up == std::vector<uint32_t>{UINT32_MAX});
  CHECK_EQ(set.Remove(pipe.reader.get()), -ENOENT);
});

const Test refuses("EpollSet answers the errno of what it can't watch", [] {
  EpollSet set = std::move(EpollSet::Open().value());
  const Pipe pipe = OpenPipe();
  CHECK_EQ(set.Add(-1, 0), -EBADF);
  CHECK_EQ(set.Add(pipe.reader.get(), 0), 0);
  CHECK_EQ(set.Add(pipe.reader.get(), 1), -EEXIST);
});

}  // namespace
}  // namespace perfring::test
