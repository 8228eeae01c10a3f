#include "binding/cursor.h"

#include <optional>

#include "binding/answer.h"
#include "binding/arguments.h"
#include "binding/environment.h"
#include "system/ring_cursor.h"

namespace perfring::binding {
namespace {

using system::RingCursor;

// The cursors in the view of a metadata page; nullopt when they are not all there. Nor are those of a mapped ring
// taken, which has functions of its own: its pages are not all to be written.
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
  return cursor ? Answer(info, static_cast<double>(cursor->AcquireHead() - cursor->OwnTail())) : BadArgument(info);
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
  return Answer(info, 0);
}

Napi::Value CursorReadOffset(const Napi::CallbackInfo& info) {
  const auto cursor = CursorAt(info, 0);
  const auto capacity = Arguments(info).Integer(1, 1, kMaxInteger);
  return cursor && capacity ? Answer(info, static_cast<double>(cursor->OwnTail() % static_cast<uint64_t>(*capacity)))
                            : BadArgument(info);
}

Napi::Value CursorSkipToHead(const Napi::CallbackInfo& info) {
  const auto cursor = CursorAt(info, 0);
  if (!cursor) {
    return BadArgument(info);
  }
  const uint64_t tail = cursor->OwnTail();
  const uint64_t head = cursor->AcquireHead();
  cursor->ReleaseTail(head);
  return Answer(info, static_cast<double>(head - tail));
}

Napi::Value CursorFree(const Napi::CallbackInfo& info) {
  const auto cursor = CursorAt(info, 0);
  const auto capacity = Arguments(info).Integer(1, 1, kMaxInteger);
  if (!cursor || !capacity) {
    return BadArgument(info);
  }
  const uint64_t used = cursor->OwnHead() - cursor->AcquireTail();
  const auto capacity_bytes = static_cast<uint64_t>(*capacity);
  return Answer(info, used <= capacity_bytes ? static_cast<double>(capacity_bytes - used) : -1);
}

Napi::Value CursorPublish(const Napi::CallbackInfo& info) {
  const auto cursor = CursorAt(info, 0);
  const auto bytes = Arguments(info).Integer(1, 0, kMaxInteger);
  if (!cursor || !bytes) {
    return BadArgument(info);
  }
  cursor->ReleaseHead(cursor->OwnHead() + static_cast<uint64_t>(*bytes));
  return Answer(info, 0);
}

Napi::Value CursorWriteOffset(const Napi::CallbackInfo& info) {
  const auto cursor = CursorAt(info, 0);
  const auto capacity = Arguments(info).Integer(1, 1, kMaxInteger);
  return cursor && capacity ? Answer(info, static_cast<double>(cursor->OwnHead() % static_cast<uint64_t>(*capacity)))
                            : BadArgument(info);
}

}  // namespace

void ExportCursor(napi_env env, napi_value exports) {
  Export<CursorAvailable>(env, exports, "cursorAvailable");
  Export<CursorConsume>(env, exports, "cursorConsume");
  Export<CursorReadOffset>(env, exports, "cursorReadOffset");
  Export<CursorSkipToHead>(env, exports, "cursorSkipToHead");
  Export<CursorFree>(env, exports, "cursorFree");
  Export<CursorPublish>(env, exports, "cursorPublish");
  Export<CursorWriteOffset>(env, exports, "cursorWriteOffset");
}

}  // namespace perfring::binding
