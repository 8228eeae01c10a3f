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

// All state of the addon in one Node-API environment (the main thread's, or a worker's). There is none that
// environments share. Every resource holds its environment, since finalizers run in no order that could be relied on.
class Environment {
 public:
  // Makes the environment and ties it to `env`.
  static Environment* Attach(napi_env env);
  // The one whose function is being called.
  static std::shared_ptr<Environment> Of(const Napi::CallbackInfo& info);

  Environment();

  OpenResources& open() { return open_; }
  // Whether ArrayBuffers over a mapping may be made: not when PERFRING_NO_EXTERNAL_BUFFERS was set at load.
  bool external_buffers_wanted() const { return external_buffers_wanted_; }

  // The mapped rings. A store from a native function into one could hit a read-only page, which ends the process: ask
  // before writing into memory that JavaScript handed over.
  system::MappedRanges& mapped() { return mapped_; }

 private:
  OpenResources open_;
  bool external_buffers_wanted_;
  system::MappedRanges mapped_;
};

// Counts a resource as open for as long as it lives.
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
