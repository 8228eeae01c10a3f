#ifndef PERFRING_SYSTEM_SYSTEM_ERROR_H_
#define PERFRING_SYSTEM_SYSTEM_ERROR_H_

#include <cerrno>
#include <optional>
#include <utility>

namespace perfring::system {

// A failure as the kernel counts it: -EACCES, -ENOMEM, … Always negative.
struct Errno {
  int negative;
};

// The failure of the system call just made.
inline Errno LastErrno() { return Errno{-errno}; }

// The outcome of a call that has no other result: 0 or a negative errno.
inline int StatusOf(long result) { return result < 0 ? -errno : 0; }

// What a call gave: its value, or the errno it failed with.
template <typename Value>
class [[nodiscard]] OrErrno {
 public:
  // Both conversions are implicit, so that `return value;` and `return LastErrno();` read as they are.
  OrErrno(Value value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  OrErrno(Errno error) : error_(error.negative) {}    // NOLINT(google-explicit-constructor)

  bool ok() const { return value_.has_value(); }
  // The negative errno; 0 when the call succeeded.
  int error() const { return error_; }
  // Only when ok().
  Value& value() { return *value_; }

 private:
  std::optional<Value> value_;
  int error_ = 0;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_SYSTEM_ERROR_H_
