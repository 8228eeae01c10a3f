#include "binding/cursor.h"

#include <optional>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/result.h"
#include "system/ring_cursor.h"

namespace perfring::binding {
namespace {

using system::RingCursor;

// The cursors in a view of a metadata page. nullopt when the view is too short or not aligned, and for memory of a
// mapped ring: its pages may be read-only. The functions in mapped_ring.cc serve mapped rings.
std::optional<RingCursor> CursorAt(const Napi::CallbackInfo& info, size_t index) {
  const auto view = Arguments(info).ViewBytes(index);
  if (!view || view->size() < RingCursor::kRequiredBytes ||
      reinterpret_cast<uintptr_t>(view->data()) % RingCursor::kAlignment != 0 ||
      Environment::Of(info)->mapped().Overlaps(*view)) {
    return std::nullopt;
  }
  return RingCursor(view->data());
}

Napi::Value CursorAvailable(const Napi::CallbackInfo& info) {
  const auto cursor = CursorAt(info, 0);
  return cursor ? Result(info, static_cast<double>(cursor->AcquireHead() - cursor->OwnTail())) : BadArgument(info);
}

Napi::Value CursorConsume(const Napi::CallbackInfo& info) {
  const auto cursor = CursorAt(info, 0);
  const auto bytes = Arguments(info).Integer(1, 0, kMaxInteger);
  if (!cursor || !bytes) {
    return BadArgument(info);
  }
  const uint64_t tail = cursor->OwnTail();
  if (static_cast<uint64_t>(*bytes) > cursor->AcquireHead() - tail) {
    return BadArgument(info);
  }
  cursor->ReleaseTail(tail + static_cast<uint64_t>(*bytes));
  return Result(info, 0);
}

Napi::Value CursorSkipToHead(const Napi::CallbackInfo& info) {
  const auto cursor = CursorAt(info, 0);
  if (!cursor) {
    return BadArgument(info);
  }
  const uint64_t tail = cursor->OwnTail();
  const uint64_t head = cursor->AcquireHead();
  cursor->ReleaseTail(head);
  return Result(info, static_cast<double>(head - tail));
}

Napi::Value CursorFree(const Napi::CallbackInfo& info) {
  const auto cursor = CursorAt(info, 0);
  const auto capacity = Arguments(info).Integer(1, 1, kMaxInteger);
  if (!cursor || !capacity) {
    return BadArgument(info);
  }
  const uint64_t used = cursor->OwnHead() - cursor->AcquireTail();
  const auto capacity_bytes = static_cast<uint64_t>(*capacity);
  return Result(info, used <= capacity_bytes ? static_cast<double>(capacity_bytes - used) : -1);
}

Napi::Value CursorPublish(const Napi::CallbackInfo& info) {
  const auto cursor = CursorAt(info, 0);
  const auto bytes = Arguments(info).Integer(1, 0, kMaxInteger);
  if (!cursor || !bytes) {
    return BadArgument(info);
  }
  cursor->ReleaseHead(cursor->OwnHead() + static_cast<uint64_t>(*bytes));
  return Result(info, 0);
}

}  // namespace

void ExportCursor(napi_env env, napi_value exports) {
  Export<CursorAvailable>(env, exports, "cursorAvailable");
  Export<CursorConsume>(env, exports, "cursorConsume");
  Export<CursorSkipToHead>(env, exports, "cursorSkipToHead");
  Export<CursorFree>(env, exports, "cursorFree");
  Export<CursorPublish>(env, exports, "cursorPublish");
}

}  // namespace perfring::binding
