#include "binding/host.h"

#include <climits>
#include <optional>
#include <vector>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/result.h"
#include "system/host.h"
#include "system/thread_affinity.h"
#include "system/tracefs.h"

namespace perfring::binding {
namespace {

Napi::Value PageSize(const Napi::CallbackInfo& info) {
  return Result(info, static_cast<double>(system::PageSize()));
}

Napi::Value TracepointId(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto category = arguments.String(0, NAME_MAX);
  const auto name = arguments.String(1, NAME_MAX);
  if (!category || !name || !system::IsTracefsName(*category) || !system::IsTracefsName(*name)) {
    return BadArgument(info);
  }
  auto id = system::TracepointId(*category, *name);
  return Result(info, id.ok() ? id.value() : id.error());
}

Napi::Value NetworkInterfaceIndex(const Napi::CallbackInfo& info) {
  const auto name = Arguments(info).String(0, system::kMaxInterfaceNameLength);
  if (!name) {
    return BadArgument(info);
  }
  auto index = system::NetworkInterfaceIndex(*name);
  return Result(info, index.ok() ? index.value() : index.error());
}

Napi::Value CurrentCpu(const Napi::CallbackInfo& info) { return Result(info, system::CurrentCpu()); }

Napi::Value SetThreadAffinity(const Napi::CallbackInfo& info) {
  const auto cpus = Arguments(info).Integers(0, 0, system::kMaxCpu);
  return cpus ? Result(info, system::SetThreadAffinity(*cpus)) : BadArgument(info);
}

Napi::Value GetThreadAffinity(const Napi::CallbackInfo& info) {
  auto cpus = system::GetThreadAffinity();
  return cpus.ok() ? ResultObject(info, ArrayValue(info.Env(), cpus.value())) : Result(info, cpus.error());
}

Napi::Value OpenHandles(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  const OpenResources& open = Environment::Of(info)->open();
  return ResultObject(info, ObjectValue(env, {{"perfEvents", NumberValue(env, open.perf_events)},
                                              {"mappings", NumberValue(env, open.mappings)},
                                              {"pollers", NumberValue(env, open.pollers)},
                                              {"bpfMaps", NumberValue(env, open.bpf_maps)},
                                              {"bpfPrograms", NumberValue(env, open.bpf_programs)},
                                              {"bpfLinks", NumberValue(env, open.bpf_links)},
                                              {"bpfObjects", NumberValue(env, open.bpf_objects)}}));
}

}  // namespace

void ExportHost(napi_env env, napi_value exports) {
  Export<PageSize>(env, exports, "pageSize");
  Export<TracepointId>(env, exports, "tracepointId");
  Export<NetworkInterfaceIndex>(env, exports, "networkInterfaceIndex");
  Export<CurrentCpu>(env, exports, "currentCpu");
  Export<SetThreadAffinity>(env, exports, "setThreadAffinity");
  Export<GetThreadAffinity>(env, exports, "getThreadAffinity");
  Export<OpenHandles>(env, exports, "openHandles");
}

}  // namespace perfring::binding
