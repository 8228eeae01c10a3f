#include "binding/result.h"

#include <cerrno>
#include <cstring>
#include <vector>

namespace perfring::binding {

napi_value NumberValue(napi_env env, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}

napi_value StringValue(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

napi_value ObjectValue(napi_env env, std::initializer_list<std::pair<const char*, napi_value>> properties) {
  std::vector<napi_property_descriptor> descriptors;
  descriptors.reserve(properties.size());
  for (const auto& [name, value] : properties) {
    napi_property_descriptor descriptor{};
    descriptor.utf8name = name;
    descriptor.value = value;
    descriptor.attributes = napi_default_jsproperty;
    descriptors.push_back(descriptor);
  }
  napi_value object = nullptr;
  if (napi_create_object(env, &object) != napi_ok ||
      napi_define_properties(env, object, descriptors.size(), descriptors.data()) != napi_ok) {
    ClearPendingException(env);
    return nullptr;
  }
  return object;
}

napi_value BooleanValue(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value BytesValue(napi_env env, std::span<const std::byte> bytes) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  if (napi_create_arraybuffer(env, bytes.size(), &data, &buffer) != napi_ok) {
    ClearPendingException(env);
    return nullptr;
  }
  if (!bytes.empty()) {
    std::memcpy(data, bytes.data(), bytes.size());
  }
  return napi_create_typedarray(env, napi_uint8_array, bytes.size(), buffer, 0, &array) == napi_ok ? array : nullptr;
}

napi_value ArrayValue(napi_env env, std::span<const int> numbers) {
  std::vector<napi_value> elements;
  elements.reserve(numbers.size());
  for (const int number : numbers) {
    elements.push_back(NumberValue(env, number));
  }
  return ArrayValue(env, elements);
}

napi_value ArrayValue(napi_env env, std::span<const napi_value> elements) {
  napi_value array = nullptr;
  napi_create_array_with_length(env, elements.size(), &array);
  for (uint32_t i = 0; i < elements.size(); ++i) {
    // napi_set_element() can run a setter on Array.prototype, which may throw.
    if (napi_set_element(env, array, i, elements[i]) != napi_ok) {
      ClearPendingException(env);
      return nullptr;
    }
  }
  return array;
}

Napi::Value Result(const Napi::CallbackInfo& info, double number) {
  return {info.Env(), NumberValue(info.Env(), number)};
}

Napi::Value ResultObject(const Napi::CallbackInfo& info, napi_value object) {
  return object == nullptr ? Result(info, -ENOMEM) : Napi::Value(info.Env(), object);
}

void DefineFunction(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_property_descriptor descriptor{};
  descriptor.utf8name = name;
  descriptor.attributes = napi_default_jsproperty;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &descriptor.value) == napi_ok) {
    napi_define_properties(env, exports, 1, &descriptor);
  }
}

void ClearPendingException(napi_env env) {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) {
    napi_value ignored = nullptr;
    napi_get_and_clear_last_exception(env, &ignored);
  }
}

}  // namespace perfring::binding
