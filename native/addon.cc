#include "binding/bpf.h"
#include "binding/cursor.h"
#include "binding/environment.h"
#include "binding/host.h"
#include "binding/mapped_ring.h"
#include "binding/perf_event.h"
#include "binding/poller.h"
#include "napi.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  if (!perfring::binding::Environment::Attach(env)) {
    return exports;
  }
  perfring::binding::ExportPerfEvent(env, exports);
  perfring::binding::ExportMappedRing(env, exports);
  perfring::binding::ExportCursor(env, exports);
  perfring::binding::ExportPoller(env, exports);
  perfring::binding::ExportBpfMap(env, exports);
  perfring::binding::ExportBpfProgram(env, exports);
  perfring::binding::ExportBpfLink(env, exports);
  perfring::binding::ExportHost(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(perfring, Init)
