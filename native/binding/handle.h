#ifndef PERFRING_BINDING_HANDLE_H_
#define PERFRING_BINDING_HANDLE_H_

#include <memory>
#include <utility>

#include "napi.h"

namespace perfring::binding {

// The JavaScript value that stands for a resource: an External with the type tag Resource::kTypeTag.
//
// The handle is open while resource() is not null. A function that can run JavaScript keeps a shared_ptr to the
// resource, because a callback may close the handle.
//
// This code calls the C functions of Node-API and not their C++ wrappers: a wrapper turns a failed status into a
// JavaScript exception, and no native function of this addon throws.
template <typename Resource>
class Handle {
 public:
  // Returns null, and closes the resource, when no External can be created (the environment is shutting down).
  static napi_value New(napi_env env, std::shared_ptr<Resource> resource) {
    auto handle = std::make_unique<Handle>(std::move(resource));
    napi_value external = nullptr;
    if (napi_create_external(env, handle.get(), Finalize, nullptr, &external) != napi_ok) {
      return nullptr;
    }
    // Finalize() deletes it.
    static_cast<void>(handle.release());
    return napi_type_tag_object(env, external, &Resource::kTypeTag) == napi_ok ? external : nullptr;
  }

  // Null when `value` is not a handle of this kind.
  static Handle* From(napi_env env, napi_value value) {
    napi_valuetype type = napi_undefined;
    bool tagged = false;
    void* handle = nullptr;
    // The tag is checked only on an External: on a Proxy the check could run JavaScript.
    if (napi_typeof(env, value, &type) != napi_ok || type != napi_external ||
        napi_check_object_type_tag(env, value, &Resource::kTypeTag, &tagged) != napi_ok || !tagged ||
        napi_get_value_external(env, value, &handle) != napi_ok) {
      return nullptr;
    }
    return static_cast<Handle*>(handle);
  }

  explicit Handle(std::shared_ptr<Resource> resource) : resource_(std::move(resource)) {}

  // Null after Close().
  const std::shared_ptr<Resource>& resource() const { return resource_; }
  // Idempotent.
  void Close() { resource_.reset(); }

 private:
  static void Finalize(napi_env /*env*/, void* data, void* /*hint*/) { delete static_cast<Handle*>(data); }

  std::shared_ptr<Resource> resource_;
};

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_HANDLE_H_
