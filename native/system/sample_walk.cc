#include "system/sample_walk.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <cstring>

namespace perfring::system {
namespace {

static_assert(sizeof(perf_event_header) == 8 && offsetof(perf_event_header, size) == 6);

// Loads a value once, so the checked value is the one that is used, even if a writer changes the memory meanwhile.
uint64_t Load64(const std::byte* at) {
  return __atomic_load_n(reinterpret_cast<const uint64_t*>(at), __ATOMIC_RELAXED);
}
uint32_t Load32(const std::byte* at) {
  return __atomic_load_n(reinterpret_cast<const uint32_t*>(at), __ATOMIC_RELAXED);
}

uint16_t Load16(const std::byte* at) {
  return __atomic_load_n(reinterpret_cast<const uint16_t*>(at), __ATOMIC_RELAXED);
}

// struct perf_event_header: u32 type, u16 misc, u16 size.
uint32_t TypeOf(uint64_t header) { return static_cast<uint32_t>(header); }
uint32_t SizeOf(uint64_t header) { return static_cast<uint32_t>(header >> 48); }

// The distance of the prefetch in bytes, used where sizes differ.
constexpr uint32_t kFetchAheadBytes = 512;
// A run of fewer than kShortRun samples is short. After kMostShortRuns of them, kPlainBlocks blocks are walked header
// by header.
constexpr uint32_t kShortRun = 16;
constexpr uint32_t kMostShortRuns = 8;
constexpr uint32_t kPlainBlocks = 32;

struct Sample {
  uint64_t header;
  uint32_t size;
  // Offset of the payload from the record's start.
  uint32_t payload;
  uint32_t raw_size;
};

// The offset of raw_size behind fields of variable length. Returns `size` if one of them ends past the end of the
// record.
uint32_t RawOffset(const SampleFormat& format, const std::byte* record, uint32_t size) {
  uint32_t variable = 0;
  if (format.read_offset != SampleFormat::kAbsent) {
    const auto at = static_cast<uint32_t>(format.read_offset);
    const uint64_t counters = Load64(record + at);
    if (counters > size || format.read_head_bytes + counters * format.read_entry_bytes > size - at) {
      return size;
    }
    variable = format.read_head_bytes + static_cast<uint32_t>(counters) * format.read_entry_bytes;
  }
  if (format.callchain_offset != SampleFormat::kAbsent) {
    const uint32_t at = static_cast<uint32_t>(format.callchain_offset) + variable;
    if (at >= size) {
      return size;
    }
    const uint64_t frames = Load64(record + at);
    if (frames > size || 8 + frames * 8 > size - at) {
      return size;
    }
    variable += 8 + static_cast<uint32_t>(frames) * 8;
  }
  return std::min(static_cast<uint32_t>(format.raw_offset) + variable, size);
}

// Loads the sample at `record`, where `available` bytes are published, a multiple of 8 above 0. Returns false for any
// other record, and for a sample whose sizes are wrong.
inline bool LoadSample(const SampleFormat& format, const std::byte* record, uint32_t available, Sample& sample) {
  const uint64_t header = Load64(record);
  const uint32_t size = SizeOf(header);
  if (TypeOf(header) != PERF_RECORD_SAMPLE || size < format.least_bytes() || (size & 7) != 0 || size > available) {
    return false;
  }
  sample.header = header;
  sample.size = size;
  if (!format.has_payload()) {
    sample.payload = size;
    sample.raw_size = 0;
    return true;
  }
  const uint32_t raw_offset =
      format.is_variable() ? RawOffset(format, record, size) : static_cast<uint32_t>(format.raw_offset);
  // Otherwise raw_size lies within the record: raw_offset is below `size`, and both are multiples of 8.
  if (raw_offset >= size) {
    return false;
  }
  sample.payload = raw_offset + 4;
  sample.raw_size = Load32(record + raw_offset);
  return sample.raw_size <= size - raw_offset - 4;
}

using Words = uint32_t __attribute__((vector_size(16)));

// Counts the records in a row that have the type, misc, size and raw_size of the first one, which was checked: 1 to
// `most`. The loads don't depend on each other.
uint32_t EqualRecords(const std::byte* first, const Sample& sample, uint32_t raw_offset, uint32_t most) {
  const size_t size = sample.size;
  const std::byte* at = first + size;
  uint32_t run = 1;
  const auto differs = [&](const std::byte* record) {
    return (Load64(record) ^ sample.header) | (Load32(record + raw_offset) ^ sample.raw_size);
  };
  if (raw_offset == sizeof(perf_event_header)) {
    const Words expected = {TypeOf(sample.header), static_cast<uint32_t>(sample.header >> 32), sample.raw_size, 0};
    const auto difference = [&](const std::byte* record) {
      Words words;
      std::memcpy(&words, record, sizeof(words));
      return words ^ expected;
    };
    for (; run + 4 <= most; run += 4, at += 4 * size) {
      const Words all = difference(at) | difference(at + size) | difference(at + 2 * size) | difference(at + 3 * size);
      if ((all[0] | all[1] | all[2]) != 0) {
        break;
      }
    }
  } else {
    for (; run + 4 <= most; run += 4, at += 4 * size) {
      if ((differs(at) | differs(at + size) | differs(at + 2 * size) | differs(at + 3 * size)) != 0) {
        break;
      }
    }
  }
  for (; run < most && differs(at) == 0; ++run) {
    at += size;
  }
  return run;
}

}  // namespace

// joined_ is not cleared: it is written before it is read.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
SampleWalk::SampleWalk(std::span<const std::byte> data, uint32_t position, uint32_t left, const SampleFormat& format,
                       uint32_t payload_bytes, WalkPace& pace)
    : data_(data),
      position_(position),
      left_(left),
      format_(format),
      payload_bytes_(payload_bytes),
      pace_(pace) {}

uint32_t SampleWalk::Next(SampleBlock& block, uint32_t limit) {
  const auto capacity = static_cast<uint32_t>(data_.size());
  const uint32_t edge = std::min(position_ + left_, capacity);
  const uint32_t most = std::min(limit, SampleBlock::kCapacity);
  block.bytes = data_.data();
  block.count = 0;
  block.stride = 0;
  if (most == 0 || left_ == 0) {
    return 0;
  }
  const uint32_t start = position_;
  uint32_t walked = 0;
  if (format_.is_variable() || !format_.has_payload()) {
    walked = WalkVariable(block, most, edge);
  } else if (pace_.plain_blocks > 0) {
    --pace_.plain_blocks;
    walked = WalkPlain(block, most, edge);
  } else {
    walked = WalkRun(block, most, edge);
  }
  left_ -= position_ - start;
  position_ &= capacity - 1;
  return walked > 0 ? walked : WalkWrapped(block);
}

// For any format.
uint32_t SampleWalk::WalkVariable(SampleBlock& block, uint32_t limit, uint32_t edge) {
  uint32_t walked = 0;
  Sample sample{};
  for (; walked < limit && position_ < edge; ++walked) {
    if (!LoadSample(format_, data_.data() + position_, edge - position_, sample)) {
      break;
    }
    block.start[block.count] = position_;
    block.payload[block.count] = position_ + sample.payload;
    const bool is_long_enough = sample.raw_size >= payload_bytes_;
    block.count += is_long_enough ? 1 : 0;
    short_samples_ += is_long_enough ? 0 : 1;
    position_ += sample.size;
  }
  return walked;
}

// For samples of different sizes. The only load that the next header's address waits for is that of the size.
uint32_t SampleWalk::WalkPlain(SampleBlock& block, uint32_t limit, uint32_t edge) {
  const std::byte* const bytes = data_.data();
  const size_t mask = data_.size() - 1;
  const uint32_t least = format_.least_bytes();
  const uint32_t payload_bytes = payload_bytes_;
  // The least bytes of a sample. With as many published, raw_size can be loaded before the header is checked.
  const uint32_t whole = (least + 7) & ~uint32_t{7};
  uint32_t position = position_;
  uint32_t count = 0;
  uint32_t walked = 0;
  for (; walked < limit && position + whole <= edge; ++walked) {
    const std::byte* const record = bytes + position;
    // A separate load, which is the fastest way to the next header. The checked header must have the same size.
    const uint32_t size = Load16(record + offsetof(perf_event_header, size));
    const uint64_t header = Load64(record);
    const uint32_t raw_size = Load32(record + least - 4);
    __builtin_prefetch(bytes + ((position + kFetchAheadBytes) & mask));
    if (TypeOf(header) != PERF_RECORD_SAMPLE || SizeOf(header) != size || (size & 7) != 0 || size < least ||
        size > edge - position || raw_size > size - least) {
      break;
    }
    block.start[count] = position;
    count += raw_size >= payload_bytes ? 1 : 0;
    position += size;
  }
  position_ = position;
  block.count = count;
  short_samples_ += walked - count;
  return walked;
}

// For samples with equal headers.
uint32_t SampleWalk::WalkRun(SampleBlock& block, uint32_t limit, uint32_t edge) {
  const std::byte* const first = data_.data() + position_;
  Sample sample{};
  if (!LoadSample(format_, first, edge - position_, sample)) {
    return 0;
  }
  const uint32_t most = std::min(limit, (edge - position_) / sample.size);
  const uint32_t run = EqualRecords(first, sample, static_cast<uint32_t>(format_.raw_offset), most);
  const bool is_long_enough = sample.raw_size >= payload_bytes_;
  block.first = position_;
  block.stride = sample.size;
  block.count = is_long_enough ? run : 0;
  short_samples_ += is_long_enough ? 0 : run;
  position_ += run * sample.size;
  if (run >= kShortRun) {
    pace_.short_runs = 0;
  } else if (run < most && ++pace_.short_runs >= kMostShortRuns) {
    pace_ = {.short_runs = 0, .plain_blocks = kPlainBlocks};
  }
  return run;
}

// Takes the next sample if it wraps: copies it into joined_, then checks it like any other.
uint32_t SampleWalk::WalkWrapped(SampleBlock& block) {
  const auto before = static_cast<uint32_t>(data_.size()) - position_;
  const uint64_t header = Load64(data_.data() + position_);
  const uint32_t size = SizeOf(header);
  if (TypeOf(header) != PERF_RECORD_SAMPLE || size <= before || size > left_ || (size & 7) != 0) {
    return 0;
  }
  std::memcpy(joined_.data(), data_.data() + position_, before);
  std::memcpy(joined_.data() + before, data_.data(), size - before);
  Sample sample{};
  // This loads the header again, from the copy, which no writer can change.
  if (!LoadSample(format_, joined_.data(), size, sample) || sample.size != size) {
    return 0;
  }
  const bool is_long_enough = sample.raw_size >= payload_bytes_;
  block.bytes = joined_.data();
  block.start[0] = 0;
  block.payload[0] = sample.payload;
  block.count = is_long_enough ? 1 : 0;
  short_samples_ += is_long_enough ? 0 : 1;
  position_ = size - before;
  left_ -= size;
  return 1;
}

}  // namespace perfring::system
