#ifndef PERFRING_BINDING_MAPPED_RING_H_
#define PERFRING_BINDING_MAPPED_RING_H_

#include <memory>
#include <optional>

#include "binding/environment.h"
#include "napi.h"
#include "system/mapped_ring.h"

namespace perfring::binding {

// A ring's mapping, among the ranges of its environment while it is mapped. It is co-owned by the handle and by the
// ArrayBuffer over it: ArrayBuffer.prototype.transfer() makes an alias that outlives a detach.
class RingMemory {
 public:
  RingMemory(std::shared_ptr<Environment> environment, system::MappedRing ring);
  ~RingMemory() { Unmap(); }
  RingMemory(const RingMemory&) = delete;
  RingMemory& operator=(const RingMemory&) = delete;

  // Only before Unmap().
  const system::MappedRing& ring() const { return *ring_; }
  Environment& environment() const { return *count_->environment(); }

  // Gives the memory back to the kernel. Idempotent.
  void Unmap();

 private:
  std::optional<OpenCount> count_;
  std::optional<system::MappedRing> ring_;
};

// An open ring: its memory, and the one ArrayBuffer over it.
class OpenRing {
 public:
  static constexpr napi_type_tag kTypeTag = {0xe27c6d05a9184fb3, 0x93b1f82d4c60e7a5};

  OpenRing(napi_env env, std::shared_ptr<RingMemory> memory) : env_(env), memory_(std::move(memory)) {}
  // Detaches the ArrayBuffer and unmaps the memory, at once: no view of it can be read any more. Where the ArrayBuffer
  // was detached by someone else (transfer(), structuredClone()), its memory has a new owner, which may read on: it is
  // unmapped by that owner's finalizer.
  ~OpenRing();
  OpenRing(const OpenRing&) = delete;
  OpenRing& operator=(const OpenRing&) = delete;

  const RingMemory& memory() const { return *memory_; }

  // The same object at each call. Null where the runtime takes no external memory.
  napi_value ArrayBuffer();

 private:
  // Whether this call detached it.
  bool Detach(napi_value array_buffer) const;

  napi_env env_;
  std::shared_ptr<RingMemory> memory_;
  // Strong: a second ArrayBuffer over the same memory must not be made while the first can still be reached.
  // It is no leak, for nothing leads from the ArrayBuffer back to the handle.
  napi_ref array_buffer_ = nullptr;
};

void ExportMappedRing(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_MAPPED_RING_H_
