#ifndef PERFRING_BINDING_WATCHED_H_
#define PERFRING_BINDING_WATCHED_H_

#include <memory>
#include <vector>

#include "system/epoll_set.h"

namespace perfring::binding {

// A descriptor that another object owns, and the epoll sets that watch it. The destructor removes the descriptor from
// them, before it is closed. Without that, an open file that a slot of a map or a duplicate keeps alive would stay in
// the set and could not be removed any more.
class Watched {
 public:
  // `fd` must stay open while this object exists: declare its owner before this member.
  Watched(int fd, system::EpollSet::Trigger trigger) : fd_(fd), trigger_(trigger) {}
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  // Returns 0 or a negative errno.
  int Watch(const std::shared_ptr<system::EpollSet>& set, uint32_t token);
  int Unwatch(const std::shared_ptr<system::EpollSet>& set);

 private:
  void Forget(const std::shared_ptr<system::EpollSet>& set);

  int fd_;
  system::EpollSet::Trigger trigger_;
  std::vector<std::weak_ptr<system::EpollSet>> watchers_;
};

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_WATCHED_H_
