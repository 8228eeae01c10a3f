#include "system/bpf_ring.h"

#include <linux/bpf.h>

#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "check.h"
#include "system/host.h"

namespace perfring::test {
namespace {

using system::BpfMap;
using system::BpfProgram;
using system::BpfRing;
using system::BpfRingCursor;
using End = system::CommittedRecords::End;

constexpr size_t kCapacity = 256;

// A ring in memory.
struct Memory {
  alignas(8) std::array<std::byte, 8> consumer{};
  alignas(8) std::array<std::byte, 8> producer{};
  alignas(8) std::array<std::byte, 2 * kCapacity> data{};
  BpfRingCursor cursor{consumer.data(), producer.data(), data.data(), kCapacity};

  // Writes it to both images of the data area, which in a mapping are the same memory.
  void Header(size_t offset, uint32_t header) {
    std::memcpy(data.data() + offset, &header, sizeof(header));
    std::memcpy(data.data() + kCapacity + offset, &header, sizeof(header));
  }
};

const Test record_bytes("BpfRingCursor rounds a record up to 8 bytes, header included", [] {
  CHECK_EQ(BpfRingCursor::RecordBytes(0), 8u);
  CHECK_EQ(BpfRingCursor::RecordBytes(1), 16u);
  CHECK_EQ(BpfRingCursor::RecordBytes(8), 16u);
  CHECK_EQ(BpfRingCursor::RecordBytes(9 | BPF_RINGBUF_DISCARD_BIT), 24u);
  CHECK_EQ(BpfRingCursor::RecordBytes(0x3fffffff), 0x40000008u);
});

const Test committed("BpfRingCursor finds how far records are committed, round the end of the data", [] {
  Memory ring;
  ring.Header(240, 16);
  ring.Header(8, 16);
  ring.Header(32, 40 | BPF_RINGBUF_DISCARD_BIT);
  ring.Header(80, 8 | BPF_RINGBUF_BUSY_BIT);
  const uint64_t begin = (uint64_t{1} << 32) - 16;
  auto found = ring.cursor.Committed(begin, 112, 256);
  CHECK_EQ(found.bytes, 96u);
  CHECK(found.end == End::kBusy);
  found = ring.cursor.Committed(begin + 96, 16, 256);
  CHECK_EQ(found.bytes, 0u);
  CHECK(found.end == End::kBusy);
  // The last record may end after the limit.
  found = ring.cursor.Committed(begin, 112, 25);
  CHECK_EQ(found.bytes, 48u);
  CHECK(found.end == End::kLimit);
  found = ring.cursor.Committed(begin, 0, 256);
  CHECK_EQ(found.bytes, 0u);
  CHECK(found.end == End::kLimit);
});

const Test corrupt("BpfRingCursor stops at a record that would end past what is published", [] {
  Memory ring;
  ring.Header(0, 16);
  ring.Header(24, 17);
  auto found = ring.cursor.Committed(0, 48, 256);
  CHECK_EQ(found.bytes, 24u);
  CHECK(found.end == End::kCorrupt);
  ring.Header(24, 16);
  // The loop for equal headers stops there, too.
  found = ring.cursor.Committed(0, 40, 256);
  CHECK_EQ(found.bytes, 24u);
  CHECK(found.end == End::kCorrupt);
  ring.Header(0, 0x3fffffff);
  CHECK_EQ(ring.cursor.Committed(0, 256, 256).bytes, 0u);
});

// Records of random bytes, and positions that the headers do not fit. AddressSanitizer sees each read past `data`.
const Test hostile("BpfRingCursor reads no header outside the data area, whatever it holds", [] {
  std::mt19937_64 random(13);
  for (int round = 0; round < 200'000; ++round) {
    // On the heap, and without the bytes after the data area that `Memory` may have.
    const auto data = std::make_unique<uint64_t[]>(2 * kCapacity / 8);
    const uint64_t kinds = random();
    for (size_t word = 0; word < kCapacity / 8; ++word) {
      uint64_t value = random();
      if ((kinds & 3) == 0) value &= 0x7f;
      if ((kinds & 3) == 1) value &= 0x400000ff;
      if ((kinds & 3) == 2) value = 16;
      data[word] = data[word + kCapacity / 8] = value;
    }
    std::array<uint64_t, 2> positions{};
    const BpfRingCursor cursor(reinterpret_cast<std::byte*>(&positions[0]), reinterpret_cast<std::byte*>(&positions[1]),
                               reinterpret_cast<std::byte*>(data.get()), kCapacity);
    const uint64_t published = random() % (kCapacity / 8 + 1) * 8;
    const uint64_t limit = random() % (2 * kCapacity);
    const auto found = cursor.Committed(random() / 8 * 8, published, limit);
    CHECK(found.bytes <= published);
    CHECK_EQ(found.bytes % 8, 0u);
  }
});

const Test positions("BpfRingCursor moves consumer_pos", [] {
  Memory ring;
  ring.cursor.StoreConsumer(24);
  CHECK_EQ(ring.cursor.OwnConsumer(), 24u);
  CHECK(!ring.cursor.MoveConsumer(16, 40));
  CHECK_EQ(ring.cursor.OwnConsumer(), 24u);
  CHECK(ring.cursor.MoveConsumer(24, 40));
  CHECK_EQ(ring.cursor.OwnConsumer(), 40u);
  CHECK_EQ(ring.cursor.AcquireProducer(), 0u);
});

system::OrErrno<BpfMap> Create(uint32_t type, uint32_t key_size, uint32_t bytes) {
  return BpfMap::Create(
      {.type = type, .key_size = key_size, .value_size = key_size, .max_entries = bytes, .flags = 0, .name = "native"});
}

// r1 = map; r2 = the packet's first bytes, copied to the stack; bpf_ringbuf_output(map, stack, 12, 0)
system::OrErrno<BpfProgram> Producer(const BpfMap& map) {
  const std::vector<bpf_insn> program = {
      {BPF_ST | BPF_MEM | BPF_DW, 10, 0, -16, 7},
      {BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 9},
      {BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map.fd()},
      {0, 0, 0, 0, 0},
      {BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0},
      {BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -16},
      {BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 12},
      {BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0},
      {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output},
      {BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  return BpfProgram::Load(BPF_PROG_TYPE_SCHED_CLS, std::as_bytes(std::span(program)), "GPL", "native", {});
}

const Test mapped("BpfRing reads what a program wrote, and gives it back", [] {
  auto map = Create(BPF_MAP_TYPE_RINGBUF, 0, static_cast<uint32_t>(system::PageSize()));
  if (map.error() == -EPERM) {
    Skip("CAP_BPF");
    return;
  }
  auto mapping = BpfRing::Map(map.value());
  CHECK(mapping.ok());
  const BpfRing& ring = mapping.value();
  CHECK_EQ(ring.capacity(), system::PageSize());
  CHECK_EQ(ring.mapping().length(), 3 * system::PageSize());
  auto program = Producer(map.value());
  CHECK(program.ok());
  const std::array<std::byte, 14> packet{};
  // In parts, more than the capacity: positions pass the end of the data area, and one record wraps.
  for (uint64_t part = 0; part < 5; ++part) {
    CHECK(program.value().TestRun({.data_in = packet, .context_in = {}, .repeat = 100, .flags = 0, .cpu = 0}).ok());
    CHECK_EQ(ring.Available(), 2400u);
    const auto consumer = static_cast<uint32_t>(ring.Consumer());
    CHECK_EQ(ring.Committed(consumer, 0, 1 << 20).bytes, 2400u);
    CHECK_EQ(ring.Committed(consumer, 2400, 1 << 20).bytes, 0u);
    CHECK(ring.Committed(consumer, 2408, 1 << 20).end == End::kCorrupt);
    CHECK(ring.Committed(consumer, 4, 1 << 20).end == End::kCorrupt);
    CHECK(ring.Committed(consumer + 8, 0, 1 << 20).end == End::kMoved);
    std::vector<std::byte> copy(ring.mapping().length());
    ring.Copy(0, 2400, copy);
    const size_t last = system::PageSize() + (ring.Consumer() & (ring.capacity() - 1)) + 99 * 24 + 8;
    CHECK(copy[last] == std::byte{7});
    CHECK(copy[last + 8] == std::byte{9});
    CHECK(!ring.Consume(consumer, 2408));
    CHECK(!ring.Consume(consumer + 8, 2400));
    CHECK(ring.Consume(consumer, 2400));
  }
  CHECK(program.value().TestRun({.data_in = packet, .context_in = {}, .repeat = 3, .flags = 0, .cpu = 0}).ok());
  CHECK_EQ(ring.SkipToProducer(), 72u);
  CHECK_EQ(ring.Available(), 0u);
});

const Test other_maps("BpfRing maps no map of another type", [] {
  auto map = Create(BPF_MAP_TYPE_ARRAY, 4, 4);
  if (map.error() == -EPERM) {
    Skip("CAP_BPF");
    return;
  }
  CHECK_EQ(BpfRing::Map(map.value()).error(), -EINVAL);
});

}  // namespace
}  // namespace perfring::test
