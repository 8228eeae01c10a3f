#include <climits>
#include <limits>
#include <optional>
#include <utility>

#include "binding/arguments.h"
#include "binding/bpf.h"
#include "binding/handle.h"
#include "binding/perf_event.h"
#include "binding/result.h"

namespace perfring::binding {
namespace {

bool FitsUint32(size_t length) { return length <= std::numeric_limits<uint32_t>::max(); }

Napi::Value ResultMap(const Napi::CallbackInfo& info, system::OrErrno<system::BpfMap> map) {
  if (!map.ok()) {
    return Result(info, map.error());
  }
  auto opened = std::make_shared<OpenBpfMap>(Environment::Of(info), std::move(map.value()));
  return ResultObject(info, Handle<OpenBpfMap>::New(info.Env(), std::move(opened)));
}

Napi::Value BpfMapCreate(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto type = arguments.Uint32(0);
  const auto key_size = arguments.Uint32(1);
  const auto value_size = arguments.Uint32(2);
  const auto max_entries = arguments.Uint32(3);
  const auto flags = arguments.Uint32(4);
  const auto name = arguments.String(5, system::kMaxBpfNameLength);
  if (!type || !key_size || !value_size || !max_entries || !flags || !name) {
    return BadArgument(info);
  }
  return ResultMap(info, system::BpfMap::Create({.type = *type,
                                                 .key_size = *key_size,
                                                 .value_size = *value_size,
                                                 .max_entries = *max_entries,
                                                 .flags = *flags,
                                                 .name = *name}));
}

Napi::Value BpfMapOpenPinned(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto path = arguments.String(0, PATH_MAX - 1);
  const auto file_flags = arguments.Uint32(1);
  return path && file_flags ? ResultMap(info, system::BpfMap::OpenPinned(*path, *file_flags)) : BadArgument(info);
}

Napi::Value BpfMapOpenId(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto id = arguments.Uint32(0);
  const auto open_flags = arguments.Uint32(1);
  return id && open_flags ? ResultMap(info, system::BpfMap::OpenId(*id, *open_flags)) : BadArgument(info);
}

Napi::Value BpfMapOpenFd(const Napi::CallbackInfo& info) {
  const auto fd = Arguments(info).Integer(0, 0, INT_MAX);
  return fd ? ResultMap(info, system::BpfMap::OpenFd(static_cast<int>(*fd))) : BadArgument(info);
}

Napi::Value BpfMapInfo(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenBpfMap>(0);
  if (!opened) {
    return BadArgument(info);
  }
  auto found = opened->map.Info();
  if (!found.ok()) {
    return Result(info, found.error());
  }
  const napi_env env = info.Env();
  const system::BpfMapInfo& map = found.value();
  return ResultObject(info, ObjectValue(env, {{"type", NumberValue(env, map.type)},
                                              {"id", NumberValue(env, map.id)},
                                              {"keySize", NumberValue(env, map.key_size)},
                                              {"valueSize", NumberValue(env, map.value_size)},
                                              {"maxEntries", NumberValue(env, map.max_entries)},
                                              {"flags", NumberValue(env, map.flags)},
                                              {"name", StringValue(env, map.name)},
                                              {"btfId", NumberValue(env, map.btf_id)},
                                              {"keyTypeId", NumberValue(env, map.key_type_id)},
                                              {"valueTypeId", NumberValue(env, map.value_type_id)}}));
}

Napi::Value BpfMapFd(const Napi::CallbackInfo& info) {
  const auto opened = Arguments(info).Open<OpenBpfMap>(0);
  return opened ? Result(info, opened->map.fd()) : BadArgument(info);
}

Napi::Value BpfMapSetEvent(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfMap>(0);
  const auto index = arguments.Uint32(1);
  const auto event = arguments.Open<OpenPerfEvent>(2);
  return opened && index && event ? Result(info, opened->map.SetEvent(*index, event->event.fd()))
                                  : BadArgument(info);
}

Napi::Value BpfMapUpdate(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfMap>(0);
  const auto key = arguments.Bytes(1);
  const auto value = arguments.Bytes(2);
  const auto flags = arguments.Uint32(3);
  if (!opened || !key || !value || !flags || !opened->map.TakesKey(key->size()) ||
      !opened->map.TakesValue(value->size())) {
    return BadArgument(info);
  }
  return Result(info, opened->map.Update(*key, *value, *flags));
}

Napi::Value BpfMapLookup(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfMap>(0);
  const auto key = arguments.Bytes(1);
  const auto value = arguments.Bytes(2);
  if (!opened || !key || !value || !opened->map.TakesKey(key->size()) || !opened->map.TakesValue(value->size())) {
    return BadArgument(info);
  }
  return Result(info, opened->map.Lookup(*key, *value));
}

Napi::Value BpfMapDelete(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfMap>(0);
  const auto key = arguments.Bytes(1);
  return opened && key && opened->map.TakesKey(key->size()) ? Result(info, opened->map.Delete(*key))
                                                            : BadArgument(info);
}

Napi::Value BpfMapReadBatch(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfMap>(0);
  const auto position = arguments.Bytes(1);
  const auto is_first = arguments.Boolean(2);
  const auto keys = arguments.Bytes(3);
  const auto values = arguments.Bytes(4);
  if (!opened || !position || !is_first || !keys || !values || !FitsUint32(keys->size())) {
    return BadArgument(info);
  }
  auto batch = opened->map.ReadBatch(*position, *is_first, *keys, *values);
  if (!batch.ok()) {
    return Result(info, batch.error());
  }
  const napi_env env = info.Env();
  return ResultObject(info, ObjectValue(env, {{"count", NumberValue(env, batch.value().count)},
                                              {"isLast", BooleanValue(env, batch.value().is_last)}}));
}

Napi::Value BpfMapUpdateBatch(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfMap>(0);
  const auto keys = arguments.Bytes(1);
  const auto values = arguments.Bytes(2);
  return opened && keys && values && FitsUint32(keys->size())
             ? Result(info, opened->map.UpdateBatch(*keys, *values))
             : BadArgument(info);
}

Napi::Value BpfMapNextKey(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfMap>(0);
  const auto key = arguments.Bytes(1);
  const auto next = arguments.Bytes(2);
  return opened && key && next ? Result(info, opened->map.NextKey(*key, *next)) : BadArgument(info);
}

Napi::Value BpfMapPin(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = arguments.Open<OpenBpfMap>(0);
  const auto path = arguments.String(1, PATH_MAX - 1);
  return opened && path ? Result(info, opened->map.Pin(*path)) : BadArgument(info);
}

Napi::Value BpfMapClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenBpfMap>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Result(info, 0);
}

}  // namespace

