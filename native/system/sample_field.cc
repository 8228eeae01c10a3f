#include "system/sample_field.h"

#include <algorithm>
#include <bit>
#include <type_traits>

namespace perfring::system {
namespace {

static_assert(std::endian::native == std::endian::little, "fields are little-endian, and are read as they lie");

template <typename Value>
Value Swapped(Value value) {
  std::array<std::byte, sizeof(Value)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(value));
  std::reverse(bytes.begin(), bytes.end());
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

// Loads each value as Value, in the byte order of the field, and extends it to 64 bits: with its sign if Value is
// signed.
template <typename Value, bool kIsSwapped, typename Places>
void GatherAs(const Places& places, uint32_t count, uint64_t* values) {
  for (uint32_t i = 0; i < count; ++i) {
    auto value = LoadValue<Value>(places[i]);
    if constexpr (kIsSwapped) {
      value = Swapped(value);
    }
    if constexpr (std::is_floating_point_v<Value>) {
      values[i] = std::bit_cast<uint64_t>(static_cast<double>(value));
    } else if constexpr (std::is_signed_v<Value>) {
      values[i] = static_cast<uint64_t>(static_cast<int64_t>(value));
    } else {
      values[i] = value;
    }
  }
}

template <typename Places>
void GatherBytes(const SampleField& field, const Places& places, uint32_t count, FieldValues& values) {
  const uint32_t size = std::min(field.size, FieldValues::kTextBytes);
  for (uint32_t i = 0; i < count; ++i) {
    std::array<char, FieldValues::kTextBytes> text{};
    std::memcpy(text.data(), places[i], size);
    if (field.kind == FieldKind::kText) {
      std::fill(std::find(text.begin(), text.end(), '\0'), text.end(), '\0');
    }
    std::memcpy(&values.low[i], text.data(), sizeof(uint64_t));
    std::memcpy(&values.high[i], text.data() + sizeof(uint64_t), sizeof(uint64_t));
  }
}

template <typename Places>
void Gather(const SampleField& field, const Places& places, uint32_t count, FieldValues& values) {
  uint64_t* const low = values.low.data();
  switch (field.kind) {
    case FieldKind::kU8:
      return GatherAs<uint8_t, false>(places, count, low);
    case FieldKind::kI8:
      return GatherAs<int8_t, false>(places, count, low);
    case FieldKind::kU16:
      return GatherAs<uint16_t, false>(places, count, low);
    case FieldKind::kI16:
      return GatherAs<int16_t, false>(places, count, low);
    case FieldKind::kU32:
      return GatherAs<uint32_t, false>(places, count, low);
    case FieldKind::kI32:
      return GatherAs<int32_t, false>(places, count, low);
    case FieldKind::kU64:
    case FieldKind::kI64:
      return GatherAs<uint64_t, false>(places, count, low);
    case FieldKind::kF32:
      return GatherAs<float, false>(places, count, low);
    case FieldKind::kF64:
      return GatherAs<double, false>(places, count, low);
    case FieldKind::kU16Be:
      return GatherAs<uint16_t, true>(places, count, low);
    case FieldKind::kI16Be:
      return GatherAs<int16_t, true>(places, count, low);
    case FieldKind::kU32Be:
      return GatherAs<uint32_t, true>(places, count, low);
    case FieldKind::kI32Be:
      return GatherAs<int32_t, true>(places, count, low);
    case FieldKind::kU64Be:
    case FieldKind::kI64Be:
      return GatherAs<uint64_t, true>(places, count, low);
    case FieldKind::kBool:
      GatherAs<uint8_t, false>(places, count, low);
      std::for_each_n(low, count, [](uint64_t& value) { value = value != 0 ? 1 : 0; });
      return;
    case FieldKind::kBytes:
    case FieldKind::kText:
      return GatherBytes(field, places, count, values);
  }
}

template <typename Value, typename Places>
void CopyAs(const Places& places, uint32_t count, std::byte* target) {
  for (uint32_t i = 0; i < count; ++i) {
    const auto value = LoadValue<Value>(places[i]);
    std::memcpy(target + i * sizeof(value), &value, sizeof(value));
  }
}

// Copies the bytes of the field unchanged.
template <typename Places>
void Copy(uint32_t size, const Places& places, uint32_t count, std::byte* target) {
  switch (size) {
    case 1:
      return CopyAs<uint8_t>(places, count, target);
    case 2:
      return CopyAs<uint16_t>(places, count, target);
    case 4:
      return CopyAs<uint32_t>(places, count, target);
    case 8:
      return CopyAs<uint64_t>(places, count, target);
    case 16:
      return CopyAs<std::array<uint64_t, 2>>(places, count, target);
    default:
      for (uint32_t i = 0; i < count; ++i) {
        std::memcpy(target + size_t{i} * size, places[i], size);
      }
  }
}

}  // namespace

void GatherValues(const SampleField& field, const SampleFormat& format, const SampleBlock& block, FieldValues& values) {
  if (field.source == FieldSource::kConstant) {
    const int64_t value = static_cast<int32_t>(field.offset);
    std::fill_n(values.low.begin(), block.count, static_cast<uint64_t>(value));
    return;
  }
  WithPlaces(field, format, block, [&](const auto places) { Gather(field, places, block.count, values); });
}

void CopyField(const SampleField& field, const SampleFormat& format, const SampleBlock& block, bool as_double,
               std::byte* target) {
  if (as_double) {
    VisitNumbers(field, format, block, [=](uint32_t sample, auto number) {
      const auto value = static_cast<double>(number);
      std::memcpy(target + sample * sizeof(value), &value, sizeof(value));
    });
    return;
  }
  const bool is_big_endian = field.kind >= FieldKind::kU16Be && field.kind <= FieldKind::kI64Be;
  if (field.source != FieldSource::kConstant && !is_big_endian) {
    WithPlaces(field, format, block, [&](const auto places) { Copy(field.size, places, block.count, target); });
    return;
  }
  FieldValues values;
  GatherValues(field, format, block, values);
  for (uint32_t i = 0; i < block.count; ++i) {
    // On a little-endian machine the first bytes of a word are its low ones.
    std::memcpy(target + size_t{i} * field.size, &values.low[i], field.size);
  }
}

}  // namespace perfring::system
