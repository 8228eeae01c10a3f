#ifndef PERFRING_BINDING_BPF_H_
#define PERFRING_BINDING_BPF_H_

#include <memory>
#include <utility>

#include "binding/environment.h"
#include "binding/watched.h"
#include "napi.h"
#include "system/bpf.h"
#include "system/epoll_set.h"

namespace perfring::binding {

struct OpenBpfMap {
  static constexpr napi_type_tag kTypeTag = {0x4e1f7a92b3d8406c, 0xa5c03d6e91f72b48};

  OpenBpfMap(std::shared_ptr<Environment> environment, system::BpfMap opened)
      : count(std::move(environment), &OpenResources::bpf_maps),
        map(std::move(opened)),
        watched(map.fd(), system::EpollSet::Trigger::kEdge) {}

  OpenCount count;
  system::BpfMap map;
  Watched watched;
};

struct OpenBpfProgram {
  static constexpr napi_type_tag kTypeTag = {0x1c85f0d2e7694ab3, 0xb27e5c9814d3f06a};

  OpenBpfProgram(std::shared_ptr<Environment> environment, system::BpfProgram opened)
      : count(std::move(environment), &OpenResources::bpf_programs), program(std::move(opened)) {}

  OpenCount count;
  system::BpfProgram program;
};

struct OpenBpfLink {
  static constexpr napi_type_tag kTypeTag = {0x73d9b40e86a25f1c, 0xc6184f7b0e3d92a5};

  OpenBpfLink(std::shared_ptr<Environment> environment, system::BpfLink opened)
      : count(std::move(environment), &OpenResources::bpf_links), link(std::move(opened)) {}

  OpenCount count;
  system::BpfLink link;
};

void ExportBpfMap(napi_env env, napi_value exports);
void ExportBpfProgram(napi_env env, napi_value exports);
void ExportBpfLink(napi_env env, napi_value exports);
void ExportBpfIds(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_BPF_H_
