#ifndef PERFRING_BINDING_SAMPLE_QUERY_H_
#define PERFRING_BINDING_SAMPLE_QUERY_H_

#include "napi.h"

namespace perfring::binding {

void ExportSampleQuery(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_SAMPLE_QUERY_H_
