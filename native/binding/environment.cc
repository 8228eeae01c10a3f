#include "binding/environment.h"

#include <cstdlib>
#include <utility>

namespace perfring::binding {
namespace {

using Holder = std::shared_ptr<Environment>;

void DeleteHolder(napi_env /*env*/, void* data, void* /*hint*/) { delete static_cast<Holder*>(data); }

}  // namespace

// NOLINTNEXTLINE(concurrency-mt-unsafe): called once for each environment, when the addon is loaded
Environment::Environment() : external_buffers_wanted_(::secure_getenv("PERFRING_NO_EXTERNAL_BUFFERS") == nullptr) {}

Environment* Environment::Attach(napi_env env) {
  auto holder = std::make_unique<Holder>(std::make_shared<Environment>());
  Environment* const environment = holder->get();
  if (napi_set_instance_data(env, holder.get(), DeleteHolder, nullptr) != napi_ok) {
    return nullptr;
  }
  // DeleteHolder() deletes it.
  static_cast<void>(holder.release());
  return environment;
}

std::shared_ptr<Environment> Environment::Of(const Napi::CallbackInfo& info) {
  void* holder = nullptr;
  napi_get_instance_data(info.Env(), &holder);
  return *static_cast<Holder*>(holder);
}

}  // namespace perfring::binding
