#ifndef PERFRING_BINDING_RING_MEMORY_H_
#define PERFRING_BINDING_RING_MEMORY_H_

#include <memory>
#include <optional>
#include <utility>

#include "binding/result.h"
#include "binding/environment.h"
#include "napi.h"
#include "system/memory_mapping.h"

namespace perfring::binding {

// A ring's mapping, among the ranges of its environment while it is mapped. It is co-owned by the handle and by the
// ArrayBuffer over it: ArrayBuffer.prototype.transfer() makes an alias that outlives a detach.
//
// Ring::mapping() is the part that JavaScript reads.
template <typename Ring>
class RingMemory {
 public:
  RingMemory(std::shared_ptr<Environment> environment, Ring ring)
      : count_(std::in_place, std::move(environment), &OpenResources::mappings), ring_(std::move(ring)) {
    count_->environment()->mapped().Add({ring_->mapping().data(), ring_->mapping().length()});
  }
  ~RingMemory() { Unmap(); }
  RingMemory(const RingMemory&) = delete;
  RingMemory& operator=(const RingMemory&) = delete;

  // Only before Unmap().
  const Ring& ring() const { return *ring_; }
  Environment& environment() const { return *count_->environment(); }

  // Gives the memory back to the kernel. Idempotent.
  void Unmap() {
    if (!ring_) {
      return;
    }
    // Out of the ranges first: once unmapped, the address may be that of another mapping.
    count_->environment()->mapped().Remove(ring_->mapping().data());
    ring_.reset();
    count_.reset();
  }

 private:
  std::optional<OpenCount> count_;
  std::optional<Ring> ring_;
};

// An open ring: its memory, and the one ArrayBuffer over it.
template <typename Ring>
class OpenMapping {
 public:
  OpenMapping(napi_env env, std::shared_ptr<Environment> environment, Ring ring)
      : env_(env), memory_(std::make_shared<RingMemory<Ring>>(std::move(environment), std::move(ring))) {}
  // Detaches the ArrayBuffer and unmaps the memory, at once: no view of it can be read any more. Where the ArrayBuffer
  // was detached by someone else (transfer(), structuredClone()), its memory has a new owner, which may read on: it is
  // unmapped by that owner's finalizer.
  ~OpenMapping() {
    if (array_buffer_ == nullptr) {
      // None was made, or none that JavaScript ever saw.
      memory_->Unmap();
      return;
    }
    const Napi::HandleScope scope(env_);
    napi_value array_buffer = nullptr;
    if (napi_get_reference_value(env_, array_buffer_, &array_buffer) == napi_ok && array_buffer != nullptr &&
        Detach(array_buffer)) {
      memory_->Unmap();
    }
    napi_delete_reference(env_, array_buffer_);
  }
  OpenMapping(const OpenMapping&) = delete;
  OpenMapping& operator=(const OpenMapping&) = delete;

  const Ring& ring() const { return memory_->ring(); }
  Environment& environment() const { return memory_->environment(); }

  // The same object at each call. Null where the runtime takes no external memory.
  napi_value ArrayBuffer() {
    napi_value array_buffer = nullptr;
    if (array_buffer_ != nullptr) {
      napi_get_reference_value(env_, array_buffer_, &array_buffer);
      return array_buffer;
    }
    const system::MemoryMapping& mapping = ring().mapping();
    if (!environment().external_buffers_wanted()) {
      return nullptr;
    }
    auto share = std::make_unique<Share>(memory_);
    const napi_status status = napi_create_external_arraybuffer(env_, mapping.data(), mapping.length(), DropShare,
                                                                share.get(), &array_buffer);
    if (status != napi_no_external_buffers_allowed) {
      // The ArrayBuffer owns its share. If it could not be made for another reason, node drops the share, at once or
      // later, or not at all where the environment is ending: it is not ours to delete.
      static_cast<void>(share.release());
    }
    if (status != napi_ok || napi_create_reference(env_, array_buffer, 1, &array_buffer_) != napi_ok) {
      ClearPendingException(env_);
      return nullptr;
    }
    return array_buffer;
  }

 private:
  // What the ArrayBuffer owns of the memory.
  using Share = std::shared_ptr<RingMemory<Ring>>;

  static void DropShare(napi_env /*env*/, void* /*data*/, void* share) { delete static_cast<Share*>(share); }

  // Whether this call detached it.
  bool Detach(napi_value array_buffer) const {
    bool detached = true;
    return napi_is_detached_arraybuffer(env_, array_buffer, &detached) == napi_ok && !detached &&
           napi_detach_arraybuffer(env_, array_buffer) == napi_ok &&
           napi_is_detached_arraybuffer(env_, array_buffer, &detached) == napi_ok && detached;
  }

  napi_env env_;
  Share memory_;
  // Strong: a second ArrayBuffer over the same memory must not be made while the first can still be reached.
  // It is no leak, for nothing leads from the ArrayBuffer back to the handle.
  napi_ref array_buffer_ = nullptr;
};

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_RING_MEMORY_H_
