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

// A ring and its mapping, which is registered in Environment::mapped() while it is mapped. The handle and the
// ArrayBuffer over the mapping share it: ArrayBuffer.prototype.transfer() makes a second ArrayBuffer over the same
// memory, which stays readable when the first one is detached.
//
// Ring::mapping() returns the part that JavaScript reads.
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
    // Before the unmapping: after it, another mapping may get the same address.
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
  // Detaches the ArrayBuffer, so no view of it can be read any more, and unmaps the memory. If the ArrayBuffer was
  // already detached by transfer() or structuredClone(), another ArrayBuffer has the memory and may be read: the
  // finalizer of that one unmaps it.
  ~OpenMapping() {
    if (array_buffer_ == nullptr) {
      // No ArrayBuffer was returned to JavaScript.
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

  // Returns the same object at each call. Null if it can't be created, or the runtime does not allow external memory.
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
      // The ArrayBuffer owns its share. If creating it failed for another reason, node calls DropShare() now or later,
      // or never while the environment is shutting down. In each case it must not be deleted here.
      static_cast<void>(share.release());
    }
    if (status != napi_ok || napi_create_reference(env_, array_buffer, 1, &array_buffer_) != napi_ok) {
      ClearPendingException(env_);
      return nullptr;
    }
    return array_buffer;
  }

 private:
  // The ArrayBuffer's reference to the memory.
  using Share = std::shared_ptr<RingMemory<Ring>>;

  static void DropShare(napi_env /*env*/, void* /*data*/, void* share) { delete static_cast<Share*>(share); }

  // Returns whether this call detached it.
  bool Detach(napi_value array_buffer) const {
    bool detached = true;
    return napi_is_detached_arraybuffer(env_, array_buffer, &detached) == napi_ok && !detached &&
           napi_detach_arraybuffer(env_, array_buffer) == napi_ok &&
           napi_is_detached_arraybuffer(env_, array_buffer, &detached) == napi_ok && detached;
  }

  napi_env env_;
  Share memory_;
  // Strong: a second ArrayBuffer over the same memory must not be made while the first can still be reached.
  // This is not a leak, because the ArrayBuffer does not refer to the handle.
  napi_ref array_buffer_ = nullptr;
};

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_RING_MEMORY_H_
