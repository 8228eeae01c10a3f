#ifndef PERFRING_BINDING_CURSOR_H_
#define PERFRING_BINDING_CURSOR_H_

#include "napi.h"

namespace perfring::binding {

void ExportCursor(Napi::Env env, Napi::Object exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_CURSOR_H_
