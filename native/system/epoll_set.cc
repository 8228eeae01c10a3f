#include "system/epoll_set.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <utility>

namespace perfring::system {
namespace {

// epoll_event.data of an event: the descriptor in the high 32 bits, the token in the low 32 bits.
uint64_t Pack(int fd, uint32_t token) { return uint64_t{static_cast<uint32_t>(fd)} << 32 | token; }
int FdOf(uint64_t packed) { return static_cast<int>(packed >> 32); }
uint32_t TokenOf(uint64_t packed) { return static_cast<uint32_t>(packed); }

}  // namespace

OrErrno<EpollSet> EpollSet::Open() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (epoll.get() < 0) {
    return LastErrno();
  }
  UniqueFd added(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (added.get() < 0) {
    return LastErrno();
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = Pack(added.get(), 0);
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, added.get(), &event) != 0) {
    return LastErrno();
  }
  return EpollSet(std::move(epoll), std::move(added));
}

int EpollSet::Add(int event_fd, uint32_t token, Trigger trigger) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (trigger == Trigger::kEdge) {
    event.events |= EPOLLET;
    has_edges_ = true;
  }
  event.data.u64 = Pack(event_fd, token);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event_fd, &event) != 0) {
    return -errno;
  }
  ++count_;
  readable_by_addition_ = true;
  // This fails only when the counter is at its maximum, and then the descriptor is readable as well.
  static_cast<void>(::eventfd_write(added_.get(), 1));
  return 0;
}

int EpollSet::Remove(int event_fd) {
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, event_fd, nullptr) != 0) {
    return -errno;
  }
  --count_;
  return 0;
}

void EpollSet::TakeHungUp(std::vector<uint32_t>& tokens) {
  if (readable_by_addition_) {
    readable_by_addition_ = false;
    eventfd_t ignored = 0;
    static_cast<void>(::eventfd_read(added_.get(), &ignored));
  }
  std::array<epoll_event, 64> ready{};
  // The kernel moves each reported event to the end of its list, so this many rounds report every event once. The limit
  // ends the loop even if producers wake without pause.
  for (size_t rounds = count_ / ready.size() + 1; rounds > 0; --rounds) {
    const int found = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
    for (size_t i = 0; std::cmp_less(i, found); ++i) {
      const uint64_t packed = ready[i].data.u64;
      if ((ready[i].events & (EPOLLHUP | EPOLLERR)) != 0 && Remove(FdOf(packed)) == 0) {
        tokens.push_back(TokenOf(packed));
      }
    }
    if (std::cmp_less(found, ready.size())) {
      return;
    }
  }
}

}  // namespace perfring::system
