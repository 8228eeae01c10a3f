#ifndef PERFRING_BINDING_POLLER_H_
#define PERFRING_BINDING_POLLER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "binding/environment.h"
#include "binding/uv_abi.h"
#include "binding/watched.h"
#include "napi.h"
#include "system/epoll_set.h"
#include "system/system_error.h"
#include "system/timer.h"

namespace perfring::binding {

// An epoll set and a timer, both watched by the event loop, and the callback that is called when one of them fires.
//
// Each has its own libuv handle. The timer is not in the epoll set: libuv's own poll of the set consumes the readiness
// of a perf event, and if the timer was ready as well, a later look at the set would show only the timer.
//
// Closing takes two steps, as libuv requires. Close() stops all callbacks at once. The object exists until libuv has
// reported both handles as closed.
class Poller : public std::enable_shared_from_this<Poller> {
 public:
  // Why the callback is called; a bit set. WAKE_EVENTS and WAKE_TIMER in lib/addon/contract.ts.
  static constexpr uint32_t kWakeEvents = 1;
  static constexpr uint32_t kWakeTimer = 2;

  static system::OrErrno<std::shared_ptr<Poller>> Open(napi_env env, std::shared_ptr<Environment> environment,
                                                       napi_value on_wake);

  Poller(napi_env env, std::shared_ptr<Environment> environment, system::EpollSet set, system::Timer timer);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  bool closed() const { return !count_.has_value(); }

  // Add, Remove and SetTimer return 0 or a negative errno. None of the four may be called after Close().
  int Add(Watched& watched, uint32_t token) { return watched.Watch(set_, token); }
  int Remove(Watched& watched) { return watched.Unwatch(set_); }
  int SetTimer(uint64_t first_microseconds, uint64_t interval_microseconds) {
    return timer_->Set(first_microseconds, interval_microseconds);
  }
  void SetKeepAlive(bool keep_alive);
  // Idempotent. May be called from the callback.
  void Close();

 private:
  // Storage for a uv_poll_t, whose size is known only at run time (uv_handle_size()).
  using PollStorage = std::unique_ptr<std::byte[]>;  // NOLINT(*-avoid-c-arrays): new[] makes it

  static void OnReadable(uv_poll_t* poll, int status, int events);
  static void OnClosed(uv_handle_t* handle);
  static void OnEnvironmentExit(napi_async_cleanup_hook_handle hook, void* poller);

  bool Start(napi_value on_wake);
  bool StartPolling(uv_loop_t* loop, PollStorage& storage, int fd);
  void Wake(bool events_ready);
  void Call(uint32_t reasons, std::span<const uint32_t> hung_up);
  void Release();

  napi_env env_;
  std::optional<OpenCount> count_;
  // Shared with the events and maps in it, which leave it when they close.
  std::shared_ptr<system::EpollSet> set_;
  std::optional<system::Timer> timer_;

  // Wakes by events since the set was last asked for hang-ups.
  uint32_t wakes_since_look_ = 0;

  PollStorage set_poll_;
  PollStorage timer_poll_;
  size_t live_polls_ = 0;
  // Keeps this object alive while libuv or the cleanup hook can still call it.
  std::shared_ptr<Poller> self_;
  napi_async_cleanup_hook_handle cleanup_hook_ = nullptr;
  napi_ref on_wake_ = nullptr;
  bool kept_alive_ = true;
  napi_async_context async_context_ = nullptr;
};

// The resource of a poller's handle. Closing the handle closes the poller.
class OpenPoller {
 public:
  static constexpr napi_type_tag kTypeTag = {0x58f3e09b7c2d41a6, 0xd10a94e67b35c8f2};

  explicit OpenPoller(std::shared_ptr<Poller> poller) : poller_(std::move(poller)) {}
  ~OpenPoller() { poller_->Close(); }
  OpenPoller(const OpenPoller&) = delete;
  OpenPoller& operator=(const OpenPoller&) = delete;

  Poller& poller() const { return *poller_; }

 private:
  std::shared_ptr<Poller> poller_;
};

void ExportPoller(napi_env env, napi_value exports);

}  // namespace perfring::binding

#endif  // PERFRING_BINDING_POLLER_H_
