#include "system/ring_cursor.h"

#include <linux/perf_event.h>

#include <memory>

#include "check.h"

namespace perfring::test {
namespace {

using system::RingCursor;

const Test cursors("RingCursor moves data_head and data_tail of the metadata page", [] {
  const auto page = std::make_unique<perf_event_mmap_page>();
  const RingCursor cursor(page.get());
  cursor.ReleaseHead(64);
  cursor.ReleaseTail(24);
  CHECK_EQ(page->data_head, 64u);
  CHECK_EQ(page->data_tail, 24u);
  CHECK_EQ(cursor.AcquireHead() - cursor.OwnTail(), 40u);
  CHECK_EQ(cursor.OwnHead() - cursor.AcquireTail(), 40u);
  CHECK_EQ(cursor.HeadAfterReads(), 64u);
});

const Test wraps("RingCursor differences are right where the counters wrap", [] {
  const auto page = std::make_unique<perf_event_mmap_page>();
  const RingCursor cursor(page.get());
  cursor.ReleaseHead(8);
  cursor.ReleaseTail(UINT64_MAX - 7);
  CHECK_EQ(cursor.AcquireHead() - cursor.OwnTail(), 16u);
});

}  // namespace
}  // namespace perfring::test
