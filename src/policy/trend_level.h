// Trends at one resolution: when does a series of bucket minima tell of a growth that will not stop
// before the limit?
#pragma once

#include <optional>
#include <span>

#include "base/clock.h"

namespace nines::policy {

/// What the rules need to know besides the series.
struct TrendContext {
  double limit = 0;
  /// Largest reading of the newest bucket: the limit is hit by this, not by the minimum.
  double peak = 0;
  /// The largest rise of this series that has come back by itself, in the value's unit.
  double healed = 0;
  Nanoseconds step{};
  double horizon_per_observed = 0;
  Nanoseconds max_horizon{};
  double warn_above = 0;
};

struct FoundTrend {
  double slope_per_s = 0;
  double low_per_s = 0;
  double high_per_s = 0;
  double confidence = 0;
  /// First and last of the series.
  double from = 0;
  double to = 0;
  Nanoseconds observed{};
};

/// @pre   3 <= series.size() <= kMaxSeries; context.limit finite and > 0.
/// @return the trend, if each rule of docs/prediction.md is satisfied.
std::optional<FoundTrend> find_trend(std::span<const float> series, const TrendContext& context);

}  // namespace nines::policy
