#ifndef PERFRING_SYSTEM_UNIQUE_FD_H_
#define PERFRING_SYSTEM_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace perfring::system {

// The only owner of a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  // The descriptor, or -1 when there is none.
  int get() const { return fd_; }

  // close(2) is never repeated: Linux frees the descriptor even when it returns EINTR.
  void Reset() {
    if (fd_ >= 0) {
      ::close(std::exchange(fd_, -1));
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_UNIQUE_FD_H_
