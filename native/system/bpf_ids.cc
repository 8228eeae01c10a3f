#include "system/bpf_ids.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "system/unique_fd.h"

namespace perfring::system {
namespace {

// Room for maps or bytes that were added between two calls.
constexpr int kAttempts = 4;

bpf_attr EmptyAttribute() {
  bpf_attr attribute;  // NOLINT(cppcoreguidelines-pro-type-member-init): {} would zero the first member alone
  std::memset(&attribute, 0, sizeof(attribute));
  return attribute;
}

int Bpf(bpf_cmd command, bpf_attr& attribute) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attribute, sizeof(attribute)));
}

OrErrno<UniqueFd> OpenById(bpf_cmd command, uint32_t id) {
  bpf_attr attribute = EmptyAttribute();
  attribute.prog_id = id;  // The same word as btf_id.
  UniqueFd fd(Bpf(command, attribute));
  if (fd.get() < 0) {
    return LastErrno();
  }
  return fd;
}

template <typename Info>
int ReadInfo(const UniqueFd& fd, Info& info) {
  bpf_attr attribute = EmptyAttribute();
  attribute.info.bpf_fd = static_cast<uint32_t>(fd.get());
  attribute.info.info_len = sizeof(info);
  attribute.info.info = reinterpret_cast<uintptr_t>(&info);
  return StatusOf(Bpf(BPF_OBJ_GET_INFO_BY_FD, attribute));
}

}  // namespace

OrErrno<uint32_t> NextBpfProgramId(uint32_t id) {
  bpf_attr attribute = EmptyAttribute();
  attribute.start_id = id;
  if (Bpf(BPF_PROG_GET_NEXT_ID, attribute) != 0) {
    return LastErrno();
  }
  return static_cast<uint32_t>(attribute.next_id);
}

OrErrno<BpfProgramInfo> BpfProgramInfoOf(uint32_t id) {
  OrErrno<UniqueFd> fd = OpenById(BPF_PROG_GET_FD_BY_ID, id);
  if (!fd.ok()) {
    return Errno{fd.error()};
  }
  std::vector<uint32_t> map_ids;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    bpf_prog_info info{};
    info.nr_map_ids = static_cast<uint32_t>(map_ids.size());
    info.map_ids = reinterpret_cast<uintptr_t>(map_ids.data());
    if (const int status = ReadInfo(fd.value(), info); status != 0) {
      return Errno{status};
    }
    // The kernel stores how many maps there are, and as many ids as there was room for.
    if (info.nr_map_ids <= map_ids.size()) {
      map_ids.resize(info.nr_map_ids);
      return BpfProgramInfo{.type = info.type,
                            .btf_id = info.btf_id,
                            .name = std::string(info.name, ::strnlen(info.name, sizeof(info.name))),
                            .map_ids = std::move(map_ids)};
    }
    map_ids.resize(info.nr_map_ids);
  }
  return Errno{-EAGAIN};
}

OrErrno<std::vector<std::byte>> BtfOf(uint32_t id) {
  OrErrno<UniqueFd> fd = OpenById(BPF_BTF_GET_FD_BY_ID, id);
  if (!fd.ok()) {
    return Errno{fd.error()};
  }
  std::vector<std::byte> bytes;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    bpf_btf_info info{};
    info.btf_size = static_cast<uint32_t>(bytes.size());
    info.btf = reinterpret_cast<uintptr_t>(bytes.data());
    if (const int status = ReadInfo(fd.value(), info); status != 0) {
      return Errno{status};
    }
    if (info.btf_size <= bytes.size()) {
      bytes.resize(info.btf_size);
      return bytes;
    }
    bytes.resize(info.btf_size);
  }
  return Errno{-EAGAIN};
}

}  // namespace perfring::system
