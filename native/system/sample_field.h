#ifndef PERFRING_SYSTEM_SAMPLE_FIELD_H_
#define PERFRING_SYSTEM_SAMPLE_FIELD_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "system/sample_walk.h"

namespace perfring::system {

// The type of a field, in the order of FIELD_KINDS in lib/query/query-program.ts. All are little-endian except those
// whose names end with Be.
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
  // Any bytes.
  kBytes,
  // Text: the bytes up to the first NUL.
  kText,
};
inline constexpr uint64_t kFieldKinds = static_cast<uint64_t>(FieldKind::kText) + 1;

enum class FieldSource : uint8_t { kPayload, kRecord, kConstant };
inline constexpr uint64_t kFieldSources = static_cast<uint64_t>(FieldSource::kConstant) + 1;

struct SampleField {
  FieldSource source;
  FieldKind kind;
  // In bytes from the start of the payload or of the record. For a constant: its value, the bits of an int32_t.
  uint32_t offset;
  uint32_t size;

  bool is_float() const { return kind == FieldKind::kF32 || kind == FieldKind::kF64; }
  bool is_number() const { return kind < FieldKind::kBytes; }
  // Whether it is a 64-bit unsigned integer.
  bool is_wide_unsigned() const { return kind == FieldKind::kU64 || kind == FieldKind::kU64Be; }
};

// The values of a field, one for each sample of a block: integers extended to 64 bits, floats as the bits of doubles.
// Of text and bytes the first 16 bytes, in two words, padded with zeros.
struct FieldValues {
  static constexpr uint32_t kTextBytes = 16;

  // Nothing is cleared: values are written before they are read.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init,modernize-use-equals-default)
  FieldValues() {}

  std::array<uint64_t, SampleBlock::kCapacity> low;
  // The second word; set only for text and bytes.
  std::array<uint64_t, SampleBlock::kCapacity> high;
};

// The places of a field in the samples of a block, which are `stride` bytes apart.
struct EvenPlaces {
  const std::byte* first;
  size_t stride;

  const std::byte* operator[](size_t sample) const { return first + sample * stride; }
};

// The places of a field in the samples of a block, by an offset for each.
struct ListedPlaces {
  const std::byte* bytes;
  const uint32_t* offsets;

  const std::byte* operator[](size_t sample) const { return bytes + offsets[sample]; }
};

// Calls `use` with the places of a field that is not a constant, and returns its result.
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

// Reads the field of each sample of the block into `values`. Every payload must be long enough for the field.
void GatherValues(const SampleField& field, const SampleFormat& format, const SampleBlock& block, FieldValues& values);

// The loop of FoldNumbers(). It takes everything by value: a variable behind a reference would be loaded and stored for
// each sample.
template <typename Stored, typename Value, typename Places, typename State, typename Step>
State FoldAs(const Places places, const uint32_t count, State state, const Step step) {
  for (uint32_t i = 0; i < count; ++i) {
    state = step(state, i, static_cast<Value>(LoadValue<Stored>(places[i])));
  }
  return state;
}

// Calls state = step(state, index of the sample in the block, value) for each sample; returns the last state. The value
// is a double for floats, a uint64_t for unsigned kinds of 64 bits, else an int64_t. The most frequent kinds are read
// in place; the others are copied into FieldValues first.
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

// Copies the field of each sample into an array of the field's type; with `as_double`, integers into an array of
// doubles.
void CopyField(const SampleField& field, const SampleFormat& format, const SampleBlock& block, bool as_double,
               std::byte* target);

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_SAMPLE_FIELD_H_
