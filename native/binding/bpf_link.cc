#include <optional>
#include <utility>

#include "binding/answer.h"
#include "binding/arguments.h"
#include "binding/bpf.h"
#include "binding/handle.h"

namespace perfring::binding {
namespace {

Napi::Value BpfRawTracepointOpen(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfProgram>(0);
  const auto name = arguments.String(1, system::kMaxRawTracepointNameLength);
  if (!opened || !name) {
    return BadArgument(info);
  }
  auto link = system::BpfLink::OpenRawTracepoint(opened->program, *name);
  if (!link.ok()) {
    return Answer(info, link.error());
  }
  auto attached = std::make_shared<OpenBpfLink>(Environment::Of(info), std::move(link.value()));
  return AnswerObject(info, Handle<OpenBpfLink>::New(info.Env(), std::move(attached)));
}

Napi::Value BpfLinkClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenBpfLink>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Answer(info, 0);
}

}  // namespace

void ExportBpfLink(napi_env env, napi_value exports) {
  Export<BpfRawTracepointOpen>(env, exports, "bpfRawTracepointOpen");
  Export<BpfLinkClose>(env, exports, "bpfLinkClose");
}

}  // namespace perfring::binding
