#include "system/perf_event.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "system/signal_block.h"

namespace perfring::system {
namespace {

// The kernel refuses an attribute larger than a page. No page is smaller than this.
constexpr size_t kMaxAttributeBytes = 4096;

uint32_t DeclaredSize(std::span<const std::byte> attr) {
  uint32_t size = 0;
  std::memcpy(&size, attr.data() + offsetof(perf_event_attr, size), sizeof(size));
  // perf_copy_attr() in kernel/events/core.c reads a size of 0 as the size of the first version.
  return size == 0 ? PERF_ATTR_SIZE_VER0 : size;
}

}  // namespace

bool PerfEvent::HoldsAttribute(std::span<const std::byte> attr) {
  return attr.size() >= PERF_ATTR_SIZE_VER0 && attr.size() <= kMaxAttributeBytes &&
         DeclaredSize(attr) <= attr.size();
}

OrErrno<PerfEvent> PerfEvent::Open(std::span<const std::byte> attr, pid_t pid, int cpu, int group_fd,
                                   unsigned long flags) {
  // The kernel gets a copy: it writes attr.size on E2BIG, and another thread may change the caller's memory. The copy
  // has the largest size the kernel accepts, so the kernel never reads past its end.
  alignas(8) std::array<std::byte, kMaxAttributeBytes> copy{};
  if (!HoldsAttribute(attr)) {
    return Errno{-EINVAL};
  }
  std::memcpy(copy.data(), attr.data(), attr.size());
  // For an event of another process the call waits for a lock and returns EINTR when a signal is pending.
  const SignalBlock block;
  const long fd = ::syscall(SYS_perf_event_open, copy.data(), pid, cpu, group_fd, flags | PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) {
    return LastErrno();
  }
  return PerfEvent(UniqueFd(static_cast<int>(fd)));
}

int PerfEvent::SetEnabled(bool enabled) const {
  return StatusOf(::ioctl(fd(), enabled ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0));
}

int PerfEvent::Reset() const {
  return StatusOf(::ioctl(fd(), PERF_EVENT_IOC_RESET, 0));
}

OrErrno<uint64_t> PerfEvent::Id() const {
  uint64_t id = 0;
  if (::ioctl(fd(), PERF_EVENT_IOC_ID, &id) < 0) {
    return LastErrno();
  }
  return id;
}

int PerfEvent::SetOutputPaused(bool paused) const {
  return StatusOf(::ioctl(fd(), PERF_EVENT_IOC_PAUSE_OUTPUT, paused ? 1L : 0L));
}

int PerfEvent::SetOutput(const PerfEvent* target) const {
  // The kernel compares the whole argument with -1: it must be 64 bits wide.
  return StatusOf(::ioctl(fd(), PERF_EVENT_IOC_SET_OUTPUT, target == nullptr ? -1L : long{target->fd()}));
}

int PerfEvent::SetProgram(int program_fd) const {
  return StatusOf(::ioctl(fd(), PERF_EVENT_IOC_SET_BPF, long{program_fd}));
}

OrErrno<size_t> PerfEvent::Read(std::span<uint64_t> words) const {
  const ssize_t bytes = ::read(fd(), words.data(), words.size_bytes());
  if (bytes < 0) {
    return LastErrno();
  }
  return static_cast<size_t>(bytes) / sizeof(uint64_t);
}

}  // namespace perfring::system
