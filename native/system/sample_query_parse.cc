#include <algorithm>
#include <bit>

#include "system/sample_query.h"

namespace perfring::system {

// Reads words one by one. After a word that is missing or out of range, ok() is false and every further word is 0.
class SampleQuery::Words {
 public:
  explicit Words(std::span<const uint64_t> words) : left_(words) {}

  bool ok() const { return ok_; }
  bool at_end() const { return left_.empty(); }

  uint64_t Take() {
    if (!ok_ || left_.empty()) {
      ok_ = false;
      return 0;
    }
    const uint64_t word = left_.front();
    left_ = left_.subspan(1);
    return word;
  }

  uint64_t TakeUpTo(uint64_t maximum) {
    const uint64_t word = Take();
    ok_ = ok_ && word <= maximum;
    return ok_ ? word : 0;
  }

  template <typename Number>
  Number TakeNumber(uint64_t maximum) {
    return static_cast<Number>(TakeUpTo(maximum));
  }

  // An offset. A word with all bits set stands for kAbsent.
  int32_t TakeOffset(uint64_t maximum) {
    if (ok_ && !left_.empty() && left_.front() == UINT64_MAX) {
      Take();
      return SampleFormat::kAbsent;
    }
    return TakeNumber<int32_t>(maximum);
  }

