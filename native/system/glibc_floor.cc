// What the compiler's static runtime libraries ask of a young glibc, so that the addon loads wherever Node 20 does
// (glibc 2.28). native/exports.map hides these: this binary alone sees them.

#include <cerrno>

// NOLINTBEGIN(bugprone-reserved-identifier, cppcoreguidelines-avoid-non-const-global-variables): glibc's names
extern "C" {

// glibc 2.32 tells libstdc++ here whether std::shared_ptr may count without atomic operations. It may not.
extern char __libc_single_threaded;
char __libc_single_threaded = 0;

// The rest is for libgcc's unwinder, which never runs: this binary is compiled without exceptions, and one that
// libstdc++ throws (a failed allocation) ends the process, as node's own do.

// glibc 2.35 finds the unwinder its tables here. -1: there are none.
int _dl_find_object(void* /*address*/, void* /*result*/) { return -1; }

// These moved from libpthread to libc, and to a new version, in glibc 2.34. A failure makes the unwinder do without.
int pthread_once(int* /*control*/, void (*/*initialise*/)()) { return EPERM; }
int __pthread_key_create(unsigned int* /*key*/, void (*/*destroy*/)(void*)) { return EAGAIN; }

}
// NOLINTEND(bugprone-reserved-identifier, cppcoreguidelines-avoid-non-const-global-variables)
