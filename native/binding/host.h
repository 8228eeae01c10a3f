#ifndef PERFRING_BINDING_HOST_H_
#define PERFRING_BINDING_HOST_H_

#include "napi.h"

namespace perfring::binding {

void ExportHost(Napi::Env env, Napi::Object exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_HOST_H_
