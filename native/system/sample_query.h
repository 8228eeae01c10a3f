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

// One step of a condition, in postfix order. A query has a list of conditions, all of which must be met.
struct QueryStep {
  enum class Operation : uint8_t { kCompare, kAnd, kOr, kNot };
  enum class Comparison : uint8_t { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

  Operation operation;
  Comparison comparison;
  uint8_t field;
  // Whether this is the last step of its condition.
  bool is_last;
  // The constant to compare with, stored as in FieldValues.
  std::array<uint64_t, 2> value;
};

struct QueryColumn {
  uint8_t field;
  // Whether integers are stored as doubles.
  bool as_double;
};

// The position of a query in a ring, and its counts.
struct QueryProgress {
  // See the constructor of SampleWalk.
  uint32_t position = 0;
  uint32_t left = 0;
  // Before Run() the largest number of samples to walk; after it how many were walked.
  uint32_t samples = 0;
  // The number of rows in the columns, and the number for which they have room.
  uint32_t rows = 0;
  uint32_t row_capacity = 0;
  // Samples too short for a field of the query.
  uint32_t short_samples = 0;
  // Samples that met the condition.
  uint32_t matched = 0;
  WalkPace pace{};
};

// A compiled query: conditions, columns to fill, and a table of groups to count into. Parse() checks everything that
// Run() relies on.
class SampleQuery {
 public:
  // Parses the words that lib/query/query-program.ts writes. Returns nullopt when they are not a valid query.
  static std::optional<SampleQuery> Parse(std::span<const uint64_t> words);

  size_t column_count() const { return column_count_; }
  // The bytes of a row in the column.
  uint32_t RowBytes(size_t column) const;
  // The length of the table in 64-bit words. 0 when the query has no groups, sums or histograms.
  uint64_t TableWords() const;

  // Runs the query over the samples until none is left, SampleWalk stops before a record, `progress.samples` were
  // walked, or the columns are full.
  // `table`: TableWords() words. `columns`: each has room for RowBytes() * row_capacity bytes.
  void Run(std::span<const std::byte> data, std::span<uint64_t> table, std::span<std::byte* const> columns,
           QueryProgress& progress) const;

 private:
  static constexpr size_t kMaxFields = 64;
  static constexpr size_t kMaxSteps = 64;
  static constexpr size_t kMaxDepth = 16;
  static constexpr size_t kMaxColumns = 64;
  static constexpr size_t kMaxMeasures = 16;
  static constexpr uint64_t kMaxSlots = 1 << 24;
  // One for values below 1, and one for each bit length from 1 to 64.
  static constexpr uint32_t kBuckets = 65;

  using Mask = std::array<uint8_t, SampleBlock::kCapacity>;
  class Words;

  // The arrays are not cleared: Parse() fills as many elements as the counts say.
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
  // Words of a group: its count, its key (one word, or two for text and bytes), two for each sum, kBuckets for each
  // histogram.
  size_t SumsAt() const { return has_groups() && has_text_key() ? 3 : 2; }
  uint64_t GroupWords() const { return SumsAt() + 2 * sum_count_ + kBuckets * histogram_count_; }

  void Filter(SampleBlock& block) const;
  void KeepWhere(const QueryStep& step, SampleBlock& block) const;
  size_t KeepWhereSteps(size_t first, SampleBlock& block) const;
  void FillMask(const QueryStep& step, const SampleBlock& block, Mask& mask) const;
  void CountGroups(const SampleBlock& block, std::span<uint64_t> table) const;
  void CountAll(const SampleBlock& block, uint64_t* group) const;

  SampleFormat format_;
  // The shortest payload that contains all fields of the query, in bytes.
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
  // The slots of the hash table, a power of two. 0 when all samples are one group.
  uint64_t slots_ = 0;
  uint64_t max_groups_ = 0;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_SAMPLE_QUERY_H_
