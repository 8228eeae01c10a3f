// The compiler's static runtime libraries use these symbols of newer versions of glibc. They are defined here so that
// the addon loads with glibc 2.28, the oldest that Node 20 supports. native/exports.map keeps them local to this
// binary.

#include <cerrno>

// NOLINTBEGIN(bugprone-reserved-identifier, cppcoreguidelines-avoid-non-const-global-variables): glibc's names
extern "C" {

// From glibc 2.32 on: libstdc++ reads it to decide whether std::shared_ptr may count without atomic operations. 0: no.
extern char __libc_single_threaded;
char __libc_single_threaded = 0;

// The other symbols are for libgcc's unwinder, which never runs: this binary is compiled without exceptions. An
// exception that libstdc++ throws (a failed allocation) ends the process, as it does in node.

// From glibc 2.35 on: the unwinder finds its tables with it. -1: none found.
int _dl_find_object(void* /*address*/, void* /*result*/) { return -1; }

// glibc 2.34 moved these from libpthread to libc and gave them a new symbol version. When they fail, the unwinder works
// without them.
int pthread_once(int* /*control*/, void (*/*initialise*/)()) { return EPERM; }
int __pthread_key_create(unsigned int* /*key*/, void (*/*destroy*/)(void*)) { return EAGAIN; }

}
// NOLINTEND(bugprone-reserved-identifier, cppcoreguidelines-avoid-non-const-global-variables)
