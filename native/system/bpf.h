#ifndef PERFRING_SYSTEM_BPF_H_
#define PERFRING_SYSTEM_BPF_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "system/guarded_buffer.h"
#include "system/system_error.h"
#include "system/unique_fd.h"

namespace perfring::system {

// The longest strings that the kernel accepts, in bytes without the NUL.
inline constexpr size_t kMaxBpfNameLength = 15;
inline constexpr size_t kMaxLicenseLength = 127;
inline constexpr size_t kMaxRawTracepointNameLength = 127;

struct BpfMapOptions {
  uint32_t type;
  uint32_t key_size;
  uint32_t value_size;
  uint32_t max_entries;
  uint32_t flags;
  std::string name;
};

struct BpfMapInfo {
  uint32_t type;
  uint32_t id;
  uint32_t key_size;
  uint32_t value_size;
  uint32_t max_entries;
  uint32_t flags;
  std::string name;
  // Of the types of its keys and values; 0 when it was created without BTF.
  uint32_t btf_id;
  uint32_t key_type_id;
  uint32_t value_type_id;
};

// What ReadBatch() read.
struct BpfMapBatch {
  uint32_t count;
  bool is_last;
};

// A BPF map: its descriptor, and the lengths of its keys and values, so that the kernel never reads or writes past the
// end of a key or a value. The computed length of a value can be too short: a per-CPU map has a part for each possible
// CPU, and a container may show fewer CPUs. So the kernel reads and writes values in a GuardedBuffer, and the call
// fails with -EFAULT when its value is longer.
//
// The Open functions also succeed for a pinned program or link. Every operation on it, Info() included, then returns
// -EINVAL. So does every operation on a queue or a stack, which have no keys.
class BpfMap {
 public:
  static OrErrno<BpfMap> Create(const BpfMapOptions& options);
  static OrErrno<BpfMap> OpenPinned(const std::string& path, uint32_t file_flags);
  static OrErrno<BpfMap> OpenId(uint32_t id, uint32_t open_flags);
  // Duplicates `fd`, which stays open and belongs to the caller.
  static OrErrno<BpfMap> OpenFd(int fd);

  int fd() const { return fd_.get(); }
  OrErrno<BpfMapInfo> Info() const;

  // Whether a key or a value has the map's length in bytes. In a per-CPU map a value is value_size, rounded up to a
  // multiple of 8, for each possible CPU; if the number of possible CPUs is unknown, no length is accepted. True when
  // the descriptor is not a map: then the kernel refuses the call before it reads the key or the value.
  bool TakesKey(size_t key_length) const { return !is_map_ || key_length == key_length_; }
  bool TakesValue(size_t value_length) const {
    return !is_map_ || (value_length == value_length_ && value_length > 0);
  }

  // The following return 0 or a negative errno: -EINVAL for a length that is not the map's, -EFAULT when the kernel's
  // value is longer than the computed length.

  // Puts an event into a slot of a perf event array. -EINVAL for a map of another type, which would store the number of
  // the descriptor as data.
  int SetEvent(uint32_t index, int event_fd);
  int Update(std::span<const std::byte> key, std::span<const std::byte> value, uint64_t flags);
  int Lookup(std::span<const std::byte> key, std::span<std::byte> value);
  int Delete(std::span<const std::byte> key) const;
  // BPF_MAP_LOOKUP_BATCH: reads as many entries as `keys` and `values` have room for, which must be the same number.
  // -EINVAL or -ENOTSUPP (524) for maps without this command; -ENOSPC, with nothing read, when there is no room for a
  // whole bucket of a hash map.
  // `position`: PositionLength() bytes, in which the kernel stores where the batch ended. Pass them to the next call;
  // the first call (`is_first`) does not read them.
  OrErrno<BpfMapBatch> ReadBatch(std::span<std::byte> position, bool is_first, std::span<std::byte> keys,
                                 std::span<std::byte> values) const;
  // BPF_MAP_UPDATE_BATCH: sets as many entries as there are keys and values, which must be the same number. Returns 0 or
  // a negative errno: -EINVAL or -ENOTSUPP (524) for maps without this command.
  int UpdateBatch(std::span<const std::byte> keys, std::span<const std::byte> values) const;
  size_t PositionLength() const { return std::max(key_length_, sizeof(uint32_t)); }
  // Stores into `next` the key that follows `key` in the map's order; the first one when `key` is empty or not in the
  // map. -ENOENT after the last one.
  int NextKey(std::span<const std::byte> key, std::span<std::byte> next) const;
  int Pin(const std::string& path) const;

 private:
  explicit BpfMap(UniqueFd fd);

  bool IsMap() const;
  // Allocates guarded_value_ on the first call. Returns 0 or a negative errno.
  int PrepareGuardedValue();

  UniqueFd fd_;
  bool is_map_ = false;
  uint32_t type_ = 0;
  size_t key_length_ = 0;
  // In bytes; 0 when unknown.
  size_t value_length_ = 0;
  // value_length_ bytes, allocated by the first lookup or update.
  std::optional<GuardedBuffer> guarded_value_;
};

struct BpfTestRunOptions {
  std::span<const std::byte> data_in;
  std::span<const std::byte> context_in;
  uint32_t repeat;
  uint32_t flags;
  uint32_t cpu;
};

struct BpfTestRunResult {
  uint32_t return_value;
  uint32_t duration_nanoseconds;
};

class BpfProgram {
 public:
  // The verifier writes its text, NUL-terminated, to `log`. An empty `log` turns the text off.
  static OrErrno<BpfProgram> Load(uint32_t type, std::span<const std::byte> instructions,
                                  const std::string& license, const std::string& name, std::span<std::byte> log);

  // Duplicates `fd`, which stays open and belongs to the caller.
  static OrErrno<BpfProgram> OpenFd(int fd);

  int fd() const { return fd_.get(); }
  // Blocks until the program has run `repeat` times. -EINTR when some of the runs are missing; only a signal that can't
  // be blocked causes that.
  OrErrno<BpfTestRunResult> TestRun(const BpfTestRunOptions& options) const;

 private:
  explicit BpfProgram(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

// An attached program. Destroying this object detaches it, unless the link is pinned.
class BpfLink {
 public:
  static OrErrno<BpfLink> OpenRawTracepoint(const BpfProgram& program, const std::string& name);
  // `target`: the descriptor of a cgroup or a perf event, or the index of a network interface, depending on
  // `attach_type`.
  static OrErrno<BpfLink> Create(const BpfProgram& program, uint32_t target, uint32_t attach_type);

  // Returns 0 or a negative errno.
  int Pin(const std::string& path) const;

 private:
  explicit BpfLink(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

// Pins a map, program or link (BPF_OBJ_PIN). Returns 0 or a negative errno.
int PinDescriptor(int fd, const std::string& path);

// Runs an iterator program once and returns what it writes, up to `longest` bytes. -EFBIG when there is more.
// `link_fd`: the descriptor of the program's link.
OrErrno<std::string> ReadIterator(int link_fd, size_t longest);

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_BPF_H_
