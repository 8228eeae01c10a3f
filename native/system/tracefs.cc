#include "system/tracefs.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "system/unique_fd.h"

namespace perfring::system {
namespace {

OrErrno<UniqueFd> OpenDirectory(const char* path) {
  UniqueFd directory(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) {
    return LastErrno();
  }
  return directory;
}

// Mounts a tracefs that is attached to no path. It is unmounted when the descriptor is closed.
// The system calls are made by number, because glibc has wrappers only from 2.36 on.
OrErrno<UniqueFd> MountDetached() {
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC)));
  if (context.get() < 0) {
    return LastErrno();
  }
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return LastErrno();
  }
  UniqueFd root(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0)));
  if (root.get() < 0) {
    return LastErrno();
  }
  return root;
}

OrErrno<int> ReadId(int tracefs, const std::string& path) {
  const UniqueFd file(::openat(tracefs, path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    return LastErrno();
  }
  std::array<char, 32> text{};
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  if (length < 0) {
    return LastErrno();
  }
  int id = -1;
  if (std::from_chars(text.data(), text.data() + length, id).ec != std::errc() || id < 0) {
    return Errno{-EPROTO};
  }
  return id;
}

}  // namespace

bool IsTracefsName(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

OrErrno<int> TracepointId(const std::string& category, const std::string& name) {
  if (!IsTracefsName(category) || !IsTracefsName(name)) {
    return Errno{-EINVAL};
  }
  const std::string path = "events/" + category + "/" + name + "/id";
  for (const char* const mount : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    OrErrno<UniqueFd> tracefs = OpenDirectory(mount);
    int status = tracefs.error();
    // The directory exists even when nothing is mounted; then it is empty.
    if (tracefs.ok()) {
      status = StatusOf(::faccessat(tracefs.value().get(), "events", F_OK, 0));
    }
    if (status == 0) {
      return ReadId(tracefs.value().get(), path);
    }
    // Nothing is mounted here, or the directory can't be entered, as debugfs can't by an ordinary user: try the next
    // one.
    const bool absent = status == -ENOENT || status == -ENOTDIR || (status == -EACCES && !tracefs.ok());
    if (!absent) {
      return Errno{status};
    }
  }
  OrErrno<UniqueFd> tracefs = MountDetached();
  if (!tracefs.ok()) {
    return Errno{tracefs.error()};
  }
  return ReadId(tracefs.value().get(), path);
}

}  // namespace perfring::system
