#include "system/sample_query.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

namespace perfring::system {
namespace {

using Comparison = QueryStep::Comparison;

// Calls `use` with the function object of the comparison.
template <typename Use>
void WithComparison(Comparison comparison, Use use) {
  switch (comparison) {
    case Comparison::kEqual:
      return use(std::equal_to<>());
    case Comparison::kNotEqual:
      return use(std::not_equal_to<>());
    case Comparison::kLess:
      return use(std::less<>());
    case Comparison::kLessOrEqual:
      return use(std::less_equal<>());
    case Comparison::kGreater:
      return use(std::greater<>());
    case Comparison::kGreaterOrEqual:
      return use(std::greater_equal<>());
  }
}

// The type of a sum of integers. 2^64 values can't overflow it.
using WideInteger = unsigned __int128;

WideInteger Widened(uint64_t value) { return value; }
WideInteger Widened(int64_t value) { return static_cast<WideInteger>(static_cast<__int128>(value)); }
// Never called at run time: floats are not summed with WideInteger.
WideInteger Widened(double /*value*/) { return 0; }

// Adds a value to a sum of two words: an integer of 128 bits, or a double in the first word.
void Add(uint64_t* sum, WideInteger value) {
  const auto total = (static_cast<WideInteger>(sum[1]) << 64 | sum[0]) + value;
  sum[0] = static_cast<uint64_t>(total);
  sum[1] = static_cast<uint64_t>(total >> 64);
}
void Add(uint64_t* sum, uint64_t value) { Add(sum, Widened(value)); }
void Add(uint64_t* sum, int64_t value) { Add(sum, Widened(value)); }
void Add(uint64_t* sum, double value) { sum[0] = std::bit_cast<uint64_t>(std::bit_cast<double>(sum[0]) + value); }

// Bucket 0 is for values below 1, bucket b for values from 2^(b-1) to less than 2^b.
uint32_t BucketOf(uint64_t value) { return static_cast<uint32_t>(std::bit_width(value)); }
uint32_t BucketOf(int64_t value) { return value < 0 ? 0 : BucketOf(static_cast<uint64_t>(value)); }
uint32_t BucketOf(double value) {
  constexpr double kTwoPow64 = 18446744073709551616.0;
  // NaN goes to bucket 0, because all comparisons with it are false.
  if (value >= kTwoPow64) {
    return 64;
  }
  return value >= 1 ? BucketOf(static_cast<uint64_t>(value)) : 0;
}

}  // namespace

uint32_t SampleQuery::RowBytes(size_t column) const {
  const QueryColumn& wanted = columns_[column];
  return wanted.as_double ? sizeof(double) : fields_[wanted.field].size;
}

// One word for the number of groups, then the slots of a hash table, then the group for samples that get no slot.
uint64_t SampleQuery::TableWords() const { return has_table() ? 1 + (slots_ + 1) * GroupWords() : 0; }

void SampleQuery::Run(std::span<const std::byte> data, std::span<uint64_t> table, std::span<std::byte* const> columns,
                      QueryProgress& progress) const {
  SampleWalk walk(data, progress.position, progress.left, format_, payload_bytes_, progress.pace);
  SampleBlock block;
  const uint32_t limit = progress.samples;
  uint32_t walked = 0;
  uint32_t rows = progress.rows;
  progress.matched = 0;
  while (walked < limit && (columns.empty() || rows < progress.row_capacity)) {
    const uint32_t room = columns.empty() ? limit : progress.row_capacity - rows;
    const uint32_t taken = walk.Next(block, std::min(limit - walked, room));
    if (taken == 0) {
      break;
    }
    walked += taken;
    Filter(block);
    for (size_t i = 0; i < columns.size(); ++i) {
      const QueryColumn& column = columns_[i];
      CopyField(fields_[column.field], format_, block, column.as_double, columns[i] + size_t{rows} * RowBytes(i));
    }
    if (has_groups()) {
      CountGroups(block, table);
    } else if (has_table()) {
      CountAll(block, &table[1]);
    }
    progress.matched += block.count;
    rows += columns.empty() ? 0 : block.count;
  }
  progress.position = walk.position();
  progress.left = walk.left();
  progress.samples = walked;
  progress.rows = rows;
  progress.short_samples = walk.short_samples();
}

// Removes from the block the samples that don't meet all conditions.
void SampleQuery::Filter(SampleBlock& block) const {
  for (size_t i = 0; i < step_count_ && block.count > 0;) {
    if (steps_[i].is_last && fields_[steps_[i].field].is_number()) {
      KeepWhere(steps_[i], block);
      ++i;
    } else {
      i = KeepWhereSteps(i, block);
    }
  }
}

// Applies a condition that is a single comparison of a number.
void SampleQuery::KeepWhere(const QueryStep& step, SampleBlock& block) const {
  const SampleField& field = fields_[step.field];
  const uint64_t constant = step.value[0];
  const uint32_t first = block.first;
  const uint32_t stride = block.stride;
  // Kept samples are written to the front of the list, never after the sample that is being compared.
  uint32_t* const start = block.start.data();
  uint32_t* const payload = block.payload.data();
  WithComparison(step.comparison, [&](const auto holds) {
    if (stride != 0) {
      block.count = FoldNumbers(field, format_, block, 0U, [=](uint32_t kept, uint32_t sample, auto value) {
        start[kept] = first + sample * stride;
        return kept + (holds(value, std::bit_cast<decltype(value)>(constant)) ? 1 : 0);
      });
    } else {
      block.count = FoldNumbers(field, format_, block, 0U, [=](uint32_t kept, uint32_t sample, auto value) {
        start[kept] = start[sample];
        payload[kept] = payload[sample];
        return kept + (holds(value, std::bit_cast<decltype(value)>(constant)) ? 1 : 0);
      });
    }
  });
  block.stride = 0;
}

// Applies a condition that has several steps or compares text or bytes. Returns the index of the step after it.
size_t SampleQuery::KeepWhereSteps(size_t first, SampleBlock& block) const {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): written before it is read
  std::array<Mask, kMaxDepth> masks;
  const uint32_t count = block.count;
  size_t depth = 0;
  size_t i = first;
  for (bool is_last = false; !is_last; ++i) {
    const QueryStep& step = steps_[i];
    is_last = step.is_last;
    if (step.operation == QueryStep::Operation::kCompare) {
      FillMask(step, block, masks[depth++]);
      continue;
    }
    Mask& last = masks[depth - 1];
    if (step.operation == QueryStep::Operation::kNot) {
      std::transform(last.begin(), last.begin() + count, last.begin(),
                     [](uint8_t holds) { return static_cast<uint8_t>(holds ^ 1); });
      continue;
    }
    --depth;
    Mask& before = masks[depth - 1];
    const bool is_and = step.operation == QueryStep::Operation::kAnd;
    for (uint32_t sample = 0; sample < count; ++sample) {
      const bool both = before[sample] != 0 && last[sample] != 0;
      const bool one = before[sample] != 0 || last[sample] != 0;
      before[sample] = (is_and ? both : one) ? 1 : 0;
    }
  }
  uint32_t kept = 0;
  for (uint32_t sample = 0; sample < count; ++sample) {
    block.start[kept] = block.stride != 0 ? block.first + sample * block.stride : block.start[sample];
    block.payload[kept] = block.payload[sample];
    kept += masks[0][sample];
  }
  block.count = kept;
  block.stride = 0;
  return i;
}

