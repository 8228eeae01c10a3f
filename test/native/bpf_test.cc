#include "system/bpf.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <ctime>
#include <vector>

#include "check.h"
#include "own_event.h"
#include "system/host.h"

namespace perfring::test {
namespace {

using system::BpfMap;
using system::BpfProgram;

// r0 = 7; exit
constexpr std::array<bpf_insn, 2> kReturnsSeven = {{{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 7}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}}};

system::OrErrno<BpfMap> Create(uint32_t type, uint32_t key_size, uint32_t value_size) {
  return BpfMap::Create(
      {.type = type, .key_size = key_size, .value_size = value_size, .max_entries = 4, .flags = 0, .name = "native"});
}

system::OrErrno<BpfProgram> Load() {
  return BpfProgram::Load(BPF_PROG_TYPE_SCHED_CLS, std::as_bytes(std::span(kReturnsSeven)), "GPL", "native", {});
}

const Test maps("BpfMap keeps values, and takes keys and values of its own lengths alone", [] {
  auto created = Create(BPF_MAP_TYPE_HASH, 8, 12);
  if (created.error() == -EPERM) {
    Skip("CAP_BPF");
    return;
  }
  BpfMap map = std::move(created.value());
  std::array<std::byte, 8> key{};
  std::array<std::byte, 12> value{};
  value.fill(std::byte{9});
  CHECK_EQ(map.Lookup(key, value), -ENOENT);
  CHECK_EQ(map.Update(key, value, BPF_ANY), 0);
  value.fill(std::byte{0});
  CHECK_EQ(map.Lookup(key, value), 0);
  CHECK(value[11] == std::byte{9});
  CHECK_EQ(map.Lookup(std::span(key).first(7), value), -EINVAL);
  CHECK_EQ(map.Lookup(key, std::span(value).first(11)), -EINVAL);
  CHECK_EQ(map.Delete(key), 0);
  CHECK_EQ(map.Delete(key), -ENOENT);
  auto info = map.Info();
  CHECK(info.ok());
  CHECK_EQ(info.value().value_size, 12u);
  CHECK(info.value().name == "native");
});

const Test per_cpu("BpfMap hands the kernel room for every possible CPU", [] {
  auto created = Create(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 12);
  if (created.error() == -EPERM) {
    Skip("CAP_BPF");
    return;
  }
  const std::array<std::byte, 4> key{};
  // Allocated with exactly this size, so that AddressSanitizer detects an access past the end.
  std::vector<std::byte> value(16 * system::PossibleCpuCount());
  CHECK(created.value().TakesValue(value.size()));
  CHECK(!created.value().TakesValue(12));
  CHECK_EQ(created.value().Lookup(key, value), 0);
});

const Test slots("BpfMap takes events into a perf event array alone", [] {
  auto array = Create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4);
  auto other = Create(BPF_MAP_TYPE_ARRAY, 4, 4);
  auto event = OpenOwnEvent();
  if (!array.ok() || !event.ok()) {
    Skip("CAP_BPF and perf_event_open of this thread");
    return;
  }
  // Slot 4 does not exist, so the kernel refuses the call. For a map of another type no system call is made.
  CHECK(array.value().SetEvent(4, event.value().fd()) < 0);
  CHECK_EQ(other.value().SetEvent(0, event.value().fd()), -EINVAL);
});

const Test runs("BpfProgram loads and runs", [] {
  auto program = Load();
  if (program.error() == -EPERM) {
    Skip("CAP_BPF");
    return;
  }
  CHECK(program.ok());
  const std::array<std::byte, 14> packet{};
  auto result = program.value().TestRun({.data_in = packet, .context_in = {}, .repeat = 3, .flags = 0, .cpu = 0});
  CHECK(result.ok());
  CHECK_EQ(result.value().return_value, 7u);
});

