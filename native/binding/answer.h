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
// Null when that fails.
napi_value ArrayValue(napi_env env, std::span<const int> numbers);

// Drops the exception of JavaScript that a call into it left, so that it does not surface in the caller.
void ClearPendingException(napi_env env);

// Adds a function to the addon's exports.
template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
void Export(Napi::Env env, Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<Function>(env, name));
}

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_ANSWER_H_
