#include "system/bpf.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "system/host.h"
#include "system/signal_block.h"

namespace perfring::system {
namespace {

// An attribute of zeros. The kernel refuses unknown bits that are set; an older kernel accepts a longer attribute when
// the rest is zero.
bpf_attr EmptyAttribute() {
  bpf_attr attribute;  // NOLINT(cppcoreguidelines-pro-type-member-init): {} would zero the first member alone
  std::memset(&attribute, 0, sizeof(attribute));
  return attribute;
}

long Bpf(bpf_cmd command, bpf_attr& attribute) {
  return ::syscall(SYS_bpf, command, &attribute, sizeof(attribute));
}

OrErrno<UniqueFd> BpfForFd(bpf_cmd command, bpf_attr& attribute) {
  const long fd = Bpf(command, attribute);
  if (fd < 0) {
    return LastErrno();
  }
  return UniqueFd(static_cast<int>(fd));
}

OrErrno<UniqueFd> Duplicate(int fd) {
  UniqueFd duplicate(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (duplicate.get() < 0) {
    return LastErrno();
  }
  return duplicate;
}

uint64_t AddressOf(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }
uint32_t LengthOf(size_t length) { return static_cast<uint32_t>(length); }

// A null pointer for an empty span: some commands refuse an address with a length of 0.
uint64_t AddressOf(std::span<const std::byte> bytes) {
  return bytes.empty() ? 0 : AddressOf(static_cast<const void*>(bytes.data()));
}

template <size_t Size>
// NOLINTNEXTLINE(*-avoid-c-arrays): the kernel's
void CopyName(char (&target)[Size], const std::string& name) {
  std::memcpy(target, name.data(), std::min(name.size(), Size - 1));
}

bool IsPerCpu(uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
         type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

// As bpf_map_value_size() in kernel/bpf/syscall.c.
size_t ValueLength(const BpfMapInfo& info) {
  constexpr size_t kWord = 8;
  return IsPerCpu(info.type) ? (info.value_size + kWord - 1) / kWord * kWord * PossibleCpuCount() : info.value_size;
}

}  // namespace

BpfMap::BpfMap(UniqueFd fd) : fd_(std::move(fd)) {
  OrErrno<BpfMapInfo> info = Info();
  if (info.ok()) {
    is_map_ = true;
    type_ = info.value().type;
    key_length_ = info.value().key_size;
    value_length_ = ValueLength(info.value());
  }
}

OrErrno<BpfMap> BpfMap::Create(const BpfMapOptions& options) {
  bpf_attr attribute = EmptyAttribute();
  attribute.map_type = options.type;
  attribute.key_size = options.key_size;
  attribute.value_size = options.value_size;
  attribute.max_entries = options.max_entries;
  attribute.map_flags = options.flags;
  CopyName(attribute.map_name, options.name);
  OrErrno<UniqueFd> fd = BpfForFd(BPF_MAP_CREATE, attribute);
  if (!fd.ok()) {
    return Errno{fd.error()};
  }
  return BpfMap(std::move(fd.value()));
}

OrErrno<BpfMap> BpfMap::OpenPinned(const std::string& path, uint32_t file_flags) {
  bpf_attr attribute = EmptyAttribute();
  attribute.pathname = AddressOf(path.c_str());
  attribute.file_flags = file_flags;
  OrErrno<UniqueFd> fd = BpfForFd(BPF_OBJ_GET, attribute);
  if (!fd.ok()) {
    return Errno{fd.error()};
  }
  return BpfMap(std::move(fd.value()));
}

OrErrno<BpfMap> BpfMap::OpenId(uint32_t id, uint32_t open_flags) {
  bpf_attr attribute = EmptyAttribute();
  attribute.map_id = id;
  attribute.open_flags = open_flags;
  OrErrno<UniqueFd> fd = BpfForFd(BPF_MAP_GET_FD_BY_ID, attribute);
  if (!fd.ok()) {
    return Errno{fd.error()};
  }
  return BpfMap(std::move(fd.value()));
}

OrErrno<BpfMap> BpfMap::OpenFd(int fd) {
  OrErrno<UniqueFd> duplicate = Duplicate(fd);
  if (!duplicate.ok()) {
    return Errno{duplicate.error()};
  }
  return BpfMap(std::move(duplicate.value()));
}

bool BpfMap::IsMap() const {
  // BPF_OBJ_GET_INFO_BY_FD does not distinguish maps from programs and links: it succeeds for all of them.
  // BPF_MAP_GET_NEXT_KEY does: it fails with EINVAL for every other descriptor. For a map with keys it succeeds or
  // fails with another errno, at the latest because next_key is a null pointer.
  bpf_attr attribute = EmptyAttribute();
  attribute.map_fd = static_cast<uint32_t>(fd());
  return Bpf(BPF_MAP_GET_NEXT_KEY, attribute) == 0 || errno != EINVAL;
}

OrErrno<BpfMapInfo> BpfMap::Info() const {
  if (!IsMap()) {
    return Errno{-EINVAL};
  }
  // Set to zero because an older kernel fills only the first part.
  bpf_map_info info{};
  bpf_attr attribute = EmptyAttribute();
  attribute.info.bpf_fd = static_cast<uint32_t>(fd());
  attribute.info.info_len = sizeof(info);
  attribute.info.info = AddressOf(&info);
  if (Bpf(BPF_OBJ_GET_INFO_BY_FD, attribute) != 0) {
    return LastErrno();
  }
  return BpfMapInfo{.type = info.type,
                    .id = info.id,
                    .key_size = info.key_size,
                    .value_size = info.value_size,
                    .max_entries = info.max_entries,
                    .flags = info.map_flags,
                    .name = std::string(info.name, ::strnlen(info.name, sizeof(info.name))),
                    .btf_id = info.btf_id,
                    .key_type_id = info.btf_key_type_id,
                    .value_type_id = info.btf_value_type_id};
}

int BpfMap::SetEvent(uint32_t index, int event_fd) {
  if (type_ != BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
    return -EINVAL;
  }
  return Update(std::as_bytes(std::span(&index, 1)), std::as_bytes(std::span(&event_fd, 1)), BPF_ANY);
}

int BpfMap::PrepareGuardedValue() {
  if (guarded_value_) {
    return 0;
  }
  OrErrno<GuardedBuffer> buffer = GuardedBuffer::Allocate(value_length_);
  if (!buffer.ok()) {
    return buffer.error();
  }
  guarded_value_ = std::move(buffer.value());
  return 0;
}

int BpfMap::Update(std::span<const std::byte> key, std::span<const std::byte> value, uint64_t flags) {
  if (!is_map_ || !TakesKey(key.size()) || !TakesValue(value.size())) {
    return -EINVAL;
  }
  if (const int status = PrepareGuardedValue(); status != 0) {
    return status;
  }
  std::memcpy(guarded_value_->bytes().data(), value.data(), value.size());
  bpf_attr attribute = EmptyAttribute();
  attribute.map_fd = static_cast<uint32_t>(fd());
  attribute.key = AddressOf(key);
  attribute.value = AddressOf(guarded_value_->bytes());
  attribute.flags = flags;
  return StatusOf(Bpf(BPF_MAP_UPDATE_ELEM, attribute));
}

int BpfMap::Lookup(std::span<const std::byte> key, std::span<std::byte> value) {
  if (!is_map_ || !TakesKey(key.size()) || !TakesValue(value.size())) {
    return -EINVAL;
  }
  if (const int status = PrepareGuardedValue(); status != 0) {
    return status;
  }
  bpf_attr attribute = EmptyAttribute();
  attribute.map_fd = static_cast<uint32_t>(fd());
  attribute.key = AddressOf(key);
  attribute.value = AddressOf(guarded_value_->bytes());
  const int status = StatusOf(Bpf(BPF_MAP_LOOKUP_ELEM, attribute));
  if (status == 0) {
    std::memcpy(value.data(), guarded_value_->bytes().data(), value.size());
  }
  return status;
}

int BpfMap::Delete(std::span<const std::byte> key) const {
  if (!TakesKey(key.size())) {
    return -EINVAL;
  }
  bpf_attr attribute = EmptyAttribute();
  attribute.map_fd = static_cast<uint32_t>(fd());
  attribute.key = AddressOf(key);
  return StatusOf(Bpf(BPF_MAP_DELETE_ELEM, attribute));
}

OrErrno<BpfMapBatch> BpfMap::ReadBatch(std::span<std::byte> position, bool is_first, std::span<std::byte> keys,
                                       std::span<std::byte> values) const {
  if (!is_map_ || key_length_ == 0 || value_length_ == 0 || position.size() != PositionLength() ||
      keys.size() % key_length_ != 0 || keys.size() / key_length_ * value_length_ != values.size()) {
    return Errno{-EINVAL};
  }
  // As in Lookup(): the kernel's values may be longer than expected.
  OrErrno<GuardedBuffer> buffer = GuardedBuffer::Allocate(values.size());
  if (!buffer.ok()) {
    return Errno{buffer.error()};
  }
  const std::span<std::byte> guarded = buffer.value().bytes();
  bpf_attr attribute = EmptyAttribute();
  attribute.batch.map_fd = static_cast<uint32_t>(fd());
  attribute.batch.in_batch = is_first ? 0 : AddressOf(position.data());
  attribute.batch.out_batch = AddressOf(position.data());
  attribute.batch.keys = AddressOf(keys.data());
  attribute.batch.values = AddressOf(guarded.data());
  attribute.batch.count = LengthOf(keys.size() / key_length_);
  const int status = StatusOf(Bpf(BPF_MAP_LOOKUP_BATCH, attribute));
  // ENOENT: these were the last entries of the map.
  if (status != 0 && status != -ENOENT) {
    return Errno{status};
  }
  const uint32_t count = attribute.batch.count;
  std::memcpy(values.data(), guarded.data(), count * value_length_);
  return BpfMapBatch{.count = count, .is_last = status != 0};
}

int BpfMap::UpdateBatch(std::span<const std::byte> keys, std::span<const std::byte> values) const {
  if (!is_map_ || key_length_ == 0 || value_length_ == 0 || keys.empty() || keys.size() % key_length_ != 0 ||
      keys.size() / key_length_ * value_length_ != values.size()) {
    return -EINVAL;
  }
  // As in Update(): the kernel's values may be longer than expected.
  OrErrno<GuardedBuffer> buffer = GuardedBuffer::Allocate(values.size());
  if (!buffer.ok()) {
    return buffer.error();
  }
  const std::span<std::byte> guarded = buffer.value().bytes();
  std::memcpy(guarded.data(), values.data(), values.size());
  bpf_attr attribute = EmptyAttribute();
  attribute.batch.map_fd = static_cast<uint32_t>(fd());
  attribute.batch.keys = AddressOf(keys);
  attribute.batch.values = AddressOf(std::span<const std::byte>(guarded));
  attribute.batch.count = LengthOf(keys.size() / key_length_);
  return StatusOf(Bpf(BPF_MAP_UPDATE_BATCH, attribute));
}

int BpfMap::NextKey(std::span<const std::byte> key, std::span<std::byte> next) const {
  if (!is_map_ || next.size() != key_length_ || (!key.empty() && key.size() != key_length_)) {
    return -EINVAL;
  }
  bpf_attr attribute = EmptyAttribute();
  attribute.map_fd = static_cast<uint32_t>(fd());
  attribute.key = AddressOf(key);
  attribute.next_key = AddressOf(std::span<const std::byte>(next));
  return StatusOf(Bpf(BPF_MAP_GET_NEXT_KEY, attribute));
}

int BpfMap::Pin(const std::string& path) const { return is_map_ ? PinDescriptor(fd(), path) : -EINVAL; }

OrErrno<BpfProgram> BpfProgram::Load(uint32_t type, std::span<const std::byte> instructions,
                                     const std::string& license, const std::string& name,
                                     std::span<std::byte> log) {
  bpf_attr attribute = EmptyAttribute();
  attribute.prog_type = type;
  attribute.insns = AddressOf(instructions);
  attribute.insn_cnt = LengthOf(instructions.size() / sizeof(bpf_insn));
  attribute.license = AddressOf(license.c_str());
  CopyName(attribute.prog_name, name);
  if (!log.empty()) {
    attribute.log_level = 1;
    attribute.log_buf = AddressOf(log);
    attribute.log_size = LengthOf(log.size());
  }
  // The verifier returns EAGAIN when a signal is pending, so signals are blocked. Task work of io_uring looks like a
  // signal and can't be blocked, but it is done when the call has returned: then the call is repeated.
  const SignalBlock block;
  for (int attempts = 10;; --attempts) {
    OrErrno<UniqueFd> fd = BpfForFd(BPF_PROG_LOAD, attribute);
    if (fd.ok()) {
      return BpfProgram(std::move(fd.value()));
    }
    if (fd.error() != -EAGAIN || attempts == 1) {
      return Errno{fd.error()};
    }
  }
}

OrErrno<BpfProgram> BpfProgram::OpenFd(int fd) {
  OrErrno<UniqueFd> duplicate = Duplicate(fd);
  if (!duplicate.ok()) {
    return Errno{duplicate.error()};
  }
  return BpfProgram(std::move(duplicate.value()));
}

OrErrno<BpfTestRunResult> BpfProgram::TestRun(const BpfTestRunOptions& options) const {
  bpf_attr attribute = EmptyAttribute();
  attribute.test.prog_fd = static_cast<uint32_t>(fd());
  attribute.test.data_in = AddressOf(options.data_in);
  attribute.test.data_size_in = LengthOf(options.data_in.size());
  attribute.test.ctx_in = AddressOf(options.context_in);
  attribute.test.ctx_size_in = LengthOf(options.context_in.size());
  attribute.test.repeat = options.repeat;
  attribute.test.flags = options.flags;
  attribute.test.cpu = options.cpu;
  // The call returns EINTR when a signal is pending. It can't be repeated, because some of the runs are done.
  const SignalBlock block;
  if (Bpf(BPF_PROG_TEST_RUN, attribute) != 0) {
    return LastErrno();
  }
  return BpfTestRunResult{.return_value = attribute.test.retval, .duration_nanoseconds = attribute.test.duration};
}

OrErrno<BpfLink> BpfLink::OpenRawTracepoint(const BpfProgram& program, const std::string& name) {
  bpf_attr attribute = EmptyAttribute();
  attribute.raw_tracepoint.name = AddressOf(name.c_str());
  attribute.raw_tracepoint.prog_fd = static_cast<uint32_t>(program.fd());
  OrErrno<UniqueFd> fd = BpfForFd(BPF_RAW_TRACEPOINT_OPEN, attribute);
  if (!fd.ok()) {
    return Errno{fd.error()};
  }
  return BpfLink(std::move(fd.value()));
}

OrErrno<BpfLink> BpfLink::Create(const BpfProgram& program, uint32_t target, uint32_t attach_type) {
  bpf_attr attribute = EmptyAttribute();
  attribute.link_create.prog_fd = static_cast<uint32_t>(program.fd());
  attribute.link_create.target_fd = target;
  attribute.link_create.attach_type = attach_type;
  OrErrno<UniqueFd> fd = BpfForFd(BPF_LINK_CREATE, attribute);
  if (!fd.ok()) {
    return Errno{fd.error()};
  }
  return BpfLink(std::move(fd.value()));
}

int BpfLink::Pin(const std::string& path) const { return PinDescriptor(fd_.get(), path); }

int PinDescriptor(int fd, const std::string& path) {
  bpf_attr attribute = EmptyAttribute();
  attribute.pathname = AddressOf(path.c_str());
  attribute.bpf_fd = static_cast<uint32_t>(fd);
  return StatusOf(Bpf(BPF_OBJ_PIN, attribute));
}

OrErrno<std::string> ReadIterator(int link_fd, size_t longest) {
  bpf_attr attribute = EmptyAttribute();
  attribute.iter_create.link_fd = static_cast<uint32_t>(link_fd);
  OrErrno<UniqueFd> iterator = BpfForFd(BPF_ITER_CREATE, attribute);
  if (!iterator.ok()) {
    return Errno{iterator.error()};
  }
  constexpr size_t kPart = 65536;
  std::string text;
  for (;;) {
    const size_t before = text.size();
    text.resize(before + kPart);
    const ssize_t length = ::read(iterator.value().get(), text.data() + before, kPart);
    // EAGAIN: the kernel pauses after a million objects for which the program wrote nothing.
    if (length < 0 && errno != EAGAIN && errno != EINTR) {
      return LastErrno();
    }
    text.resize(before + (length > 0 ? static_cast<size_t>(length) : 0));
    if (length == 0) {
      return text;
    }
    if (text.size() > longest) {
      return Errno{-EFBIG};
    }
  }
}

}  // namespace perfring::system
