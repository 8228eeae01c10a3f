#ifndef PERFRING_SYSTEM_SIGNAL_BLOCK_H_
#define PERFRING_SYSTEM_SIGNAL_BLOCK_H_

#include <csignal>

namespace perfring::system {

// Blocks every signal of the calling thread for as long as this lives. For system calls that give up when a signal is
// pending: a CPU profiler sends SIGPROF to the thread every millisecond or more often. A blocked signal is delivered
// afterwards, or to another thread at once; what kills the process is not held up.
class SignalBlock {
 public:
  SignalBlock() {
    sigset_t all;
    ::sigfillset(&all);
    // Not pthread_sigmask(), which asks for glibc 2.32: on Linux both set the mask of the calling thread.
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