// Sends SIGPROF to this thread every 50 microseconds, more often than any CPU profiler.
class Profiler {
 public:
  Profiler() {
    struct sigaction action{};
    action.sa_handler = [](int /*signal*/) { signals_ = signals_ + 1; };
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGPROF, &action, &before_);
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
    CHECK_EQ(::timer_create(CLOCK_MONOTONIC, &event, &timer_), 0);
    itimerspec when{};
    when.it_value.tv_nsec = when.it_interval.tv_nsec = 50'000;
    CHECK_EQ(::timer_settime(timer_, 0, &when, nullptr), 0);
  }
  ~Profiler() {
    ::timer_delete(timer_);
    ::sigaction(SIGPROF, &before_, nullptr);
  }
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;

  int signals() const { return signals_; }

 private:
  static inline volatile sig_atomic_t signals_ = 0;
  timer_t timer_{};
  struct sigaction before_{};
};

// Many branches, so that the verifier takes some milliseconds: r0 = ktime(); if r0 == i goto +0; …
std::vector<bpf_insn> LongProgram() {
  std::vector<bpf_insn> program;
  for (int i = 0; i < 2000; ++i) {
    program.push_back({BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns});
    program.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0, i});
  }
  program.insert(program.end(), kReturnsSeven.begin(), kReturnsSeven.end());
  return program;
}

const Test profiled("BpfProgram loads and runs to the end while signals come", [] {
  if (Load().error() == -EPERM) {
    Skip("CAP_BPF");
    return;
  }
  const std::vector<bpf_insn> instructions = LongProgram();
  const std::array<std::byte, 14> packet{};
  const Profiler profiler;
  auto program =
      BpfProgram::Load(BPF_PROG_TYPE_SCHED_CLS, std::as_bytes(std::span(instructions)), "GPL", "native", {});
  CHECK_EQ(program.error(), 0);
  auto result = Load().value().TestRun({.data_in = packet, .context_in = {}, .repeat = 1'000'000, .flags = 0, .cpu = 0});
  CHECK_EQ(result.error(), 0);
  CHECK(profiler.signals() > 0);
});

const Test unblocked("BpfProgram leaves the signals of the thread as they were", [] {
  sigset_t before;
  sigset_t after;
  ::sigprocmask(SIG_SETMASK, nullptr, &before);
  if (!Load().ok()) {
    Skip("CAP_BPF");
    return;
  }
  ::sigprocmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < NSIG; ++signal) {
    CHECK_EQ(::sigismember(&after, signal), ::sigismember(&before, signal));
  }
});

const Test not_a_map("BpfMap opens the descriptor of a program, and does nothing with it", [] {
  auto program = Load();
  if (!program.ok()) {
    Skip("CAP_BPF");
    return;
  }
  auto map = BpfMap::OpenFd(program.value().fd());
  CHECK(map.ok());
  CHECK_EQ(map.value().Info().error(), -EINVAL);
  const std::array<std::byte, 4> key{};
  CHECK_EQ(map.value().Delete(key), -EINVAL);
  CHECK_EQ(map.value().Pin("/sys/fs/bpf/perfring_native"), -EINVAL);
});

const Test log("BpfProgram writes the verifier's log into the room it was given", [] {
  constexpr std::array<bpf_insn, 1> no_exit = {{{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 7}}};
  std::vector<std::byte> text(4096);
  auto program = BpfProgram::Load(BPF_PROG_TYPE_SCHED_CLS, std::as_bytes(std::span(no_exit)), "GPL", "native", text);
  if (program.error() == -EPERM) {
    Skip("CAP_BPF");
    return;
  }
  CHECK_EQ(program.error(), -EINVAL);
  CHECK(text[0] != std::byte{0});
});

const Test links("BpfLink answers the errno of a tracepoint that is not there", [] {
  constexpr std::array<bpf_insn, 2> returns_zero = {{{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}}};
  auto program =
      BpfProgram::Load(BPF_PROG_TYPE_RAW_TRACEPOINT, std::as_bytes(std::span(returns_zero)), "GPL", "native", {});
  if (!program.ok()) {
    Skip("CAP_BPF and CAP_PERFMON");
    return;
  }
  CHECK_EQ(system::BpfLink::OpenRawTracepoint(program.value(), "no_such_tracepoint").error(), -ENOENT);
  CHECK(system::BpfLink::OpenRawTracepoint(program.value(), "sched_process_exit").ok());
});

}  // namespace
}  // namespace perfring::test
