#ifndef PERFRING_BINDING_HANDLE_H_
#define PERFRING_BINDING_HANDLE_H_

#include <memory>
#include <utility>

#include "napi.h"

namespace perfring::binding {

// What JavaScript holds of a resource: an External with the type tag of its kind, Resource::kTypeTag.
//
// Open while it has its resource. Whoever uses the resource in a call that can run JavaScript takes a shared_ptr of
// it, for a callback may close the handle.
//
// The C functions of Node-API are called here and not their wrappers: a wrapper answers a failing status with a
// JavaScript exception, and no native function of this addon throws.
template <typename Resource>
class Handle {
 public:
  // Answers null when no External can be made (the environment is ending); the resource is closed then.
  static napi_value New(napi_env env, std::shared_ptr<Resource> resource) {
    auto handle = std::make_unique<Handle>(std::move(resource));
    napi_value external = nullptr;
    if (napi_create_external(env, handle.get(), Finalize, nullptr, &external) != napi_ok) {
      return nullptr;
    }
    // The finalizer owns it now.
    static_cast<void>(handle.release());
    return napi_type_tag_object(env, external, &Resource::kTypeTag) == napi_ok ? external : nullptr;
  }

  // Null for everything that is no handle of this kind.
  static Handle* From(napi_env env, napi_value value) {
    napi_valuetype type = napi_undefined;
    bool tagged = false;
    void* handle = nullptr;
    // Only an External is asked for its tag: a Proxy has traps.
    if (napi_typeof(env, value, &type) != napi_ok || type != napi_external ||
        napi_check_object_type_tag(env, value, &Resource::kTypeTag, &tagged) != napi_ok || !tagged ||
        napi_get_value_external(env, value, &handle) != napi_ok) {
      return nullptr;
    }
    return static_cast<Handle*>(handle);
  }

  explicit Handle(std::shared_ptr<Resource> resource) : resource_(std::move(resource)) {}

  // Null once closed.
  const std::shared_ptr<Resource>& resource() const { return resource_; }
  // Idempotent.
  void Close() { resource_.reset(); }

 private:
  static void Finalize(napi_env /*env*/, void* data, void* /*hint*/) { delete static_cast<Handle*>(data); }

  std::shared_ptr<Resource> resource_;
};

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_HANDLE_H_
