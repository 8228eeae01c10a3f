#include "binding/bpf.h"
#include "binding/bpf_object.h"
#include "binding/bpf_ring.h"
#include "binding/cursor.h"
#include "binding/environment.h"
#include "binding/host.h"
#include "binding/mapped_ring.h"
#include "binding/perf_event.h"
#include "binding/poller.h"
#include "binding/ring_group.h"
#include "binding/sample_query.h"
#include "binding/user_ring.h"
#include "node_api.h"

// NODE_API_MODULE() of node-addon-api is not used: its wrappers turn a failure into a JavaScript exception. See
// Export().
NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
  if (!perfring::binding::Environment::Attach(env)) {
    return exports;
  }
  perfring::binding::ExportPerfEvent(env, exports);
  perfring::binding::ExportMappedRing(env, exports);
  perfring::binding::ExportRingGroup(env, exports);
  perfring::binding::ExportCursor(env, exports);
  perfring::binding::ExportPoller(env, exports);
  perfring::binding::ExportSampleQuery(env, exports);
  perfring::binding::ExportBpfMap(env, exports);
  perfring::binding::ExportBpfProgram(env, exports);
  perfring::binding::ExportBpfLink(env, exports);
  perfring::binding::ExportBpfIds(env, exports);
  perfring::binding::ExportBpfObject(env, exports);
  perfring::binding::ExportBpfObjectLoad(env, exports);
  perfring::binding::ExportBpfObjectLink(env, exports);
  perfring::binding::ExportBpfRing(env, exports);
  perfring::binding::ExportUserRing(env, exports);
  perfring::binding::ExportHost(env, exports);
  return exports;
}
