#include <climits>
#include <optional>
#include <utility>

#include "binding/arguments.h"
#include "binding/bpf.h"
#include "binding/handle.h"
#include "binding/result.h"

namespace perfring::binding {
namespace {

Napi::Value ResultLink(const Napi::CallbackInfo& info, system::OrErrno<system::BpfLink> link) {
  if (!link.ok()) {
    return Result(info, link.error());
  }
  auto attached = std::make_shared<OpenBpfLink>(Environment::Of(info), std::move(link.value()));
  return ResultObject(info, Handle<OpenBpfLink>::New(info.Env(), std::move(attached)));
}

Napi::Value BpfRawTracepointOpen(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfProgram>(0);
  const auto name = arguments.String(1, system::kMaxRawTracepointNameLength);
  if (!opened || !name) {
    return BadArgument(info);
  }
  return ResultLink(info, system::BpfLink::OpenRawTracepoint(opened->program, *name));
}

Napi::Value BpfLinkCreate(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfProgram>(0);
  const auto target = arguments.Integer(1, 0, INT_MAX);
  const auto attach_type = arguments.Uint32(2);
  if (!opened || !target || !attach_type) {
    return BadArgument(info);
  }
  return ResultLink(info, system::BpfLink::Create(opened->program, static_cast<uint32_t>(*target), *attach_type));
}

Napi::Value BpfLinkPin(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfLink>(0);
  const auto path = arguments.String(1, PATH_MAX - 1);
  return opened && path ? Result(info, opened->link.Pin(*path)) : BadArgument(info);
}

Napi::Value BpfLinkClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenBpfLink>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Result(info, 0);
}

}  // namespace

void ExportBpfLink(napi_env env, napi_value exports) {
  Export<BpfRawTracepointOpen>(env, exports, "bpfRawTracepointOpen");
  Export<BpfLinkCreate>(env, exports, "bpfLinkCreate");
  Export<BpfLinkPin>(env, exports, "bpfLinkPin");
  Export<BpfLinkClose>(env, exports, "bpfLinkClose");
}

}  // namespace perfring::binding
