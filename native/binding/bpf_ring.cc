#include "binding/bpf_ring.h"

#include <cerrno>
#include <memory>
#include <utility>

#include "binding/result.h"
#include "binding/arguments.h"
#include "binding/bpf.h"
#include "binding/handle.h"
#include "binding/ring_memory.h"
#include "system/bpf_ring.h"

namespace perfring::binding {
namespace {

struct OpenBpfRing : OpenMapping<system::BpfRing> {
  static constexpr napi_type_tag kTypeTag = {0xb5d1706ec94a23f8, 0x86ea3f51c70d94b2};
  using OpenMapping::OpenMapping;
};

using End = system::CommittedRecords::End;

int ErrnoOf(End end) { return end == End::kBusy ? -EAGAIN : end == End::kMoved ? -ESTALE : -EPROTO; }

Napi::Value BpfRingMap(const Napi::CallbackInfo& info) {
  const auto map = Arguments(info).Open<OpenBpfMap>(0);
  if (!map) {
    return BadArgument(info);
  }
  auto ring = system::BpfRing::Map(map->map);
  if (!ring.ok()) {
    return Result(info, ring.error());
  }
  auto opened = std::make_shared<OpenBpfRing>(info.Env(), Environment::Of(info), std::move(ring.value()));
  return ResultObject(info, Handle<OpenBpfRing>::New(info.Env(), std::move(opened)));
}

Napi::Value BpfRingBuffer(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenBpfRing>(0);
  if (!opened) {
    return BadArgument(info);
  }
  const napi_value array_buffer = opened->ArrayBuffer();
  return array_buffer == nullptr ? Result(info, -EOPNOTSUPP) : Napi::Value(info.Env(), array_buffer);
}

Napi::Value BpfRingAvailable(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenBpfRing>(0);
  return opened ? Result(info, static_cast<double>(opened->ring().Available())) : BadArgument(info);
}

Napi::Value BpfRingConsumer(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenBpfRing>(0);
  return opened ? Result(info, static_cast<uint32_t>(opened->ring().Consumer())) : BadArgument(info);
}

Napi::Value BpfRingCommitted(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfRing>(0);
  const auto consumer = arguments.Uint32(1);
  const auto from = arguments.Integer(2, 0, kMaxInteger);
  const auto limit = arguments.Integer(3, 0, kMaxInteger);
  if (!opened || !consumer || !from || !limit) {
    return BadArgument(info);
  }
  const system::CommittedRecords committed =
      opened->ring().Committed(*consumer, static_cast<uint64_t>(*from), static_cast<uint64_t>(*limit));
  if (committed.bytes == 0 && committed.end != End::kLimit) {
    return Result(info, ErrnoOf(committed.end));
  }
  return Result(info, static_cast<double>(committed.bytes));
}

Napi::Value BpfRingConsume(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfRing>(0);
  const auto consumer = arguments.Uint32(1);
  const auto bytes = arguments.Integer(2, 0, kMaxInteger);
  if (!opened || !consumer || !bytes) {
    return BadArgument(info);
  }
  return Result(info, opened->ring().Consume(*consumer, static_cast<uint64_t>(*bytes)) ? 0 : -ESTALE);
}

Napi::Value BpfRingSkipToProducer(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenBpfRing>(0);
  return opened ? Result(info, static_cast<double>(opened->ring().SkipToProducer())) : BadArgument(info);
}

Napi::Value BpfRingCopy(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfRing>(0);
  if (!opened) {
    return BadArgument(info);
  }
  const auto capacity = static_cast<int64_t>(opened->ring().capacity());
  const auto from = arguments.Integer(1, 0, capacity);
  const auto bytes = arguments.Integer(2, 0, capacity);
  const auto target = arguments.Bytes(3);
  if (!from || !bytes || !target || target->size() != opened->ring().mapping().length() ||
      opened->environment().mapped().Overlaps(*target)) {
    return BadArgument(info);
  }
  opened->ring().Copy(static_cast<uint64_t>(*from), static_cast<uint64_t>(*bytes), *target);
  return Result(info, 0);
}

Napi::Value BpfRingClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenBpfRing>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Result(info, 0);
}

}  // namespace

void ExportBpfRing(napi_env env, napi_value exports) {
  Export<BpfRingMap>(env, exports, "bpfRingMap");
  Export<BpfRingBuffer>(env, exports, "bpfRingBuffer");
  Export<BpfRingAvailable>(env, exports, "bpfRingAvailable");
  Export<BpfRingConsumer>(env, exports, "bpfRingConsumer");
  Export<BpfRingCommitted>(env, exports, "bpfRingCommitted");
  Export<BpfRingConsume>(env, exports, "bpfRingConsume");
  Export<BpfRingSkipToProducer>(env, exports, "bpfRingSkipToProducer");
  Export<BpfRingCopy>(env, exports, "bpfRingCopy");
  Export<BpfRingClose>(env, exports, "bpfRingClose");
}

}  // namespace perfring::binding
