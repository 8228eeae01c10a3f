#ifndef PERFRING_SYSTEM_EPOLL_SET_H_
#define PERFRING_SYSTEM_EPOLL_SET_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "system/system_error.h"
#include "system/unique_fd.h"

namespace perfring::system {

// Perf events whose rings are watched: the descriptor is readable when one of them became ready.
//
// Readiness of a perf event is consumed by whoever polls first. When an outer epoll finds this set readable, the
// event that made it so is consumed already: the set can't say which it was, and nobody needs it to.
//
// Two polls find nobody to tell: the kernel's own when an event is added here, and when this set is added to an outer
// epoll (which libuv does at some later time). Each would swallow what came before. So the set is readable once after
// each Add(), ready events or not, and until then it stays so.
class EpollSet {
 public:
  static OrErrno<EpollSet> Open();

  int fd() const { return epoll_.get(); }

  // What makes a descriptor ready: for a perf event, a wake since it was last polled; for a BPF ring buffer the level,
  // that is bytes reserved and not given back. A record that is never committed would keep the level up for ever, so of
  // a ring buffer only wakes are taken (EPOLLET).
  enum class Trigger { kLevel, kEdge };

  // Each answers 0 or a negative errno.
  int Add(int event_fd, uint32_t token, Trigger trigger = Trigger::kLevel);
  int Remove(int event_fd);

  // To be called when the set was readable. Takes the events that hung up out of it, for they would keep it readable
  // for ever, and appends their tokens.
  void TakeHungUp(std::vector<uint32_t>& tokens);

 private:
  EpollSet(UniqueFd epoll, UniqueFd added) : epoll_(std::move(epoll)), added_(std::move(added)) {}

  UniqueFd epoll_;
  // An eventfd in the set, readable from an Add() to the next TakeHungUp().
  UniqueFd added_;
  bool readable_by_addition_ = false;
  size_t count_ = 1;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_EPOLL_SET_H_
