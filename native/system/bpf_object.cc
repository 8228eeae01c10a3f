#include "system/bpf_object.h"

#include <linux/bpf.h>

#include <cstring>
#include <utility>

#include "system/signal_block.h"

namespace perfring::system {
namespace {

std::string TextOf(const char* text) { return text == nullptr ? std::string() : std::string(text); }
const char* OrNull(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

// BPF_TC_INGRESS and BPF_TC_EGRESS of libbpf.h.
constexpr uint32_t kTcIngress = 1;
constexpr uint32_t kTcEgress = 2;

// Options of a libbpf call: all bytes are 0, padding included, except the size.
template <typename Options>
Options EmptyOptions() {
  Options options;  // NOLINT(cppcoreguidelines-pro-type-member-init): {} may leave padding as it is
  std::memset(&options, 0, sizeof(options));
  options.size = sizeof(options);
  return options;
}

}  // namespace

BpfObject::BpfObject(const libbpf::Functions& functions, bpf_object* object)
    : functions_(&functions), object_(object, Close{&functions}) {
  for (bpf_program* program = nullptr; (program = functions.object_next_program(object, program)) != nullptr;) {
    programs_.push_back(program);
  }
  for (bpf_map* map = nullptr; (map = functions.object_next_map(object, map)) != nullptr;) {
    maps_.push_back(map);
  }
}

OrErrno<BpfObject> BpfObject::Open(const libbpf::Functions& functions, std::span<const std::byte> bytes,
                                   const BpfObjectOptions& options, std::string& log) {
  auto open = EmptyOptions<libbpf::OpenOptions>();
  open.object_name = options.name.c_str();
  open.pin_root_path = OrNull(options.pin_root);
  open.btf_custom_path = OrNull(options.btf_path);
  const libbpf::LogCapture capture(functions, log);
  bpf_object* const object = functions.object_open_mem(bytes.data(), bytes.size(), &open);
  if (object == nullptr) {
    return LastErrno();
  }
  return BpfObject(functions, object);
}

std::span<const std::byte> BpfObject::Btf() const {
  const btf* const types = functions_->object_btf(object_.get());
  uint32_t length = 0;
  const void* const bytes = types == nullptr ? nullptr : functions_->btf_raw_data(types, &length);
  return bytes == nullptr ? std::span<const std::byte>() : std::span(static_cast<const std::byte*>(bytes), length);
}

BpfObjectProgram BpfObject::Program(size_t index) const {
  const bpf_program* const program = programs_[index];
  return {.name = TextOf(functions_->program_name(program)),
          .section = TextOf(functions_->program_section_name(program)),
          .type = functions_->program_type(program),
          .attach_type = functions_->program_expected_attach_type(program),
          .autoload = functions_->program_autoload(program)};
}

BpfObjectMap BpfObject::Map(size_t index) const {
  const bpf_map* const map = maps_[index];
  return {.name = TextOf(functions_->map_name(map)),
          .type = functions_->map_type(map),
          .key_size = functions_->map_key_size(map),
          .value_size = functions_->map_value_size(map),
          .max_entries = functions_->map_max_entries(map),
          .flags = functions_->map_map_flags(map),
          .key_type_id = functions_->map_btf_key_type_id(map),
          .value_type_id = functions_->map_btf_value_type_id(map),
          .is_internal = functions_->map_is_internal(map),
          .pin_path = TextOf(functions_->map_pin_path(map))};
}

int BpfObject::SetMaxEntries(size_t map, uint32_t max_entries) {
  return IsInternal(map) ? -EINVAL : functions_->map_set_max_entries(maps_[map], max_entries);
}

int BpfObject::ReuseMap(size_t map, int fd) {
  return IsInternal(map) ? -EINVAL : functions_->map_reuse_fd(maps_[map], fd);
}

int BpfObject::SetMapType(size_t map, uint32_t type, uint32_t key_size, uint32_t value_size) {
  if (IsInternal(map)) {
    return -EINVAL;
  }
  for (const int status : {functions_->map_set_type(maps_[map], type), functions_->map_set_key_size(maps_[map], key_size),
                           functions_->map_set_value_size(maps_[map], value_size)}) {
    if (status != 0) {
      return status;
    }
  }
  return 0;
}

std::span<const std::byte> BpfObject::InitialValue(size_t map) const {
  size_t length = 0;
  const void* const value = functions_->map_initial_value(maps_[map], &length);
  return value == nullptr ? std::span<const std::byte>() : std::span(static_cast<const std::byte*>(value), length);
}

int BpfObject::SetInitialValue(size_t map, std::span<const std::byte> value) {
  return functions_->map_set_initial_value(maps_[map], value.data(), value.size());
}

int BpfObject::Load(std::string& log) {
  const libbpf::LogCapture capture(*functions_, log);
  // The verifier returns EAGAIN when a signal is pending.
  const SignalBlock block;
  return functions_->object_load(object_.get());
}

OrErrno<BpfProgram> BpfObject::OpenProgram(size_t program) const {
  const int fd = functions_->program_fd(programs_[program]);
  return fd < 0 ? OrErrno<BpfProgram>(Errno{fd}) : BpfProgram::OpenFd(fd);
}

OrErrno<BpfMap> BpfObject::OpenMap(size_t map) const {
  const int fd = functions_->map_fd(maps_[map]);
  return fd < 0 ? OrErrno<BpfMap>(Errno{fd}) : BpfMap::OpenFd(fd);
}

OrErrno<BpfObjectLink> BpfObject::LinkOf(bpf_link* link) const {
  if (link == nullptr) {
    return LastErrno();
  }
  return BpfObjectLink(*functions_, link);
}

OrErrno<BpfObjectLink> BpfObject::Attach(size_t program, std::string& log) const {
  const libbpf::LogCapture capture(*functions_, log);
  return LinkOf(functions_->program_attach(programs_[program]));
}

OrErrno<BpfObjectLink> BpfObject::AttachUprobe(size_t program, bool is_return, pid_t pid, const std::string& path,
                                               const std::string& function, size_t offset, std::string& log) const {
  auto options = EmptyOptions<libbpf::UprobeOptions>();
  options.is_return = is_return;
  options.function = OrNull(function);
  const libbpf::LogCapture capture(*functions_, log);
  return LinkOf(functions_->program_attach_uprobe(programs_[program], pid, path.c_str(), offset, &options));
}

OrErrno<BpfObjectLink> BpfObject::AttachUsdt(size_t program, pid_t pid, const std::string& path,
                                             const std::string& provider, const std::string& probe,
                                             std::string& log) const {
  const libbpf::LogCapture capture(*functions_, log);
  return LinkOf(functions_->program_attach_usdt(programs_[program], pid, path.c_str(), provider.c_str(), probe.c_str(),
                                                nullptr));
}

OrErrno<BpfObjectLink> BpfObject::AttachKprobe(size_t program, bool is_return, const std::string& function,
                                               size_t offset, std::string& log) const {
  auto options = EmptyOptions<libbpf::KprobeOptions>();
  options.is_return = is_return;
  options.offset = offset;
  const libbpf::LogCapture capture(*functions_, log);
  return LinkOf(functions_->program_attach_kprobe(programs_[program], function.c_str(), &options));
}

OrErrno<BpfObjectLink> BpfObject::AttachTc(size_t program, uint32_t interface_index, bool egress,
                                           std::string& log) const {
  auto hook = EmptyOptions<libbpf::TcHook>();
  hook.interface_index = static_cast<int>(interface_index);
  hook.attach_point = egress ? kTcEgress : kTcIngress;
  auto filter = EmptyOptions<libbpf::TcOptions>();
  filter.program_fd = functions_->program_fd(programs_[program]);
  const libbpf::LogCapture capture(*functions_, log);
  if (const int status = functions_->tc_hook_create(&hook); status != 0 && status != -EEXIST) {
    return Errno{status};
  }
  if (const int status = functions_->tc_attach(&hook, &filter); status != 0) {
    return Errno{status};
  }
  return BpfObjectLink(*functions_, hook, filter);
}

// bpf_link__pin() is not used, because it checks the path itself before it calls the kernel.
int BpfObjectLink::Pin(const std::string& path) const {
  return fd() <= 0 ? -EOPNOTSUPP : PinDescriptor(fd(), path);
}

BpfObjectLink::TcFilter::~TcFilter() {
  if (functions_ == nullptr) {
    return;
  }
  // A filter is identified by its handle and priority. libbpf refuses options with more fields set.
  auto filter = EmptyOptions<libbpf::TcOptions>();
  filter.handle = filter_.handle;
  filter.priority = filter_.priority;
  std::string ignored;
  const libbpf::LogCapture capture(*functions_, ignored);
  functions_->tc_detach(&hook_, &filter);
}

}  // namespace perfring::system
