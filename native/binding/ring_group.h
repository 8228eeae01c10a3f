#ifndef PERFRING_BINDING_RING_GROUP_H_
#define PERFRING_BINDING_RING_GROUP_H_

#include "napi.h"

namespace perfring::binding {

void ExportRingGroup(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_RING_GROUP_H_
