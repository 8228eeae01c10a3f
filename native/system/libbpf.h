#ifndef PERFRING_SYSTEM_LIBBPF_H_
#define PERFRING_SYSTEM_LIBBPF_H_

#include <sys/types.h>

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>

// The declarations of libbpf 1.x that the addon uses, as in its libbpf.h. The addon is built without that header and
// loads the library at run time, on first use. All of these functions exist since libbpf 1.0.
// https://github.com/libbpf/libbpf/blob/v1.0.0/src/libbpf.h
struct bpf_object;
struct bpf_program;
struct bpf_map;
struct bpf_link;
struct btf;

namespace perfring::system::libbpf {

// Every struct of options begins with its size. Bytes after the fields that the library knows must be 0.

// struct bpf_object_open_opts, up to btf_custom_path
struct OpenOptions {
  size_t size;
  const char* object_name;
  bool relaxed_maps;
  const char* pin_root_path;
  uint32_t unused;
  const char* kconfig;
  const char* btf_custom_path;
};

// struct bpf_uprobe_opts, up to func_name
struct UprobeOptions {
  size_t size;
  size_t reference_counter_offset;
  uint64_t cookie;
  bool is_return;
  const char* function;
};

// struct bpf_kprobe_opts, up to retprobe
struct KprobeOptions {
  size_t size;
  uint64_t cookie;
  size_t offset;
  bool is_return;
};

// struct bpf_tc_hook
struct TcHook {
  size_t size;
  int interface_index;
  uint32_t attach_point;
  uint32_t parent;
};

// struct bpf_tc_opts
struct TcOptions {
  size_t size;
  int program_fd;
  uint32_t flags;
  uint32_t program_id;
  uint32_t handle;
  uint32_t priority;
};

using PrintFunction = int (*)(int level, const char* format, va_list arguments);

// The library's functions, by their names without `bpf_`. On failure, functions that return int return a negative
// errno; functions that return a pointer return null and set errno. Errnos from 4000 on are libbpf's.
struct Functions {
  PrintFunction (*set_print)(PrintFunction print);
  const char* (*version_string)();

  bpf_object* (*object_open_mem)(const void* bytes, size_t length, const OpenOptions* options);
  int (*object_load)(bpf_object* object);
  void (*object_close)(bpf_object* object);
  // The object's types. libbpf frees them with the object. The second function returns them as bytes of BTF.
  btf* (*object_btf)(const bpf_object* object);
  const void* (*btf_raw_data)(const btf* types, uint32_t* length);
  bpf_program* (*object_next_program)(const bpf_object* object, bpf_program* previous);
  bpf_map* (*object_next_map)(const bpf_object* object, const bpf_map* previous);

  const char* (*program_name)(const bpf_program* program);
  const char* (*program_section_name)(const bpf_program* program);
  uint32_t (*program_type)(const bpf_program* program);
  uint32_t (*program_expected_attach_type)(const bpf_program* program);
  bool (*program_autoload)(const bpf_program* program);
  int (*program_set_autoload)(bpf_program* program, bool autoload);
  int (*program_fd)(const bpf_program* program);

  const char* (*map_name)(const bpf_map* map);
  uint32_t (*map_type)(const bpf_map* map);
  uint32_t (*map_key_size)(const bpf_map* map);
  uint32_t (*map_value_size)(const bpf_map* map);
  uint32_t (*map_max_entries)(const bpf_map* map);
  uint32_t (*map_map_flags)(const bpf_map* map);
  uint32_t (*map_btf_key_type_id)(const bpf_map* map);
  uint32_t (*map_btf_value_type_id)(const bpf_map* map);
  bool (*map_is_internal)(const bpf_map* map);
  const char* (*map_pin_path)(const bpf_map* map);
  int (*map_set_type)(bpf_map* map, uint32_t type);
  int (*map_set_key_size)(bpf_map* map, uint32_t size);
  int (*map_set_value_size)(bpf_map* map, uint32_t size);
  int (*map_set_max_entries)(bpf_map* map, uint32_t max_entries);
  int (*map_reuse_fd)(bpf_map* map, int fd);
  int (*map_fd)(const bpf_map* map);
  int (*map_set_initial_value)(bpf_map* map, const void* data, size_t length);
  const void* (*map_initial_value)(bpf_map* map, size_t* length);

  bpf_link* (*program_attach)(const bpf_program* program);
  bpf_link* (*program_attach_uprobe)(const bpf_program* program, pid_t pid, const char* path, size_t offset,
                                     const UprobeOptions* options);
  bpf_link* (*program_attach_usdt)(const bpf_program* program, pid_t pid, const char* path, const char* provider,
                                   const char* name, const void* options);
  bpf_link* (*program_attach_kprobe)(const bpf_program* program, const char* function, const KprobeOptions* options);
  int (*link_fd)(const bpf_link* link);
  int (*link_destroy)(bpf_link* link);

  int (*tc_hook_create)(TcHook* hook);
  int (*tc_attach)(const TcHook* hook, TcOptions* options);
  int (*tc_detach)(const TcHook* hook, const TcOptions* options);
};

// The functions of libbpf.so.1. The first successful call loads the library, which then stays loaded until the process
// ends. Null when there is no library with all functions: then `reason` is the message of dlopen(3) or dlsym(3).
const Functions* Load(std::string& reason);

// Captures the library's messages of this thread, at the levels warning and info, while this object exists. libbpf has
// one print function for the whole process. LogCapture replaces it while any LogCapture exists in any thread. Messages
// of threads without one still go to the former print function, which the last LogCapture restores.
class LogCapture {
 public:
  // `log` receives the messages; only their last kLongestLog bytes are kept.
  LogCapture(const Functions& functions, std::string& log);
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

 private:
  const Functions& functions_;
  std::string* outer_;
};

// In bytes. A verifier's log can have 16 MiB, and the cause is at its end.
inline constexpr size_t kLongestLog = 262'144;

}  // namespace perfring::system::libbpf

#endif  // PERFRING_SYSTEM_LIBBPF_H_
