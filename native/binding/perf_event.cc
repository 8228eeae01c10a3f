#include "binding/perf_event.h"

#include <cstring>
#include <optional>
#include <utility>

#include "binding/arguments.h"
#include "binding/bpf.h"
#include "binding/handle.h"
#include "binding/result.h"

namespace perfring::binding {

namespace {

Napi::Value PerfEventOpen(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto attr = arguments.Bytes(0);
  const auto pid = arguments.Int32(1);
  const auto cpu = arguments.Int32(2);
  const auto group_fd = arguments.Int32(3);
  const auto flags = arguments.Uint32(4);
  if (!attr || !pid || !cpu || !group_fd || !flags || !system::PerfEvent::HoldsAttribute(*attr)) {
    return BadArgument(info);
  }
  auto event = system::PerfEvent::Open(*attr, *pid, *cpu, *group_fd, *flags);
  if (!event.ok()) {
    return Result(info, event.error());
  }
  auto opened = std::make_shared<OpenPerfEvent>(Environment::Of(info), std::move(event.value()));
  return ResultObject(info, Handle<OpenPerfEvent>::New(info.Env(), std::move(opened)));
}

Napi::Value PerfEventFd(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenPerfEvent>(0);
  return opened ? Result(info, opened->event.fd()) : BadArgument(info);
}

Napi::Value PerfEventEnable(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenPerfEvent>(0);
  const auto enabled = arguments.Boolean(1);
  return opened && enabled ? Result(info, opened->event.SetEnabled(*enabled)) : BadArgument(info);
}

Napi::Value PerfEventReset(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenPerfEvent>(0);
  return opened ? Result(info, opened->event.Reset()) : BadArgument(info);
}

Napi::Value PerfEventId(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenPerfEvent>(0);
  if (!opened) {
    return BadArgument(info);
  }
  auto id = opened->event.Id();
  // The kernel numbers events from 1 upwards, so a double holds an id exactly.
  return Result(info, id.ok() ? static_cast<double>(id.value()) : id.error());
}

Napi::Value PerfEventPauseOutput(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenPerfEvent>(0);
  const auto paused = arguments.Boolean(1);
  return opened && paused ? Result(info, opened->event.SetOutputPaused(*paused)) : BadArgument(info);
}

Napi::Value PerfEventSetOutput(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenPerfEvent>(0);
  const auto target = arguments.Open<OpenPerfEvent>(1);
  if (!opened || (!target && !arguments.IsNull(1))) {
    return BadArgument(info);
  }
  return Result(info, opened->event.SetOutput(target ? &target->event : nullptr));
}

Napi::Value PerfEventSetBpf(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenPerfEvent>(0);
  const auto program = arguments.Open<OpenBpfProgram>(1);
  return opened && program ? Result(info, opened->event.SetProgram(program->program.fd())) : BadArgument(info);
}

Napi::Value PerfEventRead(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenPerfEvent>(0);
  const auto words = arguments.Words(1);
  if (!opened || !words) {
    return BadArgument(info);
  }
  auto count = opened->event.Read(*words);
  return Result(info, count.ok() ? static_cast<double>(count.value()) : count.error());
}

Napi::Value PerfEventClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenPerfEvent>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Result(info, 0);
}

}  // namespace

void ExportPerfEvent(napi_env env, napi_value exports) {
  Export<PerfEventOpen>(env, exports, "perfEventOpen");
  Export<PerfEventFd>(env, exports, "perfEventFd");
  Export<PerfEventEnable>(env, exports, "perfEventEnable");
  Export<PerfEventReset>(env, exports, "perfEventReset");
  Export<PerfEventId>(env, exports, "perfEventId");
  Export<PerfEventPauseOutput>(env, exports, "perfEventPauseOutput");
  Export<PerfEventSetOutput>(env, exports, "perfEventSetOutput");
  Export<PerfEventSetBpf>(env, exports, "perfEventSetBpf");
  Export<PerfEventRead>(env, exports, "perfEventRead");
  Export<PerfEventClose>(env, exports, "perfEventClose");
}

}  // namespace perfring::binding
