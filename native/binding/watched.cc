#include "binding/watched.h"

namespace perfring::binding {

Watched::~Watched() {
  for (const std::weak_ptr<system::EpollSet>& watcher : watchers_) {
    if (const std::shared_ptr<system::EpollSet> set = watcher.lock()) {
      // Returns -ENOENT if the descriptor hung up and was removed before.
      set->Remove(fd_);
    }
  }
}

int Watched::Watch(const std::shared_ptr<system::EpollSet>& set, uint32_t token) {
  const int status = set->Add(fd_, token, trigger_);
  if (status == 0) {
    // After a hang-up the set may still be in the list.
    Forget(set);
    watchers_.emplace_back(set);
  }
  return status;
}

int Watched::Unwatch(const std::shared_ptr<system::EpollSet>& set) {
  Forget(set);
  return set->Remove(fd_);
}

void Watched::Forget(const std::shared_ptr<system::EpollSet>& set) {
  std::erase_if(watchers_, [&set](const std::weak_ptr<system::EpollSet>& watcher) {
    return watcher.expired() || watcher.lock() == set;
  });
}

}  // namespace perfring::binding
