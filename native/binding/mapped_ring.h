#ifndef PERFRING_BINDING_MAPPED_RING_H_
#define PERFRING_BINDING_MAPPED_RING_H_

#include <memory>
#include <utility>
#include <vector>

#include "binding/ring_memory.h"
#include "napi.h"
#include "system/mapped_ring.h"
#include "system/ring_group.h"

namespace perfring::binding {

class OpenRing : public OpenMapping<system::MappedRing> {
 public:
  static constexpr napi_type_tag kTypeTag = {0xe27c6d05a9184fb3, 0x93b1f82d4c60e7a5};
  using OpenMapping::OpenMapping;
  // Leaves its groups before the memory is unmapped.
  ~OpenRing();
  OpenRing(const OpenRing&) = delete;
  OpenRing& operator=(const OpenRing&) = delete;

  // The ring is the index-th of the group.
  void Join(const std::shared_ptr<system::RingGroup>& group, size_t index);

 private:
  std::vector<std::pair<std::weak_ptr<system::RingGroup>, size_t>> groups_;
};

void ExportMappedRing(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_MAPPED_RING_H_
