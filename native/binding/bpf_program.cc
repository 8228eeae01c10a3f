#include <limits>
#include <optional>
#include <utility>

#include "binding/arguments.h"
#include "binding/bpf.h"
#include "binding/handle.h"
#include "binding/result.h"

namespace perfring::binding {
namespace {

// struct bpf_insn.
constexpr size_t kInstructionBytes = 8;

// The kernel counts lengths in 32 bits.
bool FitsUint32(size_t length) { return length <= std::numeric_limits<uint32_t>::max(); }

Napi::Value BpfProgramLoad(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto type = arguments.Uint32(0);
  const auto instructions = arguments.Bytes(1);
  const auto license = arguments.String(2, system::kMaxLicenseLength);
  const auto name = arguments.String(3, system::kMaxBpfNameLength);
  const auto log = arguments.Bytes(4);
  if (!type || !instructions || !license || !name || !log || !FitsUint32(instructions->size()) ||
      !FitsUint32(log->size()) || instructions->empty() || instructions->size() % kInstructionBytes != 0) {
    return BadArgument(info);
  }
  auto program = system::BpfProgram::Load(*type, *instructions, *license, *name, *log);
  if (!program.ok()) {
    return Result(info, program.error());
  }
  auto opened = std::make_shared<OpenBpfProgram>(Environment::Of(info), std::move(program.value()));
  return ResultObject(info, Handle<OpenBpfProgram>::New(info.Env(), std::move(opened)));
}

Napi::Value BpfProgramFd(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenBpfProgram>(0);
  return opened ? Result(info, opened->program.fd()) : BadArgument(info);
}

Napi::Value BpfProgramTestRun(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfProgram>(0);
  const auto data_in = arguments.Bytes(1);
  const auto context_in = arguments.Bytes(2);
  const auto repeat = arguments.Uint32(3);
  const auto flags = arguments.Uint32(4);
  const auto cpu = arguments.Uint32(5);
  if (!opened || !data_in || !context_in || !repeat || !flags || !cpu || !FitsUint32(data_in->size()) ||
      !FitsUint32(context_in->size())) {
    return BadArgument(info);
  }
  auto result = opened->program.TestRun({.data_in = *data_in,
                                         .context_in = *context_in,
                                         .repeat = *repeat,
                                         .flags = *flags,
                                         .cpu = *cpu});
  if (!result.ok()) {
    return Result(info, result.error());
  }
  const napi_env env = info.Env();
  return ResultObject(
      info, ObjectValue(env, {{"returnValue", NumberValue(env, result.value().return_value)},
                              {"durationNanoseconds", NumberValue(env, result.value().duration_nanoseconds)}}));
}

Napi::Value BpfProgramClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenBpfProgram>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Result(info, 0);
}

}  // namespace

void ExportBpfProgram(napi_env env, napi_value exports) {
  Export<BpfProgramLoad>(env, exports, "bpfProgramLoad");
  Export<BpfProgramFd>(env, exports, "bpfProgramFd");
  Export<BpfProgramTestRun>(env, exports, "bpfProgramTestRun");
  Export<BpfProgramClose>(env, exports, "bpfProgramClose");
}

}  // namespace perfring::binding
