#ifndef PERFRING_BINDING_CURSOR_H_
#define PERFRING_BINDING_CURSOR_H_

#include "napi.h"

namespace perfring::binding {

void ExportCursor(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_CURSOR_H_