void ExportBpfMap(napi_env env, napi_value exports) {
  Export<BpfMapCreate>(env, exports, "bpfMapCreate");
  Export<BpfMapOpenPinned>(env, exports, "bpfMapOpenPinned");
  Export<BpfMapOpenId>(env, exports, "bpfMapOpenId");
  Export<BpfMapOpenFd>(env, exports, "bpfMapOpenFd");
  Export<BpfMapInfo>(env, exports, "bpfMapInfo");
  Export<BpfMapFd>(env, exports, "bpfMapFd");
  Export<BpfMapSetEvent>(env, exports, "bpfMapSetEvent");
  Export<BpfMapUpdate>(env, exports, "bpfMapUpdate");
  Export<BpfMapLookup>(env, exports, "bpfMapLookup");
  Export<BpfMapDelete>(env, exports, "bpfMapDelete");
  Export<BpfMapReadBatch>(env, exports, "bpfMapReadBatch");
  Export<BpfMapUpdateBatch>(env, exports, "bpfMapUpdateBatch");
  Export<BpfMapNextKey>(env, exports, "bpfMapNextKey");
  Export<BpfMapPin>(env, exports, "bpfMapPin");
  Export<BpfMapClose>(env, exports, "bpfMapClose");
}

}  // namespace perfring::binding
