#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "binding/result.h"
#include "binding/arguments.h"
#include "binding/bpf_object.h"

namespace perfring::binding {
namespace {

// One load on a thread of libuv's pool. It keeps the object open, so the handle may be closed during the load. The
// environment waits for the load before it ends.
struct Loading {
  std::shared_ptr<OpenBpfObject> opened;
  napi_ref on_loaded = nullptr;
  int status = 0;
  std::string log;
};

// Runs on the thread of the pool.
void Execute(napi_env /*env*/, void* data) {
  auto& loading = *static_cast<Loading*>(data);
  loading.status = loading.opened->object.Load(loading.log);
}

void CallWith(napi_env env, napi_ref on_loaded, int status, const std::string& log) {
  napi_value receiver = nullptr;
  napi_value callback = nullptr;
  napi_get_undefined(env, &receiver);
  napi_get_reference_value(env, on_loaded, &callback);
  const std::array<napi_value, 2> arguments = {NumberValue(env, status), StringValue(env, log)};
  // An exception of the callback becomes an uncaught exception. While the environment is shutting down the call fails.
  napi_call_function(env, receiver, callback, arguments.size(), arguments.data(), nullptr);
}

// Runs on the JavaScript thread.
void Complete(napi_env env, napi_status outcome, void* data) {
  const std::unique_ptr<Loading> loading(static_cast<Loading*>(data));
  OpenBpfObject& opened = *loading->opened;
  napi_delete_async_work(env, std::exchange(opened.loading, nullptr));
  if (outcome == napi_cancelled) {
    loading->status = -ECANCELED;
  }
  opened.stage = loading->status == 0 ? OpenBpfObject::Stage::kLoaded : OpenBpfObject::Stage::kFailed;
  const napi_ref on_loaded = loading->on_loaded;
  CallWith(env, on_loaded, loading->status, loading->log);
  napi_delete_reference(env, on_loaded);
}

Napi::Value BpfObjectLoad(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  auto opened = UnloadedObject(arguments);
  if (!opened || !arguments.IsFunction(1)) {
    return BadArgument(info);
  }
  const napi_env env = info.Env();
  auto loading = std::make_unique<Loading>();
  loading->opened = opened;
  if (napi_create_reference(env, info[1], 1, &loading->on_loaded) != napi_ok) {
    return Result(info, -ENOMEM);
  }
  if (napi_create_async_work(env, nullptr, StringValue(env, "perfring.load"), Execute, Complete, loading.get(),
                             &opened->loading) != napi_ok ||
      napi_queue_async_work(env, opened->loading) != napi_ok) {
    napi_delete_async_work(env, std::exchange(opened->loading, nullptr));
    napi_delete_reference(env, loading->on_loaded);
    return Result(info, -ENOMEM);
  }
  opened->stage = OpenBpfObject::Stage::kLoading;
  // Complete() deletes it.
  static_cast<void>(loading.release());
  return Result(info, 0);
}

Napi::Value BpfObjectCancelLoad(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenBpfObject>(0);
  if (!opened || opened->stage != OpenBpfObject::Stage::kLoading) {
    return BadArgument(info);
  }
  return Result(info, napi_cancel_async_work(info.Env(), opened->loading) == napi_ok ? 0 : -EBUSY);
}

}  // namespace

void ExportBpfObjectLoad(napi_env env, napi_value exports) {
  Export<BpfObjectLoad>(env, exports, "bpfObjectLoad");
  Export<BpfObjectCancelLoad>(env, exports, "bpfObjectCancelLoad");
}

}  // namespace perfring::binding
