#include "system/user_ring.h"

#include <linux/bpf.h>

#include <array>
#include <cerrno>
#include <vector>

#include "check.h"
#include "system/host.h"

namespace perfring::test {
namespace {

using system::BpfMap;
using system::UserRing;

system::OrErrno<BpfMap> Create(uint32_t type, uint32_t key_size, uint32_t bytes) {
  return BpfMap::Create(
      {.type = type, .key_size = key_size, .value_size = key_size, .max_entries = bytes, .flags = 0, .name = "native"});
}

const Test writes("UserRing takes as many records as fit, and notices another writer", [] {
  auto map = Create(BPF_MAP_TYPE_USER_RINGBUF, 0, static_cast<uint32_t>(system::PageSize()));
  if (map.error() == -EPERM) {
    Skip("CAP_BPF");
    return;
  }
  auto mapping = UserRing::Map(map.value());
  CHECK(mapping.ok());
  UserRing& ring = mapping.value();
  const std::vector<std::byte> bytes(ring.capacity());
  const std::span<const std::byte> all(bytes);
  CHECK_EQ(ring.Write(all), -E2BIG);
  CHECK_EQ(ring.Write(all.first(ring.capacity() - 7)), -E2BIG);
  CHECK_EQ(ring.Write(all.first(9)), 0);
  CHECK_EQ(ring.Unread(), 24u);
  CHECK_EQ(ring.Write(all.first(ring.capacity() - 8)), -ENOSPC);
  CHECK_EQ(ring.Write(all.first(ring.capacity() - 24 - 8)), 0);
  CHECK_EQ(ring.Unread(), ring.capacity());
  CHECK_EQ(ring.Write({}), -ENOSPC);
  auto other = UserRing::Map(map.value());
  CHECK(other.ok());
  CHECK_EQ(other.value().Unread(), ring.capacity());
  CHECK_EQ(other.value().Write({}), -ENOSPC);
});

const Test other_writer("UserRing writes nothing where another writer has moved producer_pos", [] {
  auto map = Create(BPF_MAP_TYPE_USER_RINGBUF, 0, static_cast<uint32_t>(system::PageSize()));
  if (map.error() == -EPERM) {
    Skip("CAP_BPF");
    return;
  }
  auto first = UserRing::Map(map.value());
  auto second = UserRing::Map(map.value());
  CHECK(first.ok());
  CHECK(second.ok());
  const std::array<std::byte, 8> payload{};
  CHECK_EQ(first.value().Write(payload), 0);
  CHECK_EQ(second.value().Write(payload), -ESTALE);
  CHECK_EQ(second.value().Write(payload), 0);
  CHECK_EQ(second.value().Unread(), 32u);
  CHECK_EQ(first.value().Write(payload), -ESTALE);
});

const Test other_maps("UserRing maps no map of another type", [] {
  auto map = Create(BPF_MAP_TYPE_ARRAY, 4, 4);
  if (map.error() == -EPERM) {
    Skip("CAP_BPF");
    return;
  }
  CHECK_EQ(UserRing::Map(map.value()).error(), -EINVAL);
});

}  // namespace
}  // namespace perfring::test
