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

// An epoll set and a timer that the event loop watches, and the callback for when one of them fires.
//
// libuv watches each by a handle of its own, and not the timer within the set: of two things ready in one set, the
// perf event is consumed by libuv's own look, and a set that then shows the timer alone would hide why it woke.
//
// Closing is in two steps, as libuv has it: Close() stops all callbacks at once; the object lives on until libuv
// gave the handles back.
class Poller : public std::enable_shared_from_this<Poller> {
 public:
  // The reasons of a wake: WAKE_EVENTS and WAKE_TIMER in lib/addon/contract.ts.
  static constexpr uint32_t kWakeEvents = 1;
  static constexpr uint32_t kWakeTimer = 2;

  static system::OrErrno<std::shared_ptr<Poller>> Open(napi_env env, std::shared_ptr<Environment> environment,
                                                       napi_value on_wake);

  Poller(napi_env env, std::shared_ptr<Environment> environment, system::EpollSet set, system::Timer timer);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  bool closed() const { return !count_.has_value(); }

  // Each answers 0 or a negative errno; not after Close().
  int Add(Watched& watched, uint32_t token) { return watched.Watch(set_, token); }
  int Remove(Watched& watched) { return watched.Unwatch(set_); }
  int SetTimer(uint64_t first_microseconds, uint64_t interval_microseconds) {
    return timer_->Set(first_microseconds, interval_microseconds);
  }
  void SetKeepAlive(bool keep_alive);
  // Idempotent, and allowed inside the callback.
  void Close();

 private:
  // A uv_poll_t, whose size only libuv knows.
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

  PollStorage set_poll_;
  PollStorage timer_poll_;
  size_t live_polls_ = 0;
  // While libuv or the cleanup hook can still call.
  std::shared_ptr<Poller> self_;
  napi_async_cleanup_hook_handle cleanup_hook_ = nullptr;
  napi_ref on_wake_ = nullptr;
  bool kept_alive_ = true;
  napi_async_context async_context_ = nullptr;
};

// What a handle holds of a poller: with the handle the poller closes.
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
