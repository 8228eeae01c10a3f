#ifndef PERFRING_BINDING_PERF_EVENT_H_
#define PERFRING_BINDING_PERF_EVENT_H_

#include <memory>
#include <utility>

#include "binding/environment.h"
#include "binding/watched.h"
#include "napi.h"
#include "system/epoll_set.h"
#include "system/perf_event.h"

namespace perfring::binding {

struct OpenPerfEvent {
  static constexpr napi_type_tag kTypeTag = {0x9d0b3c1f5a7e4d21, 0x8f64a1c7e2b05933};

  OpenPerfEvent(std::shared_ptr<Environment> environment, system::PerfEvent opened)
      : count(std::move(environment), &OpenResources::perf_events),
        event(std::move(opened)),
        watched(event.fd(), system::EpollSet::Trigger::kLevel) {}

  OpenCount count;
  system::PerfEvent event;
  Watched watched;
};

void ExportPerfEvent(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_PERF_EVENT_H_