 private:
  std::span<const uint64_t> left_;
  bool ok_ = true;
};

namespace {

// No record is longer.
constexpr uint64_t kMaxBytes = 65536;

bool IsWord(int32_t offset) { return offset % 8 == 0; }

uint32_t SizeOf(FieldKind kind) {
  switch (kind) {
    case FieldKind::kU8:
    case FieldKind::kI8:
    case FieldKind::kBool:
      return 1;
    case FieldKind::kU16:
    case FieldKind::kI16:
    case FieldKind::kU16Be:
    case FieldKind::kI16Be:
      return 2;
    case FieldKind::kU32:
    case FieldKind::kI32:
    case FieldKind::kF32:
    case FieldKind::kU32Be:
    case FieldKind::kI32Be:
      return 4;
    case FieldKind::kU64:
    case FieldKind::kI64:
    case FieldKind::kF64:
    case FieldKind::kU64Be:
    case FieldKind::kI64Be:
      return 8;
    case FieldKind::kBytes:
    case FieldKind::kText:
      return 0;
  }
  return 0;
}

}  // namespace

std::optional<SampleQuery> SampleQuery::Parse(std::span<const uint64_t> given) {
  Words words(given);
  SampleQuery query;
  if (query.ParseFormat(words) && query.ParseFields(words) && query.ParseCondition(words) && query.ParseTable(words) &&
      words.at_end()) {
    return query;
  }
  return std::nullopt;
}

// The words are: raw_offset, fixed_bytes, read_offset, read_head_bytes, read_entry_bytes, callchain_offset
bool SampleQuery::ParseFormat(Words& words) {
  format_.raw_offset = words.TakeOffset(kMaxBytes);
  format_.fixed_bytes = words.TakeNumber<uint32_t>(kMaxBytes);
  format_.read_offset = words.TakeOffset(kMaxBytes);
  format_.read_head_bytes = words.TakeNumber<uint32_t>(kMaxBytes);
  format_.read_entry_bytes = words.TakeNumber<uint32_t>(kMaxBytes);
  format_.callchain_offset = words.TakeOffset(kMaxBytes);
  const auto lies_before = [](int32_t offset, int32_t next) {
    return offset == SampleFormat::kAbsent || (offset >= 8 && offset <= next && IsWord(offset));
  };
  if (!words.ok() || format_.fixed_bytes < 8 || format_.read_head_bytes % 8 != 0 || format_.read_entry_bytes % 8 != 0) {
    return false;
  }
  if (!format_.has_payload()) {
    return true;
  }
  return format_.raw_offset >= 8 && IsWord(format_.raw_offset) &&
         lies_before(format_.callchain_offset, format_.raw_offset) &&
         lies_before(format_.read_offset, format_.callchain_offset == SampleFormat::kAbsent
                                              ? format_.raw_offset
                                              : format_.callchain_offset);
}

// The number of fields, then source, kind, offset and size of each.
bool SampleQuery::ParseFields(Words& words) {
  field_count_ = words.TakeNumber<size_t>(kMaxFields);
  const uint64_t record_bytes = format_.least_bytes();
  for (size_t i = 0; words.ok() && i < field_count_; ++i) {
    SampleField& field = fields_[i];
    field.source = words.TakeNumber<FieldSource>(kFieldSources - 1);
    field.kind = words.TakeNumber<FieldKind>(kFieldKinds - 1);
    const bool is_constant = field.source == FieldSource::kConstant;
    field.offset = words.TakeNumber<uint32_t>(is_constant ? UINT32_MAX : kMaxBytes);
    field.size = words.TakeNumber<uint32_t>(kMaxBytes);
    const uint64_t end = uint64_t{field.offset} + field.size;
    if (!words.ok() || field.size == 0 || (field.is_number() && field.size != SizeOf(field.kind)) ||
        (is_constant && field.kind != FieldKind::kI32) ||
        (field.source == FieldSource::kRecord && end > record_bytes) ||
        (field.source == FieldSource::kPayload && end > kMaxBytes)) {
      return false;
    }
    if (field.source == FieldSource::kPayload) {
      payload_bytes_ = std::max(payload_bytes_, static_cast<uint32_t>(end));
    }
  }
  return words.ok();
}

// The number of steps, then operation, field, comparison, is_last and the two words of the value of each.
bool SampleQuery::ParseCondition(Words& words) {
  step_count_ = words.TakeNumber<size_t>(kMaxSteps);
  size_t depth = 0;
  for (size_t i = 0; words.ok() && i < step_count_; ++i) {
    QueryStep& step = steps_[i];
    step.operation = words.TakeNumber<QueryStep::Operation>(static_cast<uint64_t>(QueryStep::Operation::kNot));
    step.field = words.TakeNumber<uint8_t>(kMaxFields);
    step.comparison =
        words.TakeNumber<QueryStep::Comparison>(static_cast<uint64_t>(QueryStep::Comparison::kGreaterOrEqual));
    step.is_last = words.TakeUpTo(1) == 1;
    step.value = {words.Take(), words.Take()};
    if (step.operation == QueryStep::Operation::kCompare) {
      const bool is_ordered = step.comparison >= QueryStep::Comparison::kLess;
      if (step.field >= field_count_ || ++depth > kMaxDepth ||
          (!fields_[step.field].is_number() &&
           (is_ordered || fields_[step.field].size > FieldValues::kTextBytes))) {
        return false;
      }
    } else {
      const size_t operands = step.operation == QueryStep::Operation::kNot ? 1 : 2;
      if (depth < operands) {
        return false;
      }
      depth -= operands - 1;
    }
    if (step.is_last) {
      if (depth != 1) {
        return false;
      }
      depth = 0;
    }
  }
  return words.ok() && depth == 0;
}

bool SampleQuery::IsCounted(uint8_t field) const { return field < field_count_ && fields_[field].is_number(); }

// The number of columns, then field and as_double of each. Then the hash multiplier, the slots, the most groups and the
// field of the key. Then the number of sums and the field of each, and the same for histograms.
bool SampleQuery::ParseTable(Words& words) {
  column_count_ = words.TakeNumber<size_t>(kMaxColumns);
  for (size_t i = 0; words.ok() && i < column_count_; ++i) {
    QueryColumn& column = columns_[i];
    column.field = words.TakeNumber<uint8_t>(kMaxFields);
    column.as_double = words.TakeUpTo(1) == 1;
    if (column.field >= field_count_ ||
        (column.as_double && (!fields_[column.field].is_number() || fields_[column.field].is_float()))) {
      return false;
    }
  }
  hash_multiplier_ = words.Take() | 1;
  slots_ = words.TakeUpTo(kMaxSlots);
  // At least one slot stays empty, because a search ends at an empty slot.
  max_groups_ = words.TakeUpTo(slots_ > 0 ? slots_ - 1 : 0);
  key_ = words.TakeNumber<uint8_t>(kMaxFields);
  const SampleField& key = fields_[key_ < field_count_ ? key_ : 0];
  if (!words.ok() || (slots_ > 0 && (!std::has_single_bit(slots_) || key_ >= field_count_ ||
                                     (!key.is_number() && key.size > FieldValues::kTextBytes)))) {
    return false;
  }
  sum_count_ = words.TakeNumber<size_t>(kMaxMeasures);
  for (size_t i = 0; words.ok() && i < sum_count_; ++i) {
    sums_[i] = words.TakeNumber<uint8_t>(kMaxFields);
    if (!IsCounted(sums_[i])) {
      return false;
    }
  }
  histogram_count_ = words.TakeNumber<size_t>(kMaxMeasures);
  for (size_t i = 0; words.ok() && i < histogram_count_; ++i) {
    histograms_[i] = words.TakeNumber<uint8_t>(kMaxFields);
    if (!IsCounted(histograms_[i])) {
      return false;
    }
  }
  return words.ok();
}

}  // namespace perfring::system
