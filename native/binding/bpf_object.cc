#include "binding/bpf_object.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "binding/result.h"
#include "binding/arguments.h"
#include "binding/bpf.h"
#include "binding/handle.h"
#include "system/libbpf.h"

namespace perfring::binding {

std::shared_ptr<OpenBpfObject> UnloadedObject(const Arguments& arguments) {
  auto opened = arguments.Open<OpenBpfObject>(0);
  return opened && opened->stage == OpenBpfObject::Stage::kOpen ? opened : nullptr;
}

std::shared_ptr<OpenBpfObject> LoadedObject(const Arguments& arguments) {
  auto opened = arguments.Open<OpenBpfObject>(0);
  return opened && opened->stage == OpenBpfObject::Stage::kLoaded ? opened : nullptr;
}

std::optional<size_t> IndexAt(const Arguments& arguments, size_t argument, size_t count) {
  const auto index = arguments.Integer(argument, 0, static_cast<int64_t>(count) - 1);
  return index ? std::optional(static_cast<size_t>(*index)) : std::nullopt;
}

Napi::Value LibbpfAnswer(const Napi::CallbackInfo& info, int status, const std::string& log, napi_value value) {
  const napi_env env = info.Env();
  if (value == nullptr) {
    napi_get_undefined(env, &value);
  }
  return ResultObject(
      info, ObjectValue(env, {{"status", NumberValue(env, status)}, {"log", StringValue(env, log)}, {"value", value}}));
}

namespace {

// In bytes. libbpf itself does not limit the length of names.
constexpr size_t kLongestName = 255;

Napi::Value LibbpfVersion(const Napi::CallbackInfo& info) {
  std::string reason;
  const system::libbpf::Functions* const functions = system::libbpf::Load(reason);
  if (functions == nullptr) {
    return LibbpfAnswer(info, -ELIBACC, reason, nullptr);
  }
  return LibbpfAnswer(info, 0, "", StringValue(info.Env(), functions->version_string()));
}

Napi::Value BpfObjectOpen(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto bytes = arguments.Bytes(0);
  const auto name = arguments.String(1, kLongestName);
  const auto btf_path = arguments.String(2, PATH_MAX - 1);
  const auto pin_root = arguments.String(3, PATH_MAX - 1);
  if (!bytes || !name || !btf_path || !pin_root) {
    return BadArgument(info);
  }
  std::string log;
  const system::libbpf::Functions* const functions = system::libbpf::Load(log);
  if (functions == nullptr) {
    return LibbpfAnswer(info, -ELIBACC, log, nullptr);
  }
  auto object = system::BpfObject::Open(*functions, *bytes,
                                        {.name = *name, .btf_path = *btf_path, .pin_root = *pin_root}, log);
  if (!object.ok()) {
    return LibbpfAnswer(info, object.error(), log, nullptr);
  }
  auto opened = std::make_shared<OpenBpfObject>(Environment::Of(info), std::move(object.value()));
  const napi_value handle = Handle<OpenBpfObject>::New(info.Env(), std::move(opened));
  return LibbpfAnswer(info, handle == nullptr ? -ENOMEM : 0, log, handle);
}

Napi::Value BpfObjectBtf(const Napi::CallbackInfo& info) {
  const auto opened = UnloadedObject(Arguments(info));
  return opened ? ResultObject(info, BytesValue(info.Env(), opened->object.Btf())) : BadArgument(info);
}

Napi::Value BpfObjectPrograms(const Napi::CallbackInfo& info) {
  const auto opened = UnloadedObject(Arguments(info));
  if (!opened) {
    return BadArgument(info);
  }
  const napi_env env = info.Env();
  std::vector<napi_value> programs;
  for (size_t i = 0; i < opened->object.program_count(); ++i) {
    const system::BpfObjectProgram program = opened->object.Program(i);
    programs.push_back(ObjectValue(env, {{"name", StringValue(env, program.name)},
                                         {"section", StringValue(env, program.section)},
                                         {"type", NumberValue(env, program.type)},
                                         {"attachType", NumberValue(env, program.attach_type)},
                                         {"autoload", BooleanValue(env, program.autoload)}}));
  }
  return ResultObject(info, ArrayValue(env, programs));
}

Napi::Value BpfObjectMaps(const Napi::CallbackInfo& info) {
  const auto opened = UnloadedObject(Arguments(info));
  if (!opened) {
    return BadArgument(info);
  }
  const napi_env env = info.Env();
  std::vector<napi_value> maps;
  for (size_t i = 0; i < opened->object.map_count(); ++i) {
    const system::BpfObjectMap map = opened->object.Map(i);
    maps.push_back(ObjectValue(env, {{"name", StringValue(env, map.name)},
                                     {"type", NumberValue(env, map.type)},
                                     {"keySize", NumberValue(env, map.key_size)},
                                     {"valueSize", NumberValue(env, map.value_size)},
                                     {"maxEntries", NumberValue(env, map.max_entries)},
                                     {"flags", NumberValue(env, map.flags)},
                                     {"keyTypeId", NumberValue(env, map.key_type_id)},
                                     {"valueTypeId", NumberValue(env, map.value_type_id)},
                                     {"isInternal", BooleanValue(env, map.is_internal)},
                                     {"pinPath", StringValue(env, map.pin_path)}}));
  }
  return ResultObject(info, ArrayValue(env, maps));
}

Napi::Value BpfObjectSetAutoload(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = UnloadedObject(arguments);
  const auto program = opened ? IndexAt(arguments, 1, opened->object.program_count()) : std::nullopt;
  const auto autoload = arguments.Boolean(2);
  return program && autoload ? Result(info, opened->object.SetAutoload(*program, *autoload)) : BadArgument(info);
}

Napi::Value BpfObjectSetMapType(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = UnloadedObject(arguments);
  const auto map = opened ? IndexAt(arguments, 1, opened->object.map_count()) : std::nullopt;
  const auto type = arguments.Uint32(2);
  const auto key_size = arguments.Uint32(3);
  const auto value_size = arguments.Uint32(4);
  return map && type && key_size && value_size
             ? Result(info, opened->object.SetMapType(*map, *type, *key_size, *value_size))
             : BadArgument(info);
}

Napi::Value BpfObjectSetMaxEntries(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = UnloadedObject(arguments);
  const auto map = opened ? IndexAt(arguments, 1, opened->object.map_count()) : std::nullopt;
  const auto max_entries = arguments.Uint32(2);
  return map && max_entries ? Result(info, opened->object.SetMaxEntries(*map, *max_entries)) : BadArgument(info);
}

Napi::Value BpfObjectReuseMap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = UnloadedObject(arguments);
  const auto map = opened ? IndexAt(arguments, 1, opened->object.map_count()) : std::nullopt;
  const auto existing = arguments.Open<OpenBpfMap>(2);
  return map && existing ? Result(info, opened->object.ReuseMap(*map, existing->map.fd())) : BadArgument(info);
}

Napi::Value BpfObjectInitialValue(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = UnloadedObject(arguments);
  const auto map = opened ? IndexAt(arguments, 1, opened->object.map_count()) : std::nullopt;
  return map ? ResultObject(info, BytesValue(info.Env(), opened->object.InitialValue(*map))) : BadArgument(info);
}

Napi::Value BpfObjectSetInitialValue(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = UnloadedObject(arguments);
  const auto map = opened ? IndexAt(arguments, 1, opened->object.map_count()) : std::nullopt;
  const auto value = arguments.Bytes(2);
  return map && value ? Result(info, opened->object.SetInitialValue(*map, *value)) : BadArgument(info);
}

Napi::Value BpfObjectOpenProgram(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = LoadedObject(arguments);
  const auto index = opened ? IndexAt(arguments, 1, opened->object.program_count()) : std::nullopt;
  if (!index) {
    return BadArgument(info);
  }
  auto program = opened->object.OpenProgram(*index);
  if (!program.ok()) {
    return Result(info, program.error());
  }
  auto handle = std::make_shared<OpenBpfProgram>(Environment::Of(info), std::move(program.value()));
  return ResultObject(info, Handle<OpenBpfProgram>::New(info.Env(), std::move(handle)));
}

Napi::Value BpfObjectOpenMap(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = LoadedObject(arguments);
  const auto index = opened ? IndexAt(arguments, 1, opened->object.map_count()) : std::nullopt;
  if (!index) {
    return BadArgument(info);
  }
  auto map = opened->object.OpenMap(*index);
  if (!map.ok()) {
    return Result(info, map.error());
  }
  auto handle = std::make_shared<OpenBpfMap>(Environment::Of(info), std::move(map.value()));
  return ResultObject(info, Handle<OpenBpfMap>::New(info.Env(), std::move(handle)));
}

Napi::Value BpfObjectClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenBpfObject>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Result(info, 0);
}

}  // namespace