// Sets the mask to 1 for each sample for which the comparison is true, else to 0.
void SampleQuery::FillMask(const QueryStep& step, const SampleBlock& block, Mask& mask) const {
  const SampleField& field = fields_[step.field];
  if (field.is_number()) {
    WithComparison(step.comparison, [&](const auto holds) {
      VisitNumbers(field, format_, block,
                   [holds, constant = step.value[0], target = mask.data()](uint32_t sample, auto value) {
                     target[sample] = holds(value, std::bit_cast<decltype(value)>(constant)) ? 1 : 0;
                   });
    });
    return;
  }
  FieldValues values;
  GatherValues(field, format_, block, values);
  const bool is_equality = step.comparison == Comparison::kEqual;
  for (uint32_t sample = 0; sample < block.count; ++sample) {
    const bool is_equal = values.low[sample] == step.value[0] && values.high[sample] == step.value[1];
    mask[sample] = is_equal == is_equality ? 1 : 0;
  }
}

namespace {

// A hash table of groups with open addressing. The loops take a copy of this object, so that its members stay in
// registers.
class Groups {
 public:
  Groups(std::span<uint64_t> table, uint64_t slots, uint64_t max_groups, size_t words, uint64_t multiplier)
      : used_(table.data()),
        groups_(table.data() + 1),
        mask_(slots - 1),
        max_groups_(max_groups),
        words_(words),
        multiplier_(multiplier) {}

