#ifndef PERFRING_BINDING_ARGUMENTS_H_
#define PERFRING_BINDING_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "binding/handle.h"
#include "napi.h"

namespace perfring::binding {

// Number.MAX_SAFE_INTEGER.
inline constexpr int64_t kMaxInteger = (int64_t{1} << 53) - 1;

// The arguments of a call. Each method checks one argument and returns nullopt (or null) when it is missing or has the
// wrong type, range or state. Nothing here throws. Only Integers() and OpenList() can run JavaScript
// (getters of an array).
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  std::optional<bool> Boolean(size_t index) const;
  bool IsNull(size_t index) const;
  bool IsFunction(size_t index) const;
  // A number n without a fraction, minimum <= n <= maximum. Both limits are within ±2^53.
  std::optional<int64_t> Integer(size_t index, int64_t minimum, int64_t maximum) const;
  std::optional<int32_t> Int32(size_t index) const;
  std::optional<uint32_t> Uint32(size_t index) const;
  // A string without NUL, as UTF-8 of at most `maximum_bytes` bytes.
  std::optional<std::string> String(size_t index, size_t maximum_bytes) const;
  // An array of integers from `minimum` to `maximum`.
  std::optional<std::vector<int>> Integers(size_t index, int minimum, int maximum) const;

  // The bytes of a Uint8Array; for ViewBytes(), of a Uint8Array or DataView; for Words(), the elements of a
  // BigUint64Array. The spans are valid until JavaScript runs again.
  std::optional<std::span<std::byte>> Bytes(size_t index) const;
  std::optional<std::span<std::byte>> ViewBytes(size_t index) const;
  std::optional<std::span<uint64_t>> Words(size_t index) const;
  std::optional<std::span<int32_t>> Int32s(size_t index) const;
  // The elements of an Int32Array over a SharedArrayBuffer: valid as long as the array is reachable.
  std::optional<std::span<int32_t>> SharedInt32s(size_t index) const;
  // The bytes of a typed array of any kind.
  std::optional<std::span<std::byte>> ArrayBytes(size_t index) const;

  // The resource of a handle of this kind. Null for anything else, and for a closed handle.
  template <typename Resource>
  std::shared_ptr<Resource> Open(size_t index) const {
    const Handle<Resource>* const handle = Handle<Resource>::From(info_.Env(), info_[index]);
    return handle == nullptr ? nullptr : handle->resource();
  }
  // The resources of an array of handles of this kind, at most `maximum_length`. All handles were open when their
  // elements were read.
  template <typename Resource>
  std::optional<std::vector<std::shared_ptr<Resource>>> OpenList(size_t index, size_t maximum_length) const {
    std::vector<std::shared_ptr<Resource>> resources;
    const bool is_complete = EachElement(index, maximum_length, [&](napi_value element) {
      const Handle<Resource>* const handle = Handle<Resource>::From(info_.Env(), element);
      if (handle == nullptr || handle->resource() == nullptr) {
        return false;
      }
      resources.push_back(handle->resource());
      return true;
    });
    return is_complete ? std::optional(std::move(resources)) : std::nullopt;
  }

 private:
  struct TypedArray {
    napi_typedarray_type type;
    size_t length;
    void* data;
    napi_value array_buffer;
  };

  // Calls `take` with each element of an array. Returns false when the argument is not an array, has more than
  // `maximum_length` elements, or an element can't be read or is not taken.
  bool EachElement(size_t index, size_t maximum_length, const std::function<bool(napi_value)>& take) const;

  napi_valuetype TypeOf(size_t index) const;
  std::optional<TypedArray> TypedArrayAt(size_t index) const;
  bool IsDetached(napi_value array_buffer) const;

  const Napi::CallbackInfo& info_;
};

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_ARGUMENTS_H_
