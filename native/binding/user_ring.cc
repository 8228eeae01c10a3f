#include "binding/user_ring.h"

#include <memory>
#include <utility>

#include "binding/arguments.h"
#include "binding/bpf.h"
#include "binding/environment.h"
#include "binding/handle.h"
#include "binding/result.h"
#include "system/user_ring.h"

namespace perfring::binding {
namespace {

struct OpenUserRing {
  static constexpr napi_type_tag kTypeTag = {0x5f0a92c7e13bd846, 0x9d27b60e8c41fa35};

  OpenUserRing(std::shared_ptr<Environment> environment, system::UserRing mapped)
      : count(std::move(environment), &OpenResources::mappings), ring(std::move(mapped)) {}

  OpenCount count;
  system::UserRing ring;
};

Napi::Value UserRingMap(const Napi::CallbackInfo& info) {
  const auto map = Arguments(info).Open<OpenBpfMap>(0);
  if (!map) {
    return BadArgument(info);
  }
  auto ring = system::UserRing::Map(map->map);
  if (!ring.ok()) {
    return Result(info, ring.error());
  }
  auto opened = std::make_shared<OpenUserRing>(Environment::Of(info), std::move(ring.value()));
  return ResultObject(info, Handle<OpenUserRing>::New(info.Env(), std::move(opened)));
}

Napi::Value UserRingWrite(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenUserRing>(0);
  const auto payload = arguments.Bytes(1);
  return opened && payload ? Result(info, opened->ring.Write(*payload)) : BadArgument(info);
}

Napi::Value UserRingUnread(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenUserRing>(0);
  return opened ? Result(info, static_cast<double>(opened->ring.Unread())) : BadArgument(info);
}

Napi::Value UserRingClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenUserRing>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Result(info, 0);
}

}  // namespace

void ExportUserRing(napi_env env, napi_value exports) {
  Export<UserRingMap>(env, exports, "userRingMap");
  Export<UserRingWrite>(env, exports, "userRingWrite");
  Export<UserRingUnread>(env, exports, "userRingUnread");
  Export<UserRingClose>(env, exports, "userRingClose");
}

}  // namespace perfring::binding
