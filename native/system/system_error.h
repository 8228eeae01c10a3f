#ifndef PERFRING_SYSTEM_SYSTEM_ERROR_H_
#define PERFRING_SYSTEM_SYSTEM_ERROR_H_

#include <cerrno>
#include <optional>
#include <utility>

namespace perfring::system {

// A negative errno, as the kernel returns it: -EACCES, -ENOMEM, …
struct Errno {
  int negative;
};

// The errno of the last system call of this thread.
inline Errno LastErrno() { return Errno{-errno}; }

// 0, or the negative errno when `result` is negative. For calls without another result.
inline int StatusOf(long result) { return result < 0 ? -errno : 0; }

// The result of a call: its value, or the errno of its failure.
template <typename Value>
class [[nodiscard]] OrErrno {
 public:
  // Both conversions are implicit, so that functions can write `return value;` and `return LastErrno();`.
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
