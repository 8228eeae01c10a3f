#ifndef PERFRING_SYSTEM_BPF_OBJECT_H_
#define PERFRING_SYSTEM_BPF_OBJECT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "system/bpf.h"
#include "system/libbpf.h"
#include "system/system_error.h"

namespace perfring::system {

struct BpfObjectOptions {
  // Prefix of the names that the maps of .rodata, .data and .bss get in the kernel.
  std::string name;
  // Path of the BTF that CO-RE uses. Empty for the kernel's BTF.
  std::string btf_path;
  // Directory for maps that are declared with LIBBPF_PIN_BY_NAME. Empty for /sys/fs/bpf.
  std::string pin_root;
};

struct BpfObjectProgram {
  std::string name;
  std::string section;
  uint32_t type;
  uint32_t attach_type;
  bool autoload;
};

struct BpfObjectMap {
  std::string name;
  uint32_t type;
  uint32_t key_size;
  uint32_t value_size;
  uint32_t max_entries;
  uint32_t flags;
  uint32_t key_type_id;
  uint32_t value_type_id;
  // Whether libbpf created the map for the object's global variables.
  bool is_internal;
  // Empty when the map is not to be pinned.
  std::string pin_path;
};

class BpfObjectLink;

// A BPF object of libbpf. Programs and maps are identified by their index. Only one thread at a time may use an object.
//
// Functions that can fail for many reasons take a log, to which the messages of libbpf are appended.
class BpfObject {
 public:
  // The bytes are not used after the call. Errors of -4000 and below are libbpf's.
  static OrErrno<BpfObject> Open(const libbpf::Functions& functions, std::span<const std::byte> bytes,
                                 const BpfObjectOptions& options, std::string& log);

  size_t program_count() const { return programs_.size(); }
  size_t map_count() const { return maps_.size(); }
  // The object's BTF. Unlike the file's, it has the offsets of global variables. Empty when there is none. Valid until
  // Load().
  std::span<const std::byte> Btf() const;
  BpfObjectProgram Program(size_t index) const;
  BpfObjectMap Map(size_t index) const;

  // Call these before Load(). Each returns 0 or a negative errno. For maps of global variables -EINVAL: libbpf uses
  // their size as the length of memory that it has already allocated.
  int SetMapType(size_t map, uint32_t type, uint32_t key_size, uint32_t value_size);
  int SetMaxEntries(size_t map, uint32_t max_entries);
  int ReuseMap(size_t map, int fd);
  int SetAutoload(size_t program, bool autoload) {
    return functions_->program_set_autoload(programs_[program], autoload);
  }
  // The initial value of a map of global variables; empty for other maps. Valid until the next call of Load(), or until
  // the object is destroyed.
  std::span<const std::byte> InitialValue(size_t map) const;
  // -EINVAL when the length differs from that of InitialValue().
  int SetInitialValue(size_t map, std::span<const std::byte> value);

  // Call it once. Blocks until the verifier has finished, which can take seconds.
  int Load(std::string& log);

  // Call these after Load(). The result has a duplicate of the descriptor. Fails for a program that was not loaded.
  OrErrno<BpfProgram> OpenProgram(size_t program) const;
  OrErrno<BpfMap> OpenMap(size_t map) const;

  // Call these after Load(). The object must outlive the link.
  OrErrno<BpfObjectLink> Attach(size_t program, std::string& log) const;
  // `pid`: -1 for every process, 0 for this one. `function`: if empty, `offset` counts from the start of the file.
  OrErrno<BpfObjectLink> AttachUprobe(size_t program, bool is_return, pid_t pid, const std::string& path,
                                      const std::string& function, size_t offset, std::string& log) const;
  OrErrno<BpfObjectLink> AttachUsdt(size_t program, pid_t pid, const std::string& path, const std::string& provider,
                                    const std::string& probe, std::string& log) const;
  OrErrno<BpfObjectLink> AttachKprobe(size_t program, bool is_return, const std::string& function, size_t offset,
                                      std::string& log) const;
  // Adds a filter to the clsact qdisc of the interface. A missing qdisc is created, and stays when the link is closed.
  OrErrno<BpfObjectLink> AttachTc(size_t program, uint32_t interface_index, bool egress, std::string& log) const;

 private:
  struct Close {
    const libbpf::Functions* functions;
    void operator()(bpf_object* object) const { functions->object_close(object); }
  };

  BpfObject(const libbpf::Functions& functions, bpf_object* object);

  bool IsInternal(size_t map) const { return functions_->map_is_internal(maps_[map]); }
  OrErrno<BpfObjectLink> LinkOf(bpf_link* link) const;

  const libbpf::Functions* functions_;
  std::unique_ptr<bpf_object, Close> object_;
  std::vector<bpf_program*> programs_;
  std::vector<bpf_map*> maps_;
};

// A program attached by libbpf. Destroying this object detaches the program.
class BpfObjectLink {
 public:
  BpfObjectLink(const libbpf::Functions& functions, bpf_link* link) : functions_(&functions), link_(link, {&functions}) {}
  BpfObjectLink(const libbpf::Functions& functions, const libbpf::TcHook& hook, const libbpf::TcOptions& filter)
      : functions_(&functions), link_(nullptr, {&functions}), filter_(TcFilter{functions, hook, filter}) {}

  // Returns 0 or a negative errno: -EOPNOTSUPP for a link without a descriptor.
  int Pin(const std::string& path) const;
  // -1 for a link without a descriptor.
  int fd() const { return link_ == nullptr ? -1 : functions_->link_fd(link_.get()); }

 private:
  struct Destroy {
    const libbpf::Functions* functions;
    void operator()(bpf_link* link) const { functions->link_destroy(link); }
  };

  // A tc filter. It has no descriptor. The destructor removes it.
  class TcFilter {
   public:
    TcFilter(const libbpf::Functions& functions, const libbpf::TcHook& hook, const libbpf::TcOptions& filter)
        : functions_(&functions), hook_(hook), filter_(filter) {}
    TcFilter(TcFilter&& other) noexcept
        : functions_(std::exchange(other.functions_, nullptr)), hook_(other.hook_), filter_(other.filter_) {}
    TcFilter(const TcFilter&) = delete;
    TcFilter& operator=(const TcFilter&) = delete;
    TcFilter& operator=(TcFilter&&) = delete;
    ~TcFilter();

   private:
    const libbpf::Functions* functions_;
    libbpf::TcHook hook_;
    libbpf::TcOptions filter_;
  };

  const libbpf::Functions* functions_;
  std::unique_ptr<bpf_link, Destroy> link_;
  std::optional<TcFilter> filter_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_BPF_OBJECT_H_
