#ifndef PERFRING_SYSTEM_SAMPLE_WALK_H_
#define PERFRING_SYSTEM_SAMPLE_WALK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace perfring::system {

// Where the payload of a sample (PERF_SAMPLE_RAW) is. Offsets are in bytes from the start of the record, computed as if
// fields of variable length had no bytes. kAbsent: the samples don't have the field.
struct SampleFormat {
  static constexpr int32_t kAbsent = -1;

  // The offset of raw_size. Without PERF_SAMPLE_RAW the payload is empty.
  int32_t raw_offset = kAbsent;
  // The bytes of all fields of fixed size, header included.
  uint32_t fixed_bytes = 0;
  // The offset of PERF_SAMPLE_READ with PERF_FORMAT_GROUP. `nr` and the times take read_head_bytes, and each of the
  // `nr` counters takes read_entry_bytes.
  int32_t read_offset = kAbsent;
  uint32_t read_head_bytes = 0;
  uint32_t read_entry_bytes = 0;
  // The offset of PERF_SAMPLE_CALLCHAIN.
  int32_t callchain_offset = kAbsent;

  bool has_payload() const { return raw_offset != kAbsent; }
  bool is_variable() const { return has_payload() && (read_offset != kAbsent || callchain_offset != kAbsent); }
  // The length of the shortest possible sample.
  uint32_t least_bytes() const { return has_payload() ? static_cast<uint32_t>(raw_offset) + 4 : fixed_bytes; }
};

// Samples whose headers were checked. Each lies completely within `bytes`, and its payload has at least the bytes that
// SampleWalk was given.
struct SampleBlock {
  static constexpr uint32_t kCapacity = 256;

  // Nothing is cleared: SampleWalk::Next() fills it.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init,modernize-use-equals-default)
  SampleBlock() {}

  const std::byte* bytes;
  uint32_t count;
  // If all samples have one size and follow each other: the offset of the first in `bytes`, and the size as `stride`.
  // Otherwise `stride` is 0, and `start` has the offset of each sample.
  uint32_t first;
  uint32_t stride;
  std::array<uint32_t, kCapacity> start;
  // The offset of each payload; set only if SampleFormat::is_variable(). Otherwise a payload begins least_bytes() after
  // the start of its sample.
  std::array<uint32_t, kCapacity> payload;
};

// Decides which loop the next walk of the ring uses. All 0 at first; pass it from one walk to the next.
struct WalkPace {
  // The number of short runs of samples with equal headers since the last long one.
  uint32_t short_runs = 0;
  // The number of blocks that remain to be walked header by header.
  uint32_t plain_blocks = 0;
};

// Walks the samples that are published in the data area of a ring, oldest first. Each word of a header is checked
// before it is used, and the checked value is the one that is used: a hostile writer can change which values are read,
// but not make the walk read outside the data area.
//
// It stops before a record that is not a sample, and before an invalid header. The caller handles those.
class SampleWalk {
 public:
  // `data`: the data area. Its size is a power of two, its address a multiple of 8. `position`: the offset of the first
  // record, below the size. `left`: the published bytes from there, at most the size. Both are multiples of 8.
  // `payload_bytes`: samples with a shorter payload are counted and left out. `format` and `pace` must outlive this
  // object.
  SampleWalk(std::span<const std::byte> data, uint32_t position, uint32_t left, const SampleFormat& format,
             uint32_t payload_bytes, WalkPace& pace);

  // Walks up to `limit` samples and fills the block with them. The block is valid until the next call.
  // Returns how many were walked, including those left out. 0: nothing is left, or the next record is not a valid
  // sample.
  uint32_t Next(SampleBlock& block, uint32_t limit);

  uint32_t position() const { return position_; }
  uint32_t left() const { return left_; }
  // The number of samples left out so far.
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
  // The copy of a sample that wraps.
  alignas(8) std::array<std::byte, kMaxRecordBytes> joined_;
};

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_SAMPLE_WALK_H_