  // Returns the group of the key, which is created if needed. When there are max_groups already, returns the group
  // after the slots.
  template <typename... High>
  uint64_t* Of(uint64_t low, High... high) const {
    uint64_t hash = (low ^ ((high * kOtherMultiplier) ^ ... ^ 0)) * multiplier_;
    hash ^= hash >> 32;
    for (uint64_t probe = 0; probe <= mask_; ++probe) {
      uint64_t* const group = groups_ + ((hash + probe) & mask_) * words_;
      if (group[0] == 0) {
        return New(group, low, high...);
      }
      if (group[1] == low && ((group[2] == high) && ...)) {
        return group;
      }
    }
    return Rest();
  }

 private:
  static constexpr uint64_t kOtherMultiplier = 0x9e37'79b9'7f4a'7c15;

  uint64_t* Rest() const { return groups_ + (mask_ + 1) * words_; }

  template <typename... High>
  uint64_t* New(uint64_t* group, uint64_t low, High... high) const {
    if (*used_ >= max_groups_) {
      return Rest();
    }
    ++*used_;
    group[1] = low;
    ((group[2] = high), ...);
    return group;
  }

  uint64_t* used_;
  uint64_t* groups_;
  uint64_t mask_;
  uint64_t max_groups_;
  size_t words_;
  uint64_t multiplier_;
};

}  // namespace

void SampleQuery::CountGroups(const SampleBlock& block, std::span<uint64_t> table) const {
  const SampleField& key = fields_[key_];
  const Groups groups(table, slots_, max_groups_, GroupWords(), hash_multiplier_);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): written before it is read
  std::array<uint64_t*, SampleBlock::kCapacity> found;
  uint64_t** const group = found.data();
  if (key.is_number()) {
    VisitNumbers(key, format_, block, [=](uint32_t sample, auto value) {
      group[sample] = groups.Of(std::bit_cast<uint64_t>(value));
      ++group[sample][0];
    });
  } else {
    FieldValues values;
    GatherValues(key, format_, block, values);
    for (uint32_t sample = 0; sample < block.count; ++sample) {
      group[sample] = groups.Of(values.low[sample], values.high[sample]);
      ++group[sample][0];
    }
  }
  size_t at = SumsAt();
  for (size_t i = 0; i < sum_count_; ++i, at += 2) {
    VisitNumbers(fields_[sums_[i]], format_, block,
                 [=](uint32_t sample, auto value) { Add(group[sample] + at, value); });
  }
  for (size_t i = 0; i < histogram_count_; ++i, at += kBuckets) {
    VisitNumbers(fields_[histograms_[i]], format_, block,
                 [=](uint32_t sample, auto value) { ++group[sample][at + BucketOf(value)]; });
  }
}

// Counts all samples into one group.
void SampleQuery::CountAll(const SampleBlock& block, uint64_t* group) const {
  group[0] += block.count;
  size_t at = SumsAt();
  for (size_t i = 0; i < sum_count_; ++i, at += 2) {
    const SampleField& field = fields_[sums_[i]];
    if (field.is_float()) {
      VisitNumbers(field, format_, block,
                   [sum = group + at](uint32_t /*sample*/, auto value) { Add(sum, value); });
    } else {
      const auto total = FoldNumbers(field, format_, block, WideInteger{}, [](WideInteger sum, uint32_t /*sample*/, auto value) {
        return sum + Widened(value);
      });
      Add(group + at, total);
    }
  }
  for (size_t i = 0; i < histogram_count_; ++i, at += kBuckets) {
    // Samples use two arrays in turn: incrementing a count that was just stored would wait for the store.
    std::array<std::array<uint32_t, kBuckets>, 2> buckets{};
    VisitNumbers(fields_[histograms_[i]], format_, block, [counts = buckets.data()](uint32_t sample, auto value) {
      ++counts[sample & 1][BucketOf(value)];
    });
    for (uint32_t bucket = 0; bucket < kBuckets; ++bucket) {
      group[at + bucket] += uint64_t{buckets[0][bucket]} + buckets[1][bucket];
    }
  }
}

}  // namespace perfring::system
