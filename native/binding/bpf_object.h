#ifndef PERFRING_BINDING_BPF_OBJECT_H_
#define PERFRING_BINDING_BPF_OBJECT_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "napi.h"
#include "system/bpf_object.h"

namespace perfring::binding {

struct OpenBpfObject {
  static constexpr napi_type_tag kTypeTag = {0x2b90c7f15e3d8a64, 0x8e517d0ac92f46b3};

  enum class Stage { kOpen, kLoading, kLoaded, kFailed };

  OpenBpfObject(std::shared_ptr<Environment> environment, system::BpfObject opened)
      : count(std::move(environment), &OpenResources::bpf_objects), object(std::move(opened)) {}

  OpenCount count;
  system::BpfObject object;
  Stage stage = Stage::kOpen;
  // Not null while a thread of libuv's pool loads the object.
  napi_async_work loading = nullptr;
};

// The first argument of a call. UnloadedObject() returns an object before its load, LoadedObject() after a successful
// load. Null otherwise, also while a thread of the pool loads the object and after a load that failed.
std::shared_ptr<OpenBpfObject> UnloadedObject(const Arguments& arguments);
std::shared_ptr<OpenBpfObject> LoadedObject(const Arguments& arguments);
// An argument that is an index of one of `count` programs or maps, from 0 to count - 1.
std::optional<size_t> IndexAt(const Arguments& arguments, size_t argument, size_t count);

// Makes a LibbpfAnswer of lib/addon/contract.ts. A null `value` becomes undefined.
Napi::Value LibbpfAnswer(const Napi::CallbackInfo& info, int status, const std::string& log, napi_value value);

// A link keeps its object open, because libbpf stores data of the link in the object.
struct OpenBpfObjectLink {
  static constexpr napi_type_tag kTypeTag = {0xd4076e3b18af52c9, 0x69c3f1a5740bd28e};

  OpenBpfObjectLink(std::shared_ptr<OpenBpfObject> of, system::BpfObjectLink opened)
      : count(of->count.environment(), &OpenResources::bpf_links), object(std::move(of)), link(std::move(opened)) {}

  OpenCount count;
  std::shared_ptr<OpenBpfObject> object;
  system::BpfObjectLink link;
};

void ExportBpfObject(napi_env env, napi_value exports);
void ExportBpfObjectLoad(napi_env env, napi_value exports);
void ExportBpfObjectLink(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_BPF_OBJECT_H_
