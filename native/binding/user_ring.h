#ifndef PERFRING_BINDING_USER_RING_H_
#define PERFRING_BINDING_USER_RING_H_

#include "napi.h"

namespace perfring::binding {

void ExportUserRing(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_USER_RING_H_
