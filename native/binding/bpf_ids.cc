#include "system/bpf_ids.h"

#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/bpf.h"
#include "binding/result.h"

namespace perfring::binding {
namespace {

Napi::Value BpfProgramNextId(const Napi::CallbackInfo& info) {
  const auto id = Arguments(info).Uint32(0);
  if (!id) {
    return BadArgument(info);
  }
  auto next = system::NextBpfProgramId(*id);
  return Result(info, next.ok() ? static_cast<double>(next.value()) : next.error());
}

Napi::Value BpfProgramInfoOfId(const Napi::CallbackInfo& info) {
  const auto id = Arguments(info).Uint32(0);
  if (!id) {
    return BadArgument(info);
  }
  auto found = system::BpfProgramInfoOf(*id);
  if (!found.ok()) {
    return Result(info, found.error());
  }
  const napi_env env = info.Env();
  const system::BpfProgramInfo& program = found.value();
  std::vector<napi_value> map_ids;
  for (const uint32_t map_id : program.map_ids) {
    map_ids.push_back(NumberValue(env, map_id));
  }
  return ResultObject(info, ObjectValue(env, {{"type", NumberValue(env, program.type)},
                                              {"btfId", NumberValue(env, program.btf_id)},
                                              {"name", StringValue(env, program.name)},
                                              {"mapIds", ArrayValue(env, map_ids)}}));
}

Napi::Value BpfBtfOfId(const Napi::CallbackInfo& info) {
  const auto id = Arguments(info).Uint32(0);
  if (!id) {
    return BadArgument(info);
  }
  auto bytes = system::BtfOf(*id);
  return bytes.ok() ? ResultObject(info, BytesValue(info.Env(), bytes.value())) : Result(info, bytes.error());
}

}  // namespace

void ExportBpfIds(napi_env env, napi_value exports) {
  Export<BpfProgramNextId>(env, exports, "bpfProgramNextId");
  Export<BpfProgramInfoOfId>(env, exports, "bpfProgramInfoOfId");
  Export<BpfBtfOfId>(env, exports, "bpfBtfOfId");
}

}  // namespace perfring::binding
