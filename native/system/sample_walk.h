#ifndef PERFRING_SYSTEM_SAMPLE_WALK_H_
#define PERFRING_SYSTEM_SAMPLE_WALK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace perfring::system {

// Where a sample's payload (PERF_SAMPLE_RAW) lies. Offsets count from the record's start, as if each field of variable
// length before them had no bytes; kAbsent where there is none.
struct SampleFormat {
  static constexpr int32_t kAbsent = -1;

  // Of raw_size. Without PERF_SAMPLE_RAW the payload is empty.
  int32_t raw_offset = kAbsent;
  // Bytes of all fields of fixed size, header included.
  uint32_t fixed_bytes = 0;
  // Of PERF_SAMPLE_READ with PERF_FORMAT_GROUP: `nr`, and times, are head_bytes long; each of nr counters entry_bytes.
  int32_t read_offset = kAbsent;
  uint32_t read_head_bytes = 0;
  uint32_t read_entry_bytes = 0;
  // Of PERF_SAMPLE_CALLCHAIN.
  int32_t callchain_offset = kAbsent;

  bool has_payload() const { return raw_offset != kAbsent; }
  bool is_variable() const { return has_payload() && (read_offset != kAbsent || callchain_offset != kAbsent); }
  // A sample is at least as long.
  uint32_t least_bytes() const { return has_payload() ? static_cast<uint32_t>(raw_offset) + 4 : fixed_bytes; }
};

// Samples whose headers were checked: each lies whole in `bytes`, and its payload has the bytes that were asked for.
struct SampleBlock {
  static constexpr uint32_t kCapacity = 256;

  // Nothing is cleared: SampleWalk::Next() fills it.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init,modernize-use-equals-default)
  SampleBlock() {}

  const std::byte* bytes;
  uint32_t count;
  // Samples of one size, one behind the other: the first one's offset in `bytes`, and the size. Elsewhere the size is 0,
  // and the offset of each is in `start`.
  uint32_t first;
  uint32_t stride;
  std::array<uint32_t, kCapacity> start;
  // Of each payload; only where SampleFormat::is_variable(). Elsewhere it lies least_bytes() behind the start.
  std::array<uint32_t, kCapacity> payload;
};

// Which loop suits the ring, as far as it is known. Zeroes at first; carried from one walk to the next.
struct WalkPace {
  // Short runs of samples with equal headers, one after the other.
  uint32_t short_runs = 0;
  // Blocks that are still to be walked header by header.
  uint32_t plain_blocks = 0;
};

// Walks the samples that were published in the data area of a ring, oldest first. Each word of a header is loaded once,
// and checked before it steers: a hostile writer can change what is read, but not where.
//
// It stops before a record that is no sample, and before a header that no sample has: those are the caller's.
class SampleWalk {
 public:
  // `data`: the data area; a power of two, at an address that is a multiple of 8. `position`: below its size, `left`: at
  // most its size; both multiples of 8. `payload_bytes`: samples with a shorter payload are counted, and left out.
  SampleWalk(std::span<const std::byte> data, uint32_t position, uint32_t left, const SampleFormat& format,
             uint32_t payload_bytes, WalkPace& pace);

  // Walks up to `limit` samples and fills the block with them. It holds until the next call.
  // Answers how many were walked, those left out included; 0 at the end, or before a record that is the caller's.
  uint32_t Next(SampleBlock& block, uint32_t limit);

  uint32_t position() const { return position_; }
  uint32_t left() const { return left_; }
  // Samples left out so far.
  uint32_t short_samples() const { return short_samples_; }

 private:
  uint32_t WalkPlain(SampleBlock& block, uint32_t limit, uint32_t edge);
  uint32_t WalkVariable(SampleBlock& block, uint32_t limit, uint32_t edge);
  uint32_t WalkRun(SampleBlock& block, uint32_t limit, uint32_t edge);
  uint32_t WalkWrapped(SampleBlock& block);

  // header.size is a u16.
  static constexpr uint32_t kMaxRecordBytes = 65536;

  std::span<const std::byte> data_;
  uint32_t position_;
  uint32_t left_;
  const SampleFormat& format_;
  uint32_t payload_bytes_;
  WalkPace& pace_;
  uint32_t short_samples_ = 0;
  // A sample that wraps, made whole.
  alignas(8) std::array<std::byte, kMaxRecordBytes> joined_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_SAMPLE_WALK_H_
