#include "binding/sample_query.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <span>

#include "binding/result.h"
#include "binding/arguments.h"
#include "binding/environment.h"
#include "system/sample_query.h"

namespace perfring::binding {
namespace {

using system::QueryProgress;
using system::SampleQuery;

// The words of the state: QUERY_STATE in lib/addon/contract.ts.
enum StateWord : size_t {
  kPosition,
  kLeft,
  kSamples,
  kRows,
  kRowCapacity,
  kShortSamples,
  kMatched,
  kShortRuns,
  kPlainBlocks,
  kStateWords,
};

constexpr size_t kMaxCapacity = size_t{1} << 30;
// queryRun(program, data, state, table, ...columns)
constexpr size_t kFirstColumn = 4;
constexpr size_t kMaxColumns = 64;

// Reads the state of a query on a ring whose data area is `data`. Returns nullopt when a value is out of its range.
std::optional<QueryProgress> ProgressOf(std::span<const int32_t> state, std::span<const std::byte> data) {
  const size_t capacity = data.size();
  if (!std::has_single_bit(capacity) || capacity < 8 || capacity > kMaxCapacity ||
      reinterpret_cast<uintptr_t>(data.data()) % 8 != 0 || state.size() != kStateWords ||
      std::any_of(state.begin(), state.end(), [](int32_t word) { return word < 0; })) {
    return std::nullopt;
  }
  const auto word = [&](StateWord index) { return static_cast<uint32_t>(state[index]); };
  if (word(kPosition) >= capacity || word(kPosition) % 8 != 0 || word(kLeft) > capacity || word(kLeft) % 8 != 0 ||
      word(kRows) > word(kRowCapacity)) {
    return std::nullopt;
  }
  return QueryProgress{.position = word(kPosition),
                       .left = word(kLeft),
                       .samples = word(kSamples),
                       .rows = word(kRows),
                       .row_capacity = word(kRowCapacity),
                       .short_samples = 0,
                       .matched = 0,
                       .pace = {.short_runs = word(kShortRuns), .plain_blocks = word(kPlainBlocks)}};
}

void Report(const QueryProgress& progress, std::span<int32_t> state) {
  const std::array<uint32_t, kStateWords> words = {
      progress.position,      progress.left,          progress.samples,
      progress.rows,          progress.row_capacity,  progress.short_samples,
      progress.matched,       progress.pace.short_runs, progress.pace.plain_blocks};
  std::transform(words.begin(), words.end(), state.begin(), [](uint32_t word) { return static_cast<int32_t>(word); });
}

// No JavaScript runs between the first access to a view and the last store into it.
Napi::Value QueryRun(const Napi::CallbackInfo& info) {
  const Arguments arguments(info);
  const auto words = arguments.Words(0);
  const auto data = arguments.ViewBytes(1);
  const auto state = arguments.Int32s(2);
  const auto table = arguments.Words(3);
  if (!words || !data || !state || !table) {
    return BadArgument(info);
  }
  const auto query = SampleQuery::Parse(*words);
  const auto progress = ProgressOf(*state, *data);
  if (!query || !progress || table->size() != query->TableWords() || query->column_count() > kMaxColumns ||
      info.Length() != kFirstColumn + query->column_count()) {
    return BadArgument(info);
  }
  const system::MappedRanges& mapped = Environment::Of(info)->mapped();
  if (mapped.Overlaps(std::as_bytes(*state)) || mapped.Overlaps(std::as_bytes(*table))) {
    return BadArgument(info);
  }
  std::array<std::byte*, kMaxColumns> columns{};
  for (size_t i = 0; i < query->column_count(); ++i) {
    const auto column = arguments.ArrayBytes(kFirstColumn + i);
    if (!column || column->size() / query->RowBytes(i) < progress->row_capacity || mapped.Overlaps(*column)) {
      return BadArgument(info);
    }
    columns[i] = column->data();
  }
  QueryProgress after = *progress;
  query->Run(*data, *table, std::span(columns).first(query->column_count()), after);
  Report(after, *state);
  return Result(info, 0);
}

}  // namespace

void ExportSampleQuery(napi_env env, napi_value exports) { Export<QueryRun>(env, exports, "queryRun"); }

}  // namespace perfring::binding
