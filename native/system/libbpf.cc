#include "system/libbpf.h"

#include <dlfcn.h>

#include <cstdio>
#include <mutex>
#include <optional>
#include <utility>

// glibc 2.34 moved these functions to libc with a new symbol version. node's oldest glibc has the first one.
// NOLINTBEGIN(hicpp-no-assembler)
#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
__asm__(".symver dlerror, dlerror@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver dlopen, dlopen@GLIBC_2.17");
__asm__(".symver dlsym, dlsym@GLIBC_2.17");
__asm__(".symver dlerror, dlerror@GLIBC_2.17");
#endif
// NOLINTEND(hicpp-no-assembler)

namespace perfring::system::libbpf {
namespace {

// libbpf.so.0 is not used: its functions differ, and it can't read the BTF of kernels from 6.0 on.
constexpr const char* kLibrary = "libbpf.so.1";

std::string LastError() {
  const char* const text = ::dlerror();  // NOLINT(concurrency-mt-unsafe): of this thread
  return text == nullptr ? "unknown" : text;
}

// Looks up functions until one is missing.
class Finder {
 public:
  Finder(void* library, std::string& reason) : library_(library), reason_(reason) {}

  template <typename Function>
  void Find(Function*& function, const char* name) {
    function = complete_ ? reinterpret_cast<Function*>(::dlsym(library_, name)) : nullptr;
    if (complete_ && function == nullptr) {
      reason_ = LastError();
      complete_ = false;
    }
  }

  bool complete() const { return complete_; }

 private:
  void* library_;
  std::string& reason_;
  bool complete_ = true;
};

bool FindAll(void* library, Functions& functions, std::string& reason) {
  Finder finder(library, reason);
  finder.Find(functions.set_print, "libbpf_set_print");
  finder.Find(functions.version_string, "libbpf_version_string");
  finder.Find(functions.object_open_mem, "bpf_object__open_mem");
  finder.Find(functions.object_load, "bpf_object__load");
  finder.Find(functions.object_close, "bpf_object__close");
  finder.Find(functions.object_btf, "bpf_object__btf");
  finder.Find(functions.btf_raw_data, "btf__raw_data");
  finder.Find(functions.object_next_program, "bpf_object__next_program");
  finder.Find(functions.object_next_map, "bpf_object__next_map");
  finder.Find(functions.program_name, "bpf_program__name");
  finder.Find(functions.program_section_name, "bpf_program__section_name");
  finder.Find(functions.program_type, "bpf_program__type");
  finder.Find(functions.program_expected_attach_type, "bpf_program__expected_attach_type");
  finder.Find(functions.program_autoload, "bpf_program__autoload");
  finder.Find(functions.program_set_autoload, "bpf_program__set_autoload");
  finder.Find(functions.program_fd, "bpf_program__fd");
  finder.Find(functions.map_name, "bpf_map__name");
  finder.Find(functions.map_type, "bpf_map__type");
  finder.Find(functions.map_key_size, "bpf_map__key_size");
  finder.Find(functions.map_value_size, "bpf_map__value_size");
  finder.Find(functions.map_max_entries, "bpf_map__max_entries");
  finder.Find(functions.map_map_flags, "bpf_map__map_flags");
  finder.Find(functions.map_btf_key_type_id, "bpf_map__btf_key_type_id");
  finder.Find(functions.map_btf_value_type_id, "bpf_map__btf_value_type_id");
  finder.Find(functions.map_is_internal, "bpf_map__is_internal");
  finder.Find(functions.map_pin_path, "bpf_map__pin_path");
  finder.Find(functions.map_set_type, "bpf_map__set_type");
  finder.Find(functions.map_set_key_size, "bpf_map__set_key_size");
  finder.Find(functions.map_set_value_size, "bpf_map__set_value_size");
  finder.Find(functions.map_set_max_entries, "bpf_map__set_max_entries");
  finder.Find(functions.map_reuse_fd, "bpf_map__reuse_fd");
  finder.Find(functions.map_fd, "bpf_map__fd");
  finder.Find(functions.map_set_initial_value, "bpf_map__set_initial_value");
  finder.Find(functions.map_initial_value, "bpf_map__initial_value");
  finder.Find(functions.program_attach, "bpf_program__attach");
  finder.Find(functions.program_attach_uprobe, "bpf_program__attach_uprobe_opts");
  finder.Find(functions.program_attach_usdt, "bpf_program__attach_usdt");
  finder.Find(functions.program_attach_kprobe, "bpf_program__attach_kprobe_opts");
  finder.Find(functions.link_fd, "bpf_link__fd");
  finder.Find(functions.link_destroy, "bpf_link__destroy");
  finder.Find(functions.tc_hook_create, "bpf_tc_hook_create");
  finder.Find(functions.tc_attach, "bpf_tc_attach");
  finder.Find(functions.tc_detach, "bpf_tc_detach");
  return finder.complete();
}

// State shared by all threads, guarded by the mutex.
struct Shared {
  std::mutex mutex;
  // Set when the library is loaded. It is never unloaded, because other threads may have objects open.
  std::optional<Functions> functions;
  // The number of LogCaptures, and the print function that was set before the first of them.
  size_t captures = 0;
  PrintFunction former = nullptr;
};

// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
Shared shared;
// Receives this thread's log. A raw pointer, because a destructor would prevent the addon from being unloaded.
thread_local std::string* this_threads_log = nullptr;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

constexpr int kDebugLevel = 2;

void AppendTo(std::string& log, const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, arguments);
  if (length > 0) {
    const size_t before = log.size();
    log.resize(before + static_cast<size_t>(length) + 1);
    std::vsnprintf(log.data() + before, static_cast<size_t>(length) + 1, format, again);
    log.pop_back();
    if (log.size() > kLongestLog) {
      log.erase(0, log.size() - kLongestLog);
      log.shrink_to_fit();
    }
  }
  va_end(again);
}

PrintFunction FormerPrint() {
  const std::lock_guard lock(shared.mutex);
  return shared.former;
}

int Print(int level, const char* format, va_list arguments) {
  if (this_threads_log == nullptr) {
    const PrintFunction former = FormerPrint();
    return former == nullptr ? 0 : former(level, format, arguments);
  }
  if (level < kDebugLevel) {
    AppendTo(*this_threads_log, format, arguments);
  }
  return 0;
}

}  // namespace

const Functions* Load(std::string& reason) {
  const std::lock_guard lock(shared.mutex);
  if (shared.functions) {
    return &*shared.functions;
  }
  void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    reason = LastError();
    return nullptr;
  }
  Functions functions{};
  if (!FindAll(library, functions, reason)) {
    return nullptr;
  }
  shared.functions = functions;
  return &*shared.functions;
}

LogCapture::LogCapture(const Functions& functions, std::string& log)
    : functions_(functions), outer_(std::exchange(this_threads_log, &log)) {
  const std::lock_guard lock(shared.mutex);
  if (shared.captures++ == 0) {
    shared.former = functions_.set_print(Print);
  }
}

LogCapture::~LogCapture() {
  this_threads_log = outer_;
  const std::lock_guard lock(shared.mutex);
  if (--shared.captures == 0) {
    const PrintFunction ours = functions_.set_print(std::exchange(shared.former, nullptr));
    if (ours != Print) {
      // Other code has set its print function meanwhile: keep that one.
      functions_.set_print(ours);
    }
  }
}

}  // namespace perfring::system::libbpf
