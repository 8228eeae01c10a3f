#ifndef PERFRING_BINDING_MAPPED_RING_H_
#define PERFRING_BINDING_MAPPED_RING_H_

#include "binding/ring_memory.h"
#include "napi.h"
#include "system/mapped_ring.h"

namespace perfring::binding {

struct OpenRing : OpenMapping<system::MappedRing> {
  static constexpr napi_type_tag kTypeTag = {0xe27c6d05a9184fb3, 0x93b1f82d4c60e7a5};
  using OpenMapping::OpenMapping;
};

void ExportMappedRing(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_MAPPED_RING_H_
