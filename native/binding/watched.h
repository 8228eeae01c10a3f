#ifndef PERFRING_BINDING_WATCHED_H_
#define PERFRING_BINDING_WATCHED_H_

#include <memory>
#include <vector>

#include "system/epoll_set.h"

namespace perfring::binding {

// A descriptor that is another object's, and the epoll sets that watch it: it leaves them before it closes. A descriptor
// whose open file lives on, in a slot of a map or by a duplicate, would stay in the set, and nobody could name it any
// more.
class Watched {
 public:
  // `fd` is open for as long as this lives: a member before this one owns it.
  Watched(int fd, system::EpollSet::Trigger trigger) : fd_(fd), trigger_(trigger) {}
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  // 0 or a negative errno.
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
