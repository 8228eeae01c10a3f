#ifndef PERFRING_BINDING_PERF_EVENT_H_
#define PERFRING_BINDING_PERF_EVENT_H_

#include <memory>
#include <vector>

#include "binding/environment.h"
#include "napi.h"
#include "system/epoll_set.h"
#include "system/perf_event.h"

namespace perfring::binding {

// An open perf event, and the epoll sets that watch it: it leaves them before its descriptor closes. A descriptor
// whose event lives on, in a slot of a map, would stay in the set, and nobody could name it any more.
class OpenPerfEvent {
 public:
  static constexpr napi_type_tag kTypeTag = {0x9d0b3c1f5a7e4d21, 0x8f64a1c7e2b05933};

  OpenPerfEvent(std::shared_ptr<Environment> environment, system::PerfEvent event)
      : count_(std::move(environment), &OpenResources::perf_events), event_(std::move(event)) {}
  ~OpenPerfEvent();
  OpenPerfEvent(const OpenPerfEvent&) = delete;
  OpenPerfEvent& operator=(const OpenPerfEvent&) = delete;

  const system::PerfEvent& event() const { return event_; }

  // 0 or a negative errno.
  int Watch(const std::shared_ptr<system::EpollSet>& set, uint32_t token);
  int Unwatch(const std::shared_ptr<system::EpollSet>& set);

 private:
  void Forget(const std::shared_ptr<system::EpollSet>& set);

  OpenCount count_;
  system::PerfEvent event_;
  std::vector<std::weak_ptr<system::EpollSet>> watchers_;
};

void ExportPerfEvent(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_PERF_EVENT_H_
