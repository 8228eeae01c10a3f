#include "system/host.h"

#include <unistd.h>

#include <array>

#include "check.h"
#include "system/thread_affinity.h"
#include "system/tracefs.h"

namespace perfring::test {
namespace {

const Test sizes("PageSize and PossibleCpuCount agree with sysconf", [] {
  CHECK_EQ(system::PageSize(), static_cast<size_t>(::sysconf(_SC_PAGESIZE)));
  CHECK(system::PossibleCpuCount() >= static_cast<size_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
});

const Test lists("CountCpus counts the CPUs of a list as the kernel writes it", [] {
  CHECK_EQ(system::CountCpus("0\n"), 1u);
  CHECK_EQ(system::CountCpus("0-1\n"), 2u);
  CHECK_EQ(system::CountCpus("0-3,8,10-11\n"), 7u);
  CHECK_EQ(system::CountCpus("3-3"), 1u);
  CHECK_EQ(system::CountCpus("5,7"), 2u);
  CHECK_EQ(system::CountCpus("0-8191\n"), 8192u);
});

const Test no_lists("CountCpus counts nothing in what is no such list", [] {
  for (const char* const text : {"", "\n", "x", "-1", "0-", "0-\n", "3-2", "0,", ",0", "0-1,", "0 1", "0-1x", "0\n\n", "0-3,x",
                                 "0-8192", "8192", "0-18446744073709551615", "99999999999999999999"}) {
    CHECK_EQ(system::CountCpus(text), 0u);
  }
});

const Test affinity("SetThreadAffinity moves the thread, and refuses what is no CPU", [] {
  auto before = system::GetThreadAffinity();
  CHECK(before.ok());
  const std::array<int, 1> first = {before.value().front()};
  CHECK_EQ(system::SetThreadAffinity(first), 0);
  CHECK(system::GetThreadAffinity().value() == std::vector<int>(first.begin(), first.end()));
  for (const int cpu : {-1, system::kMaxCpu + 1, system::kMaxCpu}) {
    CHECK_EQ(system::SetThreadAffinity(std::array<int, 1>{cpu}), -EINVAL);
  }
  CHECK_EQ(system::SetThreadAffinity(before.value()), 0);
});

const Test tracepoints("TracepointId finds what is there, and leaves the directory by no name", [] {
  auto id = system::TracepointId("sched", "sched_switch");
  if (id.error() == -EPERM || id.error() == -EACCES) {
    Skip("tracefs, or CAP_SYS_ADMIN to mount it");
    return;
  }
  CHECK(id.ok() && id.value() > 0);
  CHECK_EQ(system::TracepointId("sched", "no_such_tracepoint").error(), -ENOENT);
  CHECK_EQ(system::TracepointId("..", "sched_switch").error(), -EINVAL);
  CHECK_EQ(system::TracepointId("sched/..", "sched").error(), -EINVAL);
  CHECK_EQ(system::TracepointId("", "sched_switch").error(), -EINVAL);
});

}  // namespace
}  // namespace perfring::test
