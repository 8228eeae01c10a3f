#ifndef PERFRING_TEST_NATIVE_OWN_EVENT_H_
#define PERFRING_TEST_NATIVE_OWN_EVENT_H_

#include <linux/perf_event.h>
#include <sys/prctl.h>

#include <cstring>
#include <span>

#include "system/perf_event.h"

namespace perfring::test {

// An event of this thread that needs no privilege. It writes a record when the thread is renamed.
inline system::OrErrno<system::PerfEvent> OpenOwnEvent(bool overwrite = false) {
  perf_event_attr attr;
  std::memset(&attr, 0, sizeof(attr));
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.size = sizeof(attr);
  attr.comm = 1;
  attr.exclude_kernel = 1;
  attr.exclude_hv = 1;
  attr.watermark = 1;
  attr.wakeup_watermark = 1;
  attr.write_backward = overwrite ? 1 : 0;
  return system::PerfEvent::Open(std::as_bytes(std::span(&attr, 1)), 0, -1, -1, 0);
}

// Writes one PERF_RECORD_COMM of kCommRecordBytes.
inline void WriteRecord() { ::prctl(PR_SET_NAME, "perfring", 0, 0, 0); }

// Header, pid, tid, and the name with its NUL, padded to 8 bytes.
inline constexpr size_t kCommRecordBytes = 8 + 8 + 16;

}  // namespace perfring::test

#endif  // PERFRING_TEST_NATIVE_OWN_EVENT_H_
