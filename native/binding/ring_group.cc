#include "binding/ring_group.h"

#include <cerrno>
#include <memory>
#include <span>
#include <utility>

#include "binding/arguments.h"
#include "binding/mapped_ring.h"
#include "binding/result.h"
#include "system/ring_group.h"

namespace perfring::binding {
namespace {

using system::RingGroup;

// A group, and the words for its positions. Both functions of the group own it.
class BoundGroup {
 public:
  BoundGroup(napi_env env, std::shared_ptr<RingGroup> group) : env_(env), group_(std::move(group)) {}
  ~BoundGroup() {
    if (array_ != nullptr) {
      napi_delete_reference(env_, array_);
    }
  }
  BoundGroup(const BoundGroup&) = delete;
  BoundGroup& operator=(const BoundGroup&) = delete;

  // Keeps `array`, whose words are `positions`, reachable. Its memory is shared, so it can't be detached or shortened.
  bool Bind(napi_value array, std::span<int32_t> positions) {
    positions_ = positions;
    return napi_create_reference(env_, array, 1, &array_) == napi_ok;
  }

  void Acquire() const { group_->Acquire(positions_); }
  void Release() const { group_->Release(positions_); }

 private:
  napi_env env_;
  std::shared_ptr<RingGroup> group_;
  std::span<int32_t> positions_;
  napi_ref array_ = nullptr;
};

using Holder = std::shared_ptr<BoundGroup>;

void DropHolder(napi_env /*env*/, void* data, void* /*hint*/) { delete static_cast<Holder*>(data); }

// The function takes no arguments and returns undefined: each would cost more than the accesses to a ring.
template <void (BoundGroup::*Method)() const>
napi_value CallBound(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) == napi_ok) {
    (static_cast<Holder*>(data)->get()->*Method)();
  }
  return nullptr;
}

// A function that owns its share of the group until it is collected. Null when it can't be created.
template <void (BoundGroup::*Method)() const>
napi_value BoundFunction(napi_env env, const Holder& group) {
  auto holder = std::make_unique<Holder>(group);
  napi_value function = nullptr;
  if (napi_create_function(env, nullptr, 0, CallBound<Method>, holder.get(), &function) != napi_ok ||
      napi_add_finalizer(env, function, holder.get(), DropHolder, nullptr, nullptr) != napi_ok) {
    return nullptr;
  }
  // DropHolder() deletes it.
  static_cast<void>(holder.release());
  return function;
}

Napi::Value BindRingGroup(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  // Reading the list can run JavaScript, which may close rings. So nothing else is read before it.
  const auto rings = arguments.OpenList<OpenRing>(0, RingGroup::kMaxRings);
  const auto positions = arguments.SharedInt32s(1);
  if (!rings || rings->empty() || !positions || positions->size() != RingGroup::WordsFor(rings->size())) {
    return BadArgument(info);
  }
  auto group = std::make_shared<RingGroup>();
  for (const auto& ring : *rings) {
    const system::MappedRing& mapped = ring->ring();
    if (mapped.capacity() > RingGroup::kMaxCapacity) {
      return BadArgument(info);
    }
    group->Add(mapped.cursor(), mapped.capacity(), mapped.writable());
  }
  for (size_t index = 0; index < rings->size(); ++index) {
    (*rings)[index]->Join(group, index);
  }
  const auto bound = std::make_shared<BoundGroup>(info.Env(), std::move(group));
  if (!bound->Bind(info[1], *positions)) {
    return Result(info, -ENOMEM);
  }
  const napi_value acquire = BoundFunction<&BoundGroup::Acquire>(info.Env(), bound);
  const napi_value release = BoundFunction<&BoundGroup::Release>(info.Env(), bound);
  if (acquire == nullptr || release == nullptr) {
    return Result(info, -ENOMEM);
  }
  return ResultObject(info, ObjectValue(info.Env(), {{"acquire", acquire}, {"release", release}}));
}

}  // namespace

void ExportRingGroup(napi_env env, napi_value exports) { Export<BindRingGroup>(env, exports, "ringGroup"); }

}  // namespace perfring::binding
