#ifndef PERFRING_BINDING_ANSWER_H_
#define PERFRING_BINDING_ANSWER_H_

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>

#include "napi.h"

namespace perfring::binding {

// BAD_ARGUMENT in lib/addon/contract.ts: below every errno.
inline constexpr int kBadArgument = -100'000;

// The ways to answer a call. None throws; in an environment that is ending they answer undefined.
Napi::Value Answer(const Napi::CallbackInfo& info, double number);
inline Napi::Value BadArgument(const Napi::CallbackInfo& info) { return Answer(info, kBadArgument); }
// A handle or another object, for which null stands for the failure to make it.
Napi::Value AnswerObject(const Napi::CallbackInfo& info, napi_value object);

napi_value NumberValue(napi_env env, double number);
napi_value StringValue(napi_env env, const std::string& text);
// Own, enumerable properties: defined, not set, so that no setter of a prototype runs. Null when that fails.
napi_value ObjectValue(napi_env env, std::initializer_list<std::pair<const char*, napi_value>> properties);
napi_value BooleanValue(napi_env env, bool value);
// A Uint8Array with a copy of the bytes. Null when that fails.
napi_value BytesValue(napi_env env, std::span<const std::byte> bytes);
// Null when that fails.
napi_value ArrayValue(napi_env env, std::span<const int> numbers);
napi_value ArrayValue(napi_env env, std::span<const napi_value> elements);

// Drops the exception of JavaScript that a call into it left, so that it does not surface in the caller.
void ClearPendingException(napi_env env);

// Adds a function to the addon's exports; adds nothing in an environment that is ending, where nobody can call it.
void DefineFunction(napi_env env, napi_value exports, const char* name, napi_callback callback);

// A native function as Node-API calls it.
template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
napi_value Call(napi_env env, napi_callback_info info) {
  return Function(Napi::CallbackInfo(env, info));
}

// Not by Napi::Function::New() and Napi::Object::Set(): they answer a failure with a JavaScript exception, and where a
// worker is being terminated while it loads the addon, that exception can't be thrown and ends the process.
template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
void Export(napi_env env, napi_value exports, const char* name) {
  DefineFunction(env, exports, name, Call<Function>);
}

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_ANSWER_H_
