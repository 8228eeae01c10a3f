#include <climits>
#include <optional>
#include <string>
#include <utility>

#include "binding/result.h"
#include "binding/arguments.h"
#include "binding/bpf_object.h"
#include "binding/handle.h"

namespace perfring::binding {
namespace {

// The longest name of a provider or a probe, in bytes.
constexpr size_t kLongestName = 255;

// The program to attach: a loaded object and the index of the program in it.
struct Attaching {
  std::shared_ptr<OpenBpfObject> opened;
  size_t program;
};

std::optional<Attaching> ProgramToAttach(const Arguments& arguments) {
  auto opened = LoadedObject(arguments);
  const auto program = opened ? IndexAt(arguments, 1, opened->object.program_count()) : std::nullopt;
  return program ? std::optional(Attaching{std::move(opened), *program}) : std::nullopt;
}

Napi::Value ResultLink(const Napi::CallbackInfo& info, const Attaching& attaching,
                       system::OrErrno<system::BpfObjectLink> link, const std::string& log) {
  if (!link.ok()) {
    return LibbpfAnswer(info, link.error(), log, nullptr);
  }
  auto opened = std::make_shared<OpenBpfObjectLink>(attaching.opened, std::move(link.value()));
  const napi_value handle = Handle<OpenBpfObjectLink>::New(info.Env(), std::move(opened));
  return LibbpfAnswer(info, handle == nullptr ? -ENOMEM : 0, log, handle);
}

Napi::Value BpfObjectAttach(const Napi::CallbackInfo& info) {
  const auto attaching = ProgramToAttach(Arguments(info));
  if (!attaching) {
    return BadArgument(info);
  }
  std::string log;
  return ResultLink(info, *attaching, attaching->opened->object.Attach(attaching->program, log), log);
}

Napi::Value BpfObjectAttachUprobe(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto attaching = ProgramToAttach(arguments);
  const auto is_return = arguments.Boolean(2);
  const auto pid = arguments.Integer(3, -1, INT_MAX);
  const auto path = arguments.String(4, PATH_MAX - 1);
  const auto symbol = arguments.String(5, PATH_MAX - 1);
  const auto offset = arguments.Integer(6, 0, kMaxInteger);
  if (!attaching || !is_return || !pid || !path || !symbol || !offset) {
    return BadArgument(info);
  }
  std::string log;
  return ResultLink(info, *attaching,
                    attaching->opened->object.AttachUprobe(attaching->program, *is_return, static_cast<pid_t>(*pid),
                                                           *path, *symbol, static_cast<size_t>(*offset), log),
                    log);
}

Napi::Value BpfObjectAttachUsdt(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto attaching = ProgramToAttach(arguments);
  const auto pid = arguments.Integer(2, -1, INT_MAX);
  const auto path = arguments.String(3, PATH_MAX - 1);
  const auto provider = arguments.String(4, kLongestName);
  const auto probe = arguments.String(5, kLongestName);
  if (!attaching || !pid || !path || !provider || !probe) {
    return BadArgument(info);
  }
  std::string log;
  return ResultLink(info, *attaching,
                    attaching->opened->object.AttachUsdt(attaching->program, static_cast<pid_t>(*pid), *path,
                                                         *provider, *probe, log),
                    log);
}

Napi::Value BpfObjectAttachKprobe(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto attaching = ProgramToAttach(arguments);
  const auto is_return = arguments.Boolean(2);
  const auto symbol = arguments.String(3, PATH_MAX - 1);
  const auto offset = arguments.Integer(4, 0, kMaxInteger);
  if (!attaching || !is_return || !symbol || !offset) {
    return BadArgument(info);
  }
  std::string log;
  return ResultLink(info, *attaching,
                    attaching->opened->object.AttachKprobe(attaching->program, *is_return, *symbol,
                                                           static_cast<size_t>(*offset), log),
                    log);
}

Napi::Value BpfObjectAttachTc(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto attaching = ProgramToAttach(arguments);
  const auto interface_index = arguments.Integer(2, 1, INT_MAX);
  const auto egress = arguments.Boolean(3);
  if (!attaching || !interface_index || !egress) {
    return BadArgument(info);
  }
  std::string log;
  return ResultLink(info, *attaching,
                    attaching->opened->object.AttachTc(attaching->program, static_cast<uint32_t>(*interface_index),
                                                       *egress, log),
                    log);
}

Napi::Value BpfObjectLinkPin(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfObjectLink>(0);
  const auto path = arguments.String(1, PATH_MAX - 1);
  return opened && path ? Result(info, opened->link.Pin(*path)) : BadArgument(info);
}

Napi::Value BpfObjectLinkRead(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfObjectLink>(0);
  const auto longest = arguments.Uint32(1);
  if (!opened || !longest) {
    return BadArgument(info);
  }
  auto text = system::ReadIterator(opened->link.fd(), *longest);
  return text.ok() ? ResultObject(info, BytesValue(info.Env(), std::as_bytes(std::span(text.value()))))
                   : Result(info, text.error());
}

Napi::Value BpfObjectLinkClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenBpfObjectLink>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Result(info, 0);
}

}  // namespace

void ExportBpfObjectLink(napi_env env, napi_value exports) {
  Export<BpfObjectAttach>(env, exports, "bpfObjectAttach");
  Export<BpfObjectAttachUprobe>(env, exports, "bpfObjectAttachUprobe");
  Export<BpfObjectAttachUsdt>(env, exports, "bpfObjectAttachUsdt");
  Export<BpfObjectAttachKprobe>(env, exports, "bpfObjectAttachKprobe");
  Export<BpfObjectAttachTc>(env, exports, "bpfObjectAttachTc");
  Export<BpfObjectLinkPin>(env, exports, "bpfObjectLinkPin");
  Export<BpfObjectLinkRead>(env, exports, "bpfObjectLinkRead");
  Export<BpfObjectLinkClose>(env, exports, "bpfObjectLinkClose");
}

}  // namespace perfring::binding
