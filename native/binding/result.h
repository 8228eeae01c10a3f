#ifndef PERFRING_BINDING_RESULT_H_
#define PERFRING_BINDING_RESULT_H_

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>

#include "napi.h"

namespace perfring::binding {

// BAD_ARGUMENT in lib/addon/contract.ts. Lower than every negative errno, so the two can't be confused.
inline constexpr int kBadArgument = -100'000;

// What a native function returns to JavaScript. These functions never throw. While the environment is shutting down,
// JavaScript gets undefined.
Napi::Value Result(const Napi::CallbackInfo& info, double number);
inline Napi::Value BadArgument(const Napi::CallbackInfo& info) { return Result(info, kBadArgument); }
// Returns `object`, or -ENOMEM where it is null because it could not be created.
Napi::Value ResultObject(const Napi::CallbackInfo& info, napi_value object);

napi_value NumberValue(napi_env env, double number);
napi_value StringValue(napi_env env, const std::string& text);
napi_value BooleanValue(napi_env env, bool value);
// A Uint8Array with a copy of the bytes. Null on failure.
napi_value BytesValue(napi_env env, std::span<const std::byte> bytes);
// An object with these properties. They are defined and not assigned, so no setter of a prototype runs. Null on
// failure.
napi_value ObjectValue(napi_env env, std::initializer_list<std::pair<const char*, napi_value>> properties);
// Null on failure.
napi_value ArrayValue(napi_env env, std::span<const int> numbers);
napi_value ArrayValue(napi_env env, std::span<const napi_value> elements);

// Clears the JavaScript exception that a call into JavaScript left, so that the caller does not see it.
void ClearPendingException(napi_env env);

// Adds a function to the addon's exports. Does nothing while the environment is shutting down.
void DefineFunction(napi_env env, napi_value exports, const char* name, napi_callback callback);

// A native function as Node-API calls it.
template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
napi_value Call(napi_env env, napi_callback_info info) {
  return Function(Napi::CallbackInfo(env, info));
}

// Adds Function to the addon's exports. Napi::Function::New() and Napi::Object::Set() are not used: they turn a failure
// into a JavaScript exception. When a worker is terminated while it loads the addon, that exception can't be thrown and
// the process aborts.
template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
void Export(napi_env env, napi_value exports, const char* name) {
  DefineFunction(env, exports, name, Call<Function>);
}

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_RESULT_H_
