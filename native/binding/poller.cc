#include "binding/poller.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/bpf.h"
#include "binding/handle.h"
#include "binding/result.h"
#include "binding/perf_event.h"

namespace perfring::binding {
namespace {

// An event that hung up wakes without end, so it is found after at most this many wakes. Each look is a system call.
constexpr uint32_t kWakesPerLook = 16;

uv_poll_t* AsPoll(std::byte* storage) { return reinterpret_cast<uv_poll_t*>(storage); }
uv_handle_t* AsHandle(std::byte* storage) { return reinterpret_cast<uv_handle_t*>(storage); }

}  // namespace

Poller::Poller(napi_env env, std::shared_ptr<Environment> environment, system::EpollSet set, system::Timer timer)
    : env_(env),
      count_(std::in_place, std::move(environment), &OpenResources::pollers),
      set_(std::make_shared<system::EpollSet>(std::move(set))),
      timer_(std::move(timer)) {}

Poller::~Poller() = default;

system::OrErrno<std::shared_ptr<Poller>> Poller::Open(napi_env env, std::shared_ptr<Environment> environment,
                                                      napi_value on_wake) {
  auto set = system::EpollSet::Open();
  if (!set.ok()) {
    return system::Errno{set.error()};
  }
  auto timer = system::Timer::Open();
  if (!timer.ok()) {
    return system::Errno{timer.error()};
  }
  auto poller =
      std::make_shared<Poller>(env, std::move(environment), std::move(set.value()), std::move(timer.value()));
  if (!poller->Start(on_wake)) {
    poller->Close();
    return system::Errno{-ENOMEM};
  }
  return poller;
}

bool Poller::Start(napi_value on_wake) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env_, &loop) != napi_ok ||
      // Without the hook, a worker that exits finds open handles in its loop and aborts the process.
      napi_add_async_cleanup_hook(env_, OnEnvironmentExit, this, &cleanup_hook_) != napi_ok) {
    return false;
  }
  self_ = shared_from_this();
  napi_value name = StringValue(env_, "perfring.poller");
  return napi_create_reference(env_, on_wake, 1, &on_wake_) == napi_ok &&
         napi_async_init(env_, nullptr, name, &async_context_) == napi_ok &&
         StartPolling(loop, set_poll_, set_->fd()) && StartPolling(loop, timer_poll_, timer_->fd());
}

bool Poller::StartPolling(uv_loop_t* loop, PollStorage& storage, int fd) {
  auto allocated = std::make_unique<std::byte[]>(uv_handle_size(UV_POLL));  // NOLINT(*-avoid-c-arrays)
  if (uv_poll_init(loop, AsPoll(allocated.get()), fd) != 0) {
    return false;
  }
  storage = std::move(allocated);
  ++live_polls_;
  uv_handle_set_data(AsHandle(storage.get()), this);
  return uv_poll_start(AsPoll(storage.get()), UV_READABLE, OnReadable) == 0;
}

void Poller::SetKeepAlive(bool keep_alive) {
  // The reference is strong only while the poller keeps the process alive. The callback usually holds the handle, so a
  // permanent strong reference would keep both from being collected.
  if (keep_alive != kept_alive_) {
    keep_alive ? napi_reference_ref(env_, on_wake_, nullptr) : napi_reference_unref(env_, on_wake_, nullptr);
    kept_alive_ = keep_alive;
  }
  for (const PollStorage* const poll : {&set_poll_, &timer_poll_}) {
    keep_alive ? uv_ref(AsHandle(poll->get())) : uv_unref(AsHandle(poll->get()));
  }
}

void Poller::Close() {
  if (closed()) {
    return;
  }
  count_.reset();
  for (const PollStorage* const poll : {&set_poll_, &timer_poll_}) {
    if (*poll != nullptr) {
      uv_poll_stop(AsPoll(poll->get()));
      uv_close(AsHandle(poll->get()), OnClosed);
    }
  }
  // After uv_poll_stop() libuv does not use the descriptors any more, so they may be closed.
  set_.reset();
  timer_.reset();
  if (live_polls_ == 0) {
    Release();
  }
}

void Poller::OnClosed(uv_handle_t* handle) {
  auto* const poller = static_cast<Poller*>(uv_handle_get_data(handle));
  if (--poller->live_polls_ == 0) {
    poller->Release();
  }
}

void Poller::OnEnvironmentExit(napi_async_cleanup_hook_handle /*hook*/, void* poller) {
  // Node waits for this environment until Release() removes the hook.
  static_cast<Poller*>(poller)->Close();
}

void Poller::Release() {
  const std::shared_ptr<Poller> last = std::move(self_);
  if (async_context_ != nullptr) {
    napi_async_destroy(env_, async_context_);
  }
  if (on_wake_ != nullptr) {
    napi_delete_reference(env_, on_wake_);
  }
  // Last, because node may free the environment as soon as the hook is removed.
  if (cleanup_hook_ != nullptr) {
    napi_remove_async_cleanup_hook(cleanup_hook_);
  }
}

void Poller::OnReadable(uv_poll_t* poll, int /*status*/, int /*events*/) {
  auto* const handle = reinterpret_cast<uv_handle_t*>(poll);
  // The callback may close the poller.
  const auto poller = static_cast<Poller*>(uv_handle_get_data(handle))->shared_from_this();
  if (!poller->closed()) {
    poller->Wake(poll == AsPoll(poller->set_poll_.get()));
  }
}

