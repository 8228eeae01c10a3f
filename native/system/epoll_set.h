#ifndef PERFRING_SYSTEM_EPOLL_SET_H_
#define PERFRING_SYSTEM_EPOLL_SET_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "system/system_error.h"
#include "system/unique_fd.h"

namespace perfring::system {

// An epoll set of perf events. Its descriptor becomes readable when one of the events becomes ready.
//
// The first poll consumes the readiness of a perf event. When an outer epoll reports this set as readable, that poll
// has already consumed the readiness, so the set can't say which event it was. No caller needs to know.
//
// The kernel polls twice without reporting the result: when an event is added to this set, and when this set is added
// to an outer epoll (libuv does that later). Each of these polls would consume readiness that came before it. So the
// set is readable after each Add(), whether or not an event is ready, until TakeHungUp() is called.
class EpollSet {
 public:
  static OrErrno<EpollSet> Open();

  int fd() const { return epoll_.get(); }

  // What makes a descriptor ready. A perf event: a wake since the last poll (kLevel). A BPF ring buffer is ready while
  // it has bytes that are reserved and not released, so a record that is never committed would keep it ready for ever:
  // use kEdge (EPOLLET), which reports only wakes.
  enum class Trigger { kLevel, kEdge };

  // Return 0 or a negative errno.
  int Add(int event_fd, uint32_t token, Trigger trigger = Trigger::kLevel);
  int Remove(int event_fd);

  // Whether TakeHungUp() must be called at every wake: after Add(), and while the set has descriptors of kEdge, whose
  // wakes only epoll_wait(2) on this set takes.
  bool MustLook() const { return readable_by_addition_ || has_edges_; }

  // Call this when the set was readable. If MustLook() is false, calling it now and then is enough: it finds only hang-ups,
  // which keep the set readable until then. Removes the events that hung up, which would keep the set readable for ever,
  // and appends their tokens.
  void TakeHungUp(std::vector<uint32_t>& tokens);

 private:
  EpollSet(UniqueFd epoll, UniqueFd added) : epoll_(std::move(epoll)), added_(std::move(added)) {}

  UniqueFd epoll_;
  // An eventfd in the set. It is readable from Add() to the next TakeHungUp().
  UniqueFd added_;
  bool readable_by_addition_ = false;
  bool has_edges_ = false;
  size_t count_ = 1;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_EPOLL_SET_H_
