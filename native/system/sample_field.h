#ifndef PERFRING_SYSTEM_SAMPLE_FIELD_H_
#define PERFRING_SYSTEM_SAMPLE_FIELD_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "system/sample_walk.h"

namespace perfring::system {

// What a field of a sample holds, in the order of FIELD_KINDS in lib/query/query-program.ts. Little-endian, but for those
// that say otherwise.
enum class FieldKind : uint8_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kU64,
  kI64,
  kF32,
  kF64,
  kU16Be,
  kI16Be,
  kU32Be,
  kI32Be,
  kU64Be,
  kI64Be,
  kBool,
  // Bytes as they are.
  kBytes,
  // Bytes up to the first NUL.
  kText,
};
inline constexpr uint64_t kFieldKinds = static_cast<uint64_t>(FieldKind::kText) + 1;

enum class FieldSource : uint8_t { kPayload, kRecord, kConstant };
inline constexpr uint64_t kFieldSources = static_cast<uint64_t>(FieldSource::kConstant) + 1;

struct SampleField {
  FieldSource source;
  FieldKind kind;
  // Bytes from the start of the payload, or of the record. Of a constant its value.
  uint32_t offset;
  uint32_t size;

  bool is_float() const { return kind == FieldKind::kF32 || kind == FieldKind::kF64; }
  bool is_number() const { return kind < FieldKind::kBytes; }
  // Whether its 64-bit value is without a sign.
  bool is_wide_unsigned() const { return kind == FieldKind::kU64 || kind == FieldKind::kU64Be; }
};

// The values of a field, by sample: integers extended to 64 bits, floats as the bits of doubles. Text and bytes, as far as
// they fit, in two words, zeroes behind them.
struct FieldValues {
  static constexpr uint32_t kTextBytes = 16;

  // Nothing is cleared: values are written before they are read.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init,modernize-use-equals-default)
  FieldValues() {}

  std::array<uint64_t, SampleBlock::kCapacity> low;
  // Of text and bytes alone.
  std::array<uint64_t, SampleBlock::kCapacity> high;
};

// Where a field of each sample of a block lies, one behind the other.
struct EvenPlaces {
  const std::byte* first;
  size_t stride;

  const std::byte* operator[](size_t sample) const { return first + sample * stride; }
};

// The same, by the offset of each.
struct ListedPlaces {
  const std::byte* bytes;
  const uint32_t* offsets;

  const std::byte* operator[](size_t sample) const { return bytes + offsets[sample]; }
};

// What `use` returns of the places of a field that is no constant.
template <typename Use>
auto WithPlaces(const SampleField& field, const SampleFormat& format, const SampleBlock& block, Use use) {
  const bool is_in_payload = field.source == FieldSource::kPayload;
  if (is_in_payload && format.is_variable()) {
    return use(ListedPlaces{block.bytes + field.offset, block.payload.data()});
  }
  const std::byte* const bytes = block.bytes + field.offset + (is_in_payload ? format.least_bytes() : 0);
  if (block.stride != 0) {
    return use(EvenPlaces{bytes + block.first, block.stride});
  }
  return use(ListedPlaces{bytes, block.start.data()});
}

template <typename Value>
Value LoadValue(const std::byte* at) {
  Value value{};
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// The field of each sample of the block, whose payloads are long enough for it.
void GatherValues(const SampleField& field, const SampleFormat& format, const SampleBlock& block, FieldValues& values);

// The loop of FoldNumbers(). All is by value: what a reference leads to is stored and loaded again for each sample.
template <typename Stored, typename Value, typename Places, typename State, typename Step>
State FoldAs(const Places places, const uint32_t count, State state, const Step step) {
  for (uint32_t i = 0; i < count; ++i) {
    state = step(state, i, static_cast<Value>(LoadValue<Stored>(places[i])));
  }
  return state;
}

// Calls state = step(state, number of the sample in the block, value) for each sample; returns the last state. The value is
// an int64_t, a uint64_t of 64-bit unsigned kinds, or a double of floats. The kinds that most layouts have are read
// where they lie.
template <typename State, typename Step>
State FoldNumbers(const SampleField& field, const SampleFormat& format, const SampleBlock& block, const State state,
                  const Step step) {
  const uint32_t count = block.count;
  if (field.source != FieldSource::kConstant) {
    switch (field.kind) {
      case FieldKind::kU32:
        return WithPlaces(field, format, block, [=](const auto places) {
          return FoldAs<uint32_t, int64_t>(places, count, state, step);
        });
      case FieldKind::kI32:
        return WithPlaces(field, format, block, [=](const auto places) {
          return FoldAs<int32_t, int64_t>(places, count, state, step);
        });
      case FieldKind::kU64:
        return WithPlaces(field, format, block, [=](const auto places) {
          return FoldAs<uint64_t, uint64_t>(places, count, state, step);
        });
      case FieldKind::kI64:
        return WithPlaces(field, format, block, [=](const auto places) {
          return FoldAs<int64_t, int64_t>(places, count, state, step);
        });
      default:
        break;
    }
  }
  FieldValues values;
  GatherValues(field, format, block, values);
  const EvenPlaces gathered{reinterpret_cast<const std::byte*>(values.low.data()), sizeof(uint64_t)};
  if (field.is_float()) {
    return FoldAs<double, double>(gathered, count, state, step);
  }
  return field.is_wide_unsigned() ? FoldAs<uint64_t, uint64_t>(gathered, count, state, step)
                                  : FoldAs<int64_t, int64_t>(gathered, count, state, step);
}

// FoldNumbers() without a state.
template <typename Visit>
void VisitNumbers(const SampleField& field, const SampleFormat& format, const SampleBlock& block, const Visit visit) {
  FoldNumbers(field, format, block, 0, [=](int state, uint32_t sample, auto value) {
    visit(sample, value);
    return state;
  });
}

// Puts the field of each sample into an array of its kind; or, of an integer, into one of doubles.
void CopyField(const SampleField& field, const SampleFormat& format, const SampleBlock& block, bool as_double,
               std::byte* target);

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_SAMPLE_FIELD_H_
