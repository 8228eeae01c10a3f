#ifndef PERFRING_SYSTEM_SAMPLE_QUERY_H_
#define PERFRING_SYSTEM_SAMPLE_QUERY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "system/sample_field.h"
#include "system/sample_walk.h"

namespace perfring::system {

// One step of a condition, in postfix order. Conditions follow each other: all must be met.
struct QueryStep {
  enum class Operation : uint8_t { kCompare, kAnd, kOr, kNot };
  enum class Comparison : uint8_t { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

  Operation operation;
  Comparison comparison;
  uint8_t field;
  // A condition ends with this step.
  bool is_last;
  // As FieldValues has them.
  std::array<uint64_t, 2> value;
};

struct QueryColumn {
  uint8_t field;
  // 64-bit integers become doubles.
  bool as_double;
};

// How far a query has come in a ring, and what it found.
struct QueryProgress {
  // As SampleWalk takes them.
  uint32_t position = 0;
  uint32_t left = 0;
  // Samples to walk at most; then how many were walked.
  uint32_t samples = 0;
  // Rows that the columns hold, and can hold.
  uint32_t rows = 0;
  uint32_t row_capacity = 0;
  // Samples too short for a field of the query.
  uint32_t short_samples = 0;
  // Samples that met the condition.
  uint32_t matched = 0;
  WalkPace pace{};
};

// What to take from samples: a condition, columns to fill, and a table of groups to count into. Parse() checks all that
// Run() relies on.
class SampleQuery {
 public:
  // Of lib/query/query-program.ts, which writes the words.
  static std::optional<SampleQuery> Parse(std::span<const uint64_t> words);

  size_t column_count() const { return column_count_; }
  // Bytes that a row takes in a column.
  uint32_t RowBytes(size_t column) const;
  // Words of the table of groups; 0 where nothing is counted.
  uint64_t TableWords() const;

  // Takes samples until none is left, a record is the caller's, or a bound is reached.
  // `table`: TableWords() long. `columns`: each with room for RowBytes() * row_capacity.
  void Run(std::span<const std::byte> data, std::span<uint64_t> table, std::span<std::byte* const> columns,
           QueryProgress& progress) const;

 private:
  static constexpr size_t kMaxFields = 64;
  static constexpr size_t kMaxSteps = 64;
  static constexpr size_t kMaxDepth = 16;
  static constexpr size_t kMaxColumns = 64;
  static constexpr size_t kMaxMeasures = 16;
  static constexpr uint64_t kMaxSlots = 1 << 24;
  // log2 of 64-bit values, and one for what is below 1.
  static constexpr uint32_t kBuckets = 65;

  using Mask = std::array<uint8_t, SampleBlock::kCapacity>;
  class Words;

  // Nothing is cleared: Parse() fills as much as it counts.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init,modernize-use-equals-default)
  SampleQuery() {}

  bool ParseFormat(Words& words);
  bool ParseFields(Words& words);
  bool ParseCondition(Words& words);
  bool ParseTable(Words& words);
  bool IsCounted(uint8_t field) const;

  bool has_groups() const { return slots_ > 0; }
  bool has_table() const { return has_groups() || sum_count_ + histogram_count_ > 0; }
  bool has_text_key() const { return !fields_[key_].is_number(); }
  // Of a group: its count, its key (a word, of text two), two words a sum, kBuckets words a histogram.
  size_t SumsAt() const { return has_groups() && has_text_key() ? 3 : 2; }
  uint64_t GroupWords() const { return SumsAt() + 2 * sum_count_ + kBuckets * histogram_count_; }

  void Filter(SampleBlock& block) const;
  void KeepWhere(const QueryStep& step, SampleBlock& block) const;
  size_t KeepWhereSteps(size_t first, SampleBlock& block) const;
  void FillMask(const QueryStep& step, const SampleBlock& block, Mask& mask) const;
  void CountGroups(const SampleBlock& block, std::span<uint64_t> table) const;
  void CountAll(const SampleBlock& block, uint64_t* group) const;

  SampleFormat format_;
  // Payloads must be as long for the query's fields to be in them.
  uint32_t payload_bytes_ = 0;
  uint64_t hash_multiplier_ = 1;
  size_t field_count_ = 0;
  size_t step_count_ = 0;
  size_t column_count_ = 0;
  size_t sum_count_ = 0;
  size_t histogram_count_ = 0;
  std::array<SampleField, kMaxFields> fields_;
  std::array<QueryStep, kMaxSteps> steps_;
  std::array<QueryColumn, kMaxColumns> columns_;
  std::array<uint8_t, kMaxMeasures> sums_;
  std::array<uint8_t, kMaxMeasures> histograms_;
  uint8_t key_ = 0;
  // A power of two; 0 where all samples are one group.
  uint64_t slots_ = 0;
  uint64_t max_groups_ = 0;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_SAMPLE_QUERY_H_