void ExportBpfObject(napi_env env, napi_value exports) {
  Export<LibbpfVersion>(env, exports, "libbpfVersion");
  Export<BpfObjectOpen>(env, exports, "bpfObjectOpen");
  Export<BpfObjectBtf>(env, exports, "bpfObjectBtf");
  Export<BpfObjectPrograms>(env, exports, "bpfObjectPrograms");
  Export<BpfObjectMaps>(env, exports, "bpfObjectMaps");
  Export<BpfObjectSetAutoload>(env, exports, "bpfObjectSetAutoload");
  Export<BpfObjectSetMapType>(env, exports, "bpfObjectSetMapType");
  Export<BpfObjectSetMaxEntries>(env, exports, "bpfObjectSetMaxEntries");
  Export<BpfObjectReuseMap>(env, exports, "bpfObjectReuseMap");
  Export<BpfObjectInitialValue>(env, exports, "bpfObjectInitialValue");
  Export<BpfObjectSetInitialValue>(env, exports, "bpfObjectSetInitialValue");
  Export<BpfObjectOpenProgram>(env, exports, "bpfObjectOpenProgram");
  Export<BpfObjectOpenMap>(env, exports, "bpfObjectOpenMap");
  Export<BpfObjectClose>(env, exports, "bpfObjectClose");
}

}  // namespace perfring::binding
