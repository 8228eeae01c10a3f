#include "binding/mapped_ring.h"

#include <bit>
#include <cerrno>
#include <optional>
#include <utility>

#include "binding/arguments.h"
#include "binding/handle.h"
#include "binding/perf_event.h"
#include "binding/result.h"

namespace perfring::binding {

OpenRing::~OpenRing() {
  for (const auto& [weak, index] : groups_) {
    if (const auto group = weak.lock()) {
      group->Close(index);
    }
  }
}

void OpenRing::Join(const std::shared_ptr<system::RingGroup>& group, size_t index) {
  std::erase_if(groups_, [](const auto& joined) { return joined.first.expired(); });
  groups_.emplace_back(group, index);
}

namespace {

// Not every version of Node can make an ArrayBuffer over a larger mapping. The kernel maps no ring so large.
constexpr int64_t kMaxDataPages = int64_t{1} << 31;

Napi::Value RingMap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenPerfEvent>(0);
  const auto data_page_count = arguments.Integer(1, 1, kMaxDataPages);
  const auto writable = arguments.Boolean(2);
  if (!opened || !data_page_count || !writable || !std::has_single_bit(static_cast<uint64_t>(*data_page_count))) {
    return BadArgument(info);
  }
  auto ring = system::MappedRing::Map(opened->event, static_cast<size_t>(*data_page_count), *writable);
  if (!ring.ok()) {
    return Result(info, ring.error());
  }
  auto opened_ring = std::make_shared<OpenRing>(info.Env(), Environment::Of(info), std::move(ring.value()));
  return ResultObject(info, Handle<OpenRing>::New(info.Env(), std::move(opened_ring)));
}

Napi::Value RingBuffer(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenRing>(0);
  if (!opened) {
    return BadArgument(info);
  }
  const napi_value array_buffer = opened->ArrayBuffer();
  return array_buffer == nullptr ? Result(info, -EOPNOTSUPP) : Napi::Value(info.Env(), array_buffer);
}

Napi::Value RingSkipToHead(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenRing>(0);
  if (!opened || !opened->ring().writable()) {
    return BadArgument(info);
  }
  return Result(info, static_cast<double>(opened->ring().SkipToHead()));
}

Napi::Value RingCopyPublished(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenRing>(0);
  const auto target = arguments.Bytes(1);
  if (!opened || !target || target->size() < opened->ring().mapping().length() ||
      opened->environment().mapped().Overlaps(*target)) {
    return BadArgument(info);
  }
  return Result(info, static_cast<double>(opened->ring().CopyPublished(*target)));
}

Napi::Value RingSnapshot(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenRing>(0);
  const auto target = arguments.Bytes(1);
  const auto position = arguments.Words(2);
  if (!opened || opened->ring().writable() || !target || !position || position->size() != 1 ||
      target->size() != opened->ring().capacity() ||
      opened->environment().mapped().Overlaps(*target) ||
      opened->environment().mapped().Overlaps(std::as_bytes(*position))) {
    return BadArgument(info);
  }
  return Result(info, static_cast<double>(opened->ring().Snapshot(*target, position->front())));
}

Napi::Value RingClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenRing>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Result(info, 0);
}

}  // namespace

void ExportMappedRing(napi_env env, napi_value exports) {
  Export<RingMap>(env, exports, "ringMap");
  Export<RingBuffer>(env, exports, "ringBuffer");
  Export<RingSkipToHead>(env, exports, "ringSkipToHead");
  Export<RingCopyPublished>(env, exports, "ringCopyPublished");
  Export<RingSnapshot>(env, exports, "ringSnapshot");
  Export<RingClose>(env, exports, "ringClose");
}

}  // namespace perfring::binding
