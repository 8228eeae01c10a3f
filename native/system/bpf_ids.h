#ifndef PERFRING_SYSTEM_BPF_IDS_H_
#define PERFRING_SYSTEM_BPF_IDS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "system/system_error.h"

// The kernel's list of loaded programs and of BTF, by their ids. All calls need CAP_SYS_ADMIN.
namespace perfring::system {

struct BpfProgramInfo {
  uint32_t type;
  // 0 for a program that was loaded without BTF.
  uint32_t btf_id;
  // Cut to 15 bytes by the kernel.
  std::string name;
  std::vector<uint32_t> map_ids;
};

// The id of the next program after `id`; 0 begins the list. -ENOENT after the last one.
OrErrno<uint32_t> NextBpfProgramId(uint32_t id);
// -ENOENT when the program has been unloaded since.
OrErrno<BpfProgramInfo> BpfProgramInfoOf(uint32_t id);
// The bytes of a BTF. -ENOENT when it has been unloaded since.
OrErrno<std::vector<std::byte>> BtfOf(uint32_t id);

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_BPF_IDS_H_
