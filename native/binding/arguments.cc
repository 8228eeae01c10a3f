#include "binding/arguments.h"

#include <cmath>
#include <limits>

#include "binding/result.h"

namespace perfring::binding {

namespace {

size_t ElementBytes(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      // A kind of typed array that is newer than this version of Node-API.
      return 0;
  }
}

}  // namespace

napi_valuetype Arguments::TypeOf(size_t index) const {
  napi_valuetype type = napi_undefined;
  napi_typeof(info_.Env(), info_[index], &type);
  return type;
}

std::optional<bool> Arguments::Boolean(size_t index) const {
  bool value = false;
  if (napi_get_value_bool(info_.Env(), info_[index], &value) != napi_ok) {
    return std::nullopt;
  }
  return value;
}

bool Arguments::IsNull(size_t index) const { return TypeOf(index) == napi_null; }

bool Arguments::IsFunction(size_t index) const { return TypeOf(index) == napi_function; }

std::optional<int64_t> Arguments::Integer(size_t index, int64_t minimum, int64_t maximum) const {
  double value = 0;
  // napi_get_value_double() fails for anything but a number: it converts nothing.
  if (napi_get_value_double(info_.Env(), info_[index], &value) != napi_ok ||
      !(value >= static_cast<double>(minimum) && value <= static_cast<double>(maximum)) ||
      std::trunc(value) != value) {
    return std::nullopt;
  }
  return static_cast<int64_t>(value);
}

std::optional<int32_t> Arguments::Int32(size_t index) const {
  using Limits = std::numeric_limits<int32_t>;
  const std::optional<int64_t> value = Integer(index, Limits::min(), Limits::max());
  return value ? std::optional(static_cast<int32_t>(*value)) : std::nullopt;
}

std::optional<uint32_t> Arguments::Uint32(size_t index) const {
  const std::optional<int64_t> value = Integer(index, 0, std::numeric_limits<uint32_t>::max());
  return value ? std::optional(static_cast<uint32_t>(*value)) : std::nullopt;
}

std::optional<std::string> Arguments::String(size_t index, size_t maximum_bytes) const {
  const napi_env env = info_.Env();
  size_t length = 0;
  if (napi_get_value_string_utf8(env, info_[index], nullptr, 0, &length) != napi_ok || length > maximum_bytes) {
    return std::nullopt;
  }
  // Node-API writes a NUL after the text.
  std::string text(length + 1, '\0');
  if (napi_get_value_string_utf8(env, info_[index], text.data(), text.size(), &length) != napi_ok) {
    return std::nullopt;
  }
  text.resize(length);
  return text.find('\0') == std::string::npos ? std::optional(std::move(text)) : std::nullopt;
}

bool Arguments::EachElement(size_t index, size_t maximum_length, const std::function<bool(napi_value)>& take) const {
  const napi_env env = info_.Env();
  bool is_array = false;
  uint32_t length = 0;
  if (napi_is_array(env, info_[index], &is_array) != napi_ok || !is_array ||
      napi_get_array_length(env, info_[index], &length) != napi_ok || length > maximum_length) {
    return false;
  }
  for (uint32_t i = 0; i < length; ++i) {
    const Napi::HandleScope scope(info_.Env());
    napi_value element = nullptr;
    if (napi_get_element(env, info_[index], i, &element) != napi_ok) {
      ClearPendingException(env);
      return false;
    }
    if (!take(element)) {
      return false;
    }
  }
  return true;
}

std::optional<std::vector<int>> Arguments::Integers(size_t index, int minimum, int maximum) const {
  std::vector<int> values;
  // A list with more elements than there are integers in the range contains duplicates: refuse it before it is read.
  const auto maximum_length = static_cast<size_t>(static_cast<int64_t>(maximum) - minimum + 1);
  const bool is_complete = EachElement(index, maximum_length, [&](napi_value element) {
    double value = 0;
    if (napi_get_value_double(info_.Env(), element, &value) != napi_ok || !(value >= minimum && value <= maximum) ||
        std::trunc(value) != value) {
      return false;
    }
    values.push_back(static_cast<int>(value));
    return true;
  });
  return is_complete ? std::optional(std::move(values)) : std::nullopt;
}

bool Arguments::IsDetached(napi_value array_buffer) const {
  bool detached = false;
  // false for a SharedArrayBuffer, which can't be detached.
  return napi_is_detached_arraybuffer(info_.Env(), array_buffer, &detached) == napi_ok && detached;
}

std::optional<Arguments::TypedArray> Arguments::TypedArrayAt(size_t index) const {
  const napi_env env = info_.Env();
  bool is_typed_array = false;
  if (napi_is_typedarray(env, info_[index], &is_typed_array) != napi_ok || !is_typed_array) {
    return std::nullopt;
  }
  // The type has an initial value because napi_get_typedarray_info() does not set it for kinds of typed array that are
  // newer than this version of Node-API.
  TypedArray array{napi_int8_array, 0, nullptr, nullptr};
  if (napi_get_typedarray_info(env, info_[index], &array.type, &array.length, &array.data, &array.array_buffer,
                               nullptr) != napi_ok ||
      (array.length == 0 && IsDetached(array.array_buffer))) {
    return std::nullopt;
  }
  return array;
}

std::optional<std::span<std::byte>> Arguments::Bytes(size_t index) const {
  const std::optional<TypedArray> array = TypedArrayAt(index);
  if (!array || array->type != napi_uint8_array) {
    return std::nullopt;
  }
  return std::span(static_cast<std::byte*>(array->data), array->length);
}

std::optional<std::span<std::byte>> Arguments::ViewBytes(size_t index) const {
  const napi_env env = info_.Env();
  bool is_data_view = false;
  if (napi_is_dataview(env, info_[index], &is_data_view) != napi_ok || !is_data_view) {
    return Bytes(index);
  }
  size_t length = 0;
  void* data = nullptr;
  napi_value array_buffer = nullptr;
  if (napi_get_dataview_info(env, info_[index], &length, &data, &array_buffer, nullptr) != napi_ok ||
      IsDetached(array_buffer)) {
    return std::nullopt;
  }
  return std::span(static_cast<std::byte*>(data), length);
}

std::optional<std::span<uint64_t>> Arguments::Words(size_t index) const {
  const std::optional<TypedArray> array = TypedArrayAt(index);
  if (!array || array->type != napi_biguint64_array) {
    return std::nullopt;
  }
  return std::span(static_cast<uint64_t*>(array->data), array->length);
}

std::optional<std::span<int32_t>> Arguments::Int32s(size_t index) const {
  const std::optional<TypedArray> array = TypedArrayAt(index);
  if (!array || array->type != napi_int32_array) {
    return std::nullopt;
  }
  return std::span(static_cast<int32_t*>(array->data), array->length);
}

std::optional<std::span<int32_t>> Arguments::SharedInt32s(size_t index) const {
  const std::optional<TypedArray> array = TypedArrayAt(index);
  bool is_unshared = true;
  if (!array || array->type != napi_int32_array ||
      napi_is_arraybuffer(info_.Env(), array->array_buffer, &is_unshared) != napi_ok || is_unshared) {
    return std::nullopt;
  }
  return std::span(static_cast<int32_t*>(array->data), array->length);
}

std::optional<std::span<std::byte>> Arguments::ArrayBytes(size_t index) const {
  const std::optional<TypedArray> array = TypedArrayAt(index);
  if (!array) {
    return std::nullopt;
  }
  return std::span(static_cast<std::byte*>(array->data), array->length * ElementBytes(array->type));
}

}  // namespace perfring::binding
