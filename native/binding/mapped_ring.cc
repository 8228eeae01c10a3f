#include "binding/mapped_ring.h"

#include <bit>
#include <cerrno>
#include <limits>
#include <optional>
#include <utility>

#include "binding/answer.h"
#include "binding/arguments.h"
#include "binding/handle.h"
#include "binding/perf_event.h"

namespace perfring::binding {

RingMemory::RingMemory(std::shared_ptr<Environment> environment, system::MappedRing ring)
    : count_(std::in_place, std::move(environment), &OpenResources::mappings), ring_(std::move(ring)) {
  count_->environment()->mapped().Add({ring_->mapping().data(), ring_->mapping().length()});
}

void RingMemory::Unmap() {
  if (!ring_) {
    return;
  }
  // Out of the ranges first: once unmapped, the address may be that of another mapping.
  count_->environment()->mapped().Remove(ring_->mapping().data());
  ring_.reset();
  count_.reset();
}

namespace {

// What the ArrayBuffer owns of the memory.
using Share = std::shared_ptr<RingMemory>;

void DropShare(napi_env /*env*/, void* /*data*/, void* share) { delete static_cast<Share*>(share); }

}  // namespace

OpenRing::~OpenRing() {
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

bool OpenRing::Detach(napi_value array_buffer) const {
  bool detached = true;
  return napi_is_detached_arraybuffer(env_, array_buffer, &detached) == napi_ok && !detached &&
         napi_detach_arraybuffer(env_, array_buffer) == napi_ok &&
         napi_is_detached_arraybuffer(env_, array_buffer, &detached) == napi_ok && detached;
}

napi_value OpenRing::ArrayBuffer() {
  napi_value array_buffer = nullptr;
  if (array_buffer_ != nullptr) {
    napi_get_reference_value(env_, array_buffer_, &array_buffer);
    return array_buffer;
  }
  const system::MemoryMapping& mapping = memory_->ring().mapping();
  if (!memory_->environment().external_buffers_wanted()) {
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

namespace {

// A larger mapping could not become an ArrayBuffer on every version of Node; perf maps none so large.
constexpr int64_t kMaxDataPages = int64_t{1} << 31;

Napi::Value RingMap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenPerfEvent>(0);
  const auto data_page_count = arguments.Integer(1, 1, kMaxDataPages);
  const auto writable = arguments.Boolean(2);
  if (!opened || !data_page_count || !writable || !std::has_single_bit(static_cast<uint64_t>(*data_page_count))) {
    return BadArgument(info);
  }
  auto ring = system::MappedRing::Map(opened->event(), static_cast<size_t>(*data_page_count), *writable);
  if (!ring.ok()) {
    return Answer(info, ring.error());
  }
  auto memory = std::make_shared<RingMemory>(Environment::Of(info), std::move(ring.value()));
  return AnswerObject(info, Handle<OpenRing>::New(info.Env(), std::make_shared<OpenRing>(info.Env(), std::move(memory))));
}

Napi::Value RingBuffer(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenRing>(0);
  if (!opened) {
    return BadArgument(info);
  }
  const napi_value array_buffer = opened->ArrayBuffer();
  return array_buffer == nullptr ? Answer(info, -EOPNOTSUPP) : Napi::Value(info.Env(), array_buffer);
}

Napi::Value RingAvailable(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenRing>(0);
  return opened ? Answer(info, static_cast<double>(opened->memory().ring().Available())) : BadArgument(info);
}

Napi::Value RingConsume(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenRing>(0);
  const auto bytes = arguments.Integer(1, 0, kMaxInteger);
  if (!opened || !bytes || !opened->memory().ring().Consume(static_cast<uint64_t>(*bytes))) {
    return BadArgument(info);
  }
  return Answer(info, 0);
}

Napi::Value RingReadOffset(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenRing>(0);
  return opened ? Answer(info, static_cast<double>(opened->memory().ring().ReadOffset())) : BadArgument(info);
}

Napi::Value RingSkipToHead(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenRing>(0);
  if (!opened || !opened->memory().ring().writable()) {
    return BadArgument(info);
  }
  return Answer(info, static_cast<double>(opened->memory().ring().SkipToHead()));
}

Napi::Value RingCopyPublished(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenRing>(0);
  const auto target = arguments.Bytes(1);
  if (!opened || !target || target->size() < opened->memory().ring().mapping().length() ||
      opened->memory().environment().mapped().Overlaps(*target)) {
    return BadArgument(info);
  }
  return Answer(info, static_cast<double>(opened->memory().ring().CopyPublished(*target)));
}

Napi::Value RingSnapshot(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenRing>(0);
  const auto target = arguments.Bytes(1);
  const auto position = arguments.Words(2);
  if (!opened || opened->memory().ring().writable() || !target || !position || position->size() != 1 ||
      target->size() != opened->memory().ring().capacity() ||
      opened->memory().environment().mapped().Overlaps(*target) ||
      opened->memory().environment().mapped().Overlaps(std::as_bytes(*position))) {
    return BadArgument(info);
  }
  return Answer(info, static_cast<double>(opened->memory().ring().Snapshot(*target, position->front())));
}

Napi::Value RingClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenRing>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Answer(info, 0);
}

}  // namespace

void ExportMappedRing(napi_env env, napi_value exports) {
  Export<RingMap>(env, exports, "ringMap");
  Export<RingBuffer>(env, exports, "ringBuffer");
  Export<RingAvailable>(env, exports, "ringAvailable");
  Export<RingConsume>(env, exports, "ringConsume");
  Export<RingReadOffset>(env, exports, "ringReadOffset");
  Export<RingSkipToHead>(env, exports, "ringSkipToHead");
  Export<RingCopyPublished>(env, exports, "ringCopyPublished");
  Export<RingSnapshot>(env, exports, "ringSnapshot");
  Export<RingClose>(env, exports, "ringClose");
}

}  // namespace perfring::binding