void Poller::Wake(bool events_ready) {
  std::vector<uint32_t> hung_up;
  uint32_t reasons = 0;
  if (events_ready) {
    reasons |= kWakeEvents;
    if (set_->MustLook() || ++wakes_since_look_ == kWakesPerLook) {
      wakes_since_look_ = 0;
      set_->TakeHungUp(hung_up);
    }
  } else if (timer_->TakeExpiry()) {
    // The timer is read only when the events were not ready: libuv reports the timer on its own, and reading it here as
    // well would cost one more system call before the sample is delivered.
    reasons |= kWakeTimer;
  }
  if (reasons != 0) {
    Call(reasons, hung_up);
  }
}

void Poller::Call(uint32_t reasons, std::span<const uint32_t> hung_up) {
  const Napi::HandleScope scope(env_);
  napi_value receiver = nullptr;
  napi_value on_wake = nullptr;
  napi_value tokens = nullptr;
  napi_get_global(env_, &receiver);
  napi_get_reference_value(env_, on_wake_, &on_wake);
  if (on_wake == nullptr) {
    // The callback was collected, so there is nothing to call. The handle will be collected as well.
    return;
  }
  if (hung_up.empty()) {
    napi_get_undefined(env_, &tokens);
  } else {
    const std::vector<int> numbers(hung_up.begin(), hung_up.end());
    tokens = ArrayValue(env_, numbers);
  }
  const std::array<napi_value, 2> arguments = {NumberValue(env_, reasons), tokens};
  if (napi_make_callback(env_, async_context_, receiver, on_wake, arguments.size(), arguments.data(), nullptr) ==
      napi_ok) {
    return;
  }
  bool pending = false;
  napi_value error = nullptr;
  // No exception is pending when the call failed because the environment is shutting down.
  if (napi_is_exception_pending(env_, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env_, &error) == napi_ok) {
    // As for every callback of node: 'uncaughtException' is emitted, or the process ends. The poller stays open.
    napi_fatal_exception(env_, error);
  }
}

namespace {

constexpr int64_t kMaxToken = (int64_t{1} << 31) - 1;
// About 30 years, far below the kernel's limit.
constexpr int64_t kMaxMicroseconds = 1'000'000'000'000'000;

// Null also when OnEnvironmentExit() closed the poller while the handle is still open.
std::shared_ptr<OpenPoller> PollerAt(const Arguments& arguments, size_t index) {
  auto opened = arguments.Open<OpenPoller>(index);
  return opened && !opened->poller().closed() ? opened : nullptr;
}

Napi::Value PollerOpen(const Napi::CallbackInfo& info) {
  if (!Arguments(info).IsFunction(0)) {
    return BadArgument(info);
  }
  auto poller = Poller::Open(info.Env(), Environment::Of(info), info[0]);
  if (!poller.ok()) {
    return Result(info, poller.error());
  }
  return ResultObject(info, Handle<OpenPoller>::New(info.Env(), std::make_shared<OpenPoller>(poller.value())));
}

// A perf event or a map. It shares the ownership of what it is part of.
std::shared_ptr<Watched> WatchedAt(const Arguments& arguments, size_t index) {
  if (const auto event = arguments.Open<OpenPerfEvent>(index)) {
    return {event, &event->watched};
  }
  if (const auto map = arguments.Open<OpenBpfMap>(index)) {
    return {map, &map->watched};
  }
  return nullptr;
}

Napi::Value PollerAdd(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = PollerAt(arguments, 0);
  const auto watched = WatchedAt(arguments, 1);
  const auto token = arguments.Integer(2, 0, kMaxToken);
  return opened && watched && token ? Result(info, opened->poller().Add(*watched, static_cast<uint32_t>(*token)))
                                    : BadArgument(info);
}

Napi::Value PollerRemove(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = PollerAt(arguments, 0);
  const auto watched = WatchedAt(arguments, 1);
  return opened && watched ? Result(info, opened->poller().Remove(*watched)) : BadArgument(info);
}

Napi::Value PollerSetTimer(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = PollerAt(arguments, 0);
  const auto first = arguments.Integer(1, 0, kMaxMicroseconds);
  const auto interval = arguments.Integer(2, 0, kMaxMicroseconds);
  // With a first expiry of 0 timerfd_settime(2) disarms the timer and ignores the interval.
  if (!opened || !first || !interval || (*first == 0 && *interval != 0)) {
    return BadArgument(info);
  }
  return Result(info,
                opened->poller().SetTimer(static_cast<uint64_t>(*first), static_cast<uint64_t>(*interval)));
}

Napi::Value PollerSetRef(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto opened = PollerAt(arguments, 0);
  const auto keep_alive = arguments.Boolean(1);
  if (!opened || !keep_alive) {
    return BadArgument(info);
  }
  opened->poller().SetKeepAlive(*keep_alive);
  return Result(info, 0);
}

Napi::Value PollerClose(const Napi::CallbackInfo& info) {
  auto* const handle = Handle<OpenPoller>::From(info.Env(), info[0]);
  if (handle == nullptr) {
    return BadArgument(info);
  }
  handle->Close();
  return Result(info, 0);
}

}  // namespace

void ExportPoller(napi_env env, napi_value exports) {
  Export<PollerOpen>(env, exports, "pollerOpen");
  Export<PollerAdd>(env, exports, "pollerAdd");
  Export<PollerRemove>(env, exports, "pollerRemove");
  Export<PollerSetTimer>(env, exports, "pollerSetTimer");
  Export<PollerSetRef>(env, exports, "pollerSetRef");
  Export<PollerClose>(env, exports, "pollerClose");
}

}  // namespace perfring::binding
