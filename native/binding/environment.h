#ifndef PERFRING_BINDING_ENVIRONMENT_H_
#define PERFRING_BINDING_ENVIRONMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "napi.h"
#include "system/mapped_ranges.h"

namespace perfring::binding {

// How many resources of each kind are open: OpenHandles in lib/addon/contract.ts.
struct OpenResources {
  uint32_t perf_events = 0;
  uint32_t mappings = 0;
  uint32_t pollers = 0;
  uint32_t bpf_maps = 0;
  uint32_t bpf_programs = 0;
  uint32_t bpf_links = 0;
  uint32_t bpf_objects = 0;
};

// All state of the addon in one Node-API environment (the main thread's or a worker's). Environments share no state.
// Every resource holds a reference to its environment, because finalizers run in no defined order.
class Environment {
 public:
  // Creates the environment and stores it as the instance data of `env`. Null when Node-API refuses.
  static Environment* Attach(napi_env env);
  // The environment of the function that is being called.
  static std::shared_ptr<Environment> Of(const Napi::CallbackInfo& info);

  Environment();

  OpenResources& open() { return open_; }
  // Whether ArrayBuffers over a mapping may be created. False when PERFRING_NO_EXTERNAL_BUFFERS was set at load.
  bool external_buffers_wanted() const { return external_buffers_wanted_; }

  // The mapped rings. A native function that writes into memory passed from JavaScript first checks that it is not
  // part of one: a store into a read-only page would end the process.
  system::MappedRanges& mapped() { return mapped_; }

 private:
  OpenResources open_;
  bool external_buffers_wanted_;
  system::MappedRanges mapped_;
};

// Counts a resource as open from construction to destruction.
class OpenCount {
 public:
  OpenCount(std::shared_ptr<Environment> environment, uint32_t OpenResources::* kind)
      : environment_(std::move(environment)), kind_(kind) {
    ++(environment_->open().*kind_);
  }
  ~OpenCount() { --(environment_->open().*kind_); }
  OpenCount(const OpenCount&) = delete;
  OpenCount& operator=(const OpenCount&) = delete;

  const std::shared_ptr<Environment>& environment() const { return environment_; }

 private:
  std::shared_ptr<Environment> environment_;
  uint32_t OpenResources::* kind_;
};

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_ENVIRONMENT_H_
