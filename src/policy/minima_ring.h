// The smallest reading of each of the last buckets of time, at one resolution.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nines::policy {

/// Buckets are counted from boot and closed when the first reading of a later one comes. The first
/// bucket after clear() is dropped: it was seen only in part. One bucket without a reading takes
/// the value of the one before; more than that is a gap, which clears the ring.
template <std::size_t Capacity>
class MinimaRing {
 public:
  /// @pre  `bucket` is not smaller than in the call before.
  /// @return whether a bucket was closed and counts.
  bool add(std::int64_t bucket, float value) {
    if (bucket == bucket_) {
      minimum_ = std::min(minimum_, value);
      maximum_ = std::max(maximum_, value);
      return false;
    }
    const bool first = bucket_ < 0;
    const std::int64_t missed = bucket - bucket_ - 1;
    const bool gap = !first && missed > 1;
    const bool closes = !first && !gap && whole_;
    if (closes) {
      push(minimum_);
      if (missed == 1) push(minimum_);
      last_maximum_ = maximum_;
    }
    if (gap) clear();
    whole_ = !first && !gap;
    bucket_ = bucket;
    minimum_ = value;
    maximum_ = value;
    return closes;
  }

  void clear() {
    bucket_ = -1;
    count_ = 0;
    next_ = 0;
    whole_ = false;
  }

  /// Closed buckets that are held.
  std::size_t count() const { return count_; }

  /// Minimum of the closed bucket that is `back` before the newest. @pre  back < count().
  float back(std::size_t back) const { return ring_[(next_ + Capacity - 1 - back) % Capacity]; }

  /// Maximum of the newest closed bucket. @pre  count() > 0.
  float last_maximum() const { return last_maximum_; }

  /// Oldest first. @pre  into.size() <= count().
  void copy_last(std::span<float> into) const {
    for (std::size_t i = 0; i < into.size(); ++i) into[i] = back(into.size() - 1 - i);
  }

 private:
  void push(float value) {
    ring_[next_] = value;
    next_ = static_cast<std::uint8_t>((next_ + 1) % Capacity);
    count_ = static_cast<std::uint8_t>(std::min<std::size_t>(count_ + 1U, Capacity));
  }

  static_assert(Capacity < 256);
  std::int64_t bucket_ = -1;
  float minimum_ = 0;
  float maximum_ = 0;
  float last_maximum_ = 0;
  std::uint8_t next_ = 0;
  std::uint8_t count_ = 0;
  bool whole_ = false;
  std::array<float, Capacity> ring_;
};

}  // namespace nines::policy
