#ifndef PERFRING_BINDING_HOST_H_
#define PERFRING_BINDING_HOST_H_

#include "napi.h"

namespace perfring::binding {

void ExportHost(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_HOST_H_
