#include "system/perf_event.h"

#include <linux/perf_event.h>

#include <array>
#include <cstring>
#include <vector>

#include "check.h"
#include "own_event.h"
#include "system/host.h"
#include "system/mapped_ring.h"

namespace perfring::test {
namespace {

using system::MappedRing;
using system::PerfEvent;

const Test attributes("PerfEvent takes an attribute only as long as it says", [] {
  std::array<std::byte, 8192> bytes{};
  const auto with_size = [&bytes](uint32_t size, size_t length) {
    std::memcpy(bytes.data() + offsetof(perf_event_attr, size), &size, sizeof(size));
    return PerfEvent::HoldsAttribute(std::span(bytes).first(length));
  };
  CHECK(with_size(112, 112));
  CHECK(with_size(0, 64));
  CHECK(!with_size(0, 63));
  CHECK(!with_size(112, 111));
  CHECK(!with_size(64, 4097));
  CHECK(!with_size(UINT32_MAX, 4096));
  CHECK_EQ(PerfEvent::Open(std::span(bytes).first(63), 0, -1, -1, 0).error(), -EINVAL);
});

const Test counters("PerfEvent reads its counters", [] {
  auto event = OpenOwnEvent();
  if (!event.ok()) {
    Skip("perf_event_open of this thread");
    return;
  }
  std::array<uint64_t, 4> words{};
  auto count = event.value().Read(words);
  CHECK(count.ok());
  CHECK_EQ(count.value(), size_t{1});
  CHECK_EQ(event.value().Read(std::span(words).first(0)).error(), -ENOSPC);
  CHECK_EQ(event.value().SetEnabled(false), 0);
  CHECK_EQ(event.value().SetEnabled(true), 0);
  CHECK_EQ(event.value().Reset(), 0);
  auto id = event.value().Id();
  CHECK(id.ok());
  CHECK(id.value() > 0);
  CHECK_EQ(event.value().SetOutput(nullptr), 0);
  CHECK_EQ(event.value().SetProgram(-1), -EBADF);
});

const Test reads("MappedRing counts, copies and gives back what the kernel wrote, over the wrap", [] {
  auto event = OpenOwnEvent();
  if (!event.ok()) {
    Skip("perf_event_open of this thread");
    return;
  }
  auto ring = MappedRing::Map(event.value(), 1, true);
  CHECK(ring.ok());
  const MappedRing mapped = std::move(ring.value());
  const size_t page = system::PageSize();
  CHECK_EQ(mapped.capacity(), page);
  CHECK_EQ(mapped.mapping().length(), 2 * page);
  // 5 records at a time do not divide a page: some of them wrap.
  for (size_t round = 0; round < 200; ++round) {
    for (int record = 0; record < 5; ++record) {
      WriteRecord();
    }
    CHECK_EQ(mapped.Available(), 5 * kCommRecordBytes);
    std::vector<std::byte> target(2 * page);
    CHECK_EQ(mapped.CopyPublished(target), 5 * kCommRecordBytes);
    for (size_t record = 0; record < 5; ++record) {
      perf_event_header header{};
      const size_t at = page + (mapped.ReadOffset() + record * kCommRecordBytes) % page;
      std::memcpy(&header, target.data() + at, sizeof(header));
      CHECK_EQ(header.type, uint32_t{PERF_RECORD_COMM});
      CHECK_EQ(header.size, kCommRecordBytes);
    }
    mapped.cursor().ReleaseTail(mapped.cursor().OwnTail() + kCommRecordBytes);
    CHECK_EQ(mapped.SkipToHead(), 4 * kCommRecordBytes);
  }
});

const Test paused("MappedRing stays empty while its event is paused", [] {
  auto event = OpenOwnEvent();
  if (!event.ok()) {
    Skip("perf_event_open of this thread");
    return;
  }
  auto ring = MappedRing::Map(event.value(), 1, true);
  CHECK(ring.ok());
  CHECK_EQ(event.value().SetOutputPaused(true), 0);
  WriteRecord();
  CHECK_EQ(ring.value().Available(), 0u);
});

const Test snapshots("MappedRing snapshots the newest records first, and can give nothing back", [] {
  auto event = OpenOwnEvent(true);
  if (!event.ok()) {
    Skip("perf_event_open of this thread");
    return;
  }
  auto ring = MappedRing::Map(event.value(), 1, false);
  CHECK(ring.ok());
  const size_t page = system::PageSize();
  for (size_t record = 0; record < 3 * page / kCommRecordBytes; ++record) {
    WriteRecord();
  }
  std::vector<std::byte> target(page);
  uint64_t head = 0;
  CHECK_EQ(ring.value().Snapshot(target, head), 0u);
  // The kernel writes backward from 0.
  CHECK_EQ(-head, 3 * page / kCommRecordBytes * kCommRecordBytes);
  for (size_t at = 0; at + kCommRecordBytes <= page; at += kCommRecordBytes) {
    perf_event_header header{};
    std::memcpy(&header, target.data() + at, sizeof(header));
    CHECK_EQ(header.size, kCommRecordBytes);
  }
  CHECK(!ring.value().writable());
});

const Test impossible("MappedRing answers the errno of a size that can't be mapped", [] {
  auto event = OpenOwnEvent();
  if (!event.ok()) {
    Skip("perf_event_open of this thread");
    return;
  }
  CHECK_EQ(MappedRing::Map(event.value(), 3, true).error(), -EINVAL);
  CHECK(!MappedRing::Map(event.value(), size_t{1} << 40, true).ok());
});

}  // namespace
}  // namespace perfring::test
