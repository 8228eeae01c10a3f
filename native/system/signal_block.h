#ifndef PERFRING_SYSTEM_SIGNAL_BLOCK_H_
#define PERFRING_SYSTEM_SIGNAL_BLOCK_H_

#include <csignal>

namespace perfring::system {

// Blocks all signals of the calling thread while this object exists. It is for system calls that fail when a signal is
// pending: a CPU profiler sends SIGPROF to the thread every millisecond or more often. A blocked signal is delivered
// afterwards, or to another thread at once. SIGKILL can't be blocked.
class SignalBlock {
 public:
  SignalBlock() {
    sigset_t all;
    ::sigfillset(&all);
    // pthread_sigmask() would require glibc 2.32. On Linux sigprocmask() sets the mask of the calling thread as well.
    ::sigprocmask(SIG_SETMASK, &all, &before_);  // NOLINT(concurrency-mt-unsafe): see above
  }
  ~SignalBlock() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }  // NOLINT(concurrency-mt-unsafe): see above
  SignalBlock(const SignalBlock&) = delete;
  SignalBlock& operator=(const SignalBlock&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_SIGNAL_BLOCK_H_
