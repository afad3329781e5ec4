// Trend in a short series of equally spaced values, by ranks: outliers count as little as their
// neighbours.
#pragma once

#include <cstddef>
#include <span>

namespace nines::policy {

inline constexpr std::size_t kMaxSeries = 24;

struct RankTrend {
  /// Theil-Sen: the median of the slopes of all pairs, per step; with its 90 % confidence interval.
  double slope = 0;
  double low = 0;
  double high = 0;
  /// Kendall's S by its standard deviation, which is corrected for ties and for autocorrelation.
  double z = 0;
  /// Mean step by its standard error. A random walk without drift has |t| < 2 nearly always, though
  /// its z is large.
  double drift_t = 0;
};

/// @pre  3 <= series.size() <= kMaxSeries; all finite.
/// @source  Sen, JASA 63 (1968) 1379, for the interval; Kendall, Rank Correlation Methods (1975),
/// for
///          ties; Yue and Wang, Water Resources Management 18 (2004) 201, for the effective sample
///          size
RankTrend rank_trend(std::span<const float> series);

/// How a growth goes on, by the medians of its three thirds (a), (b), (c).
struct Growth {
  double older = 0;  ///< b - a
  double newer = 0;  ///< c - b
  double last = 0;   ///< c
};

/// @pre  3 <= series.size() <= kMaxSeries.
Growth growth_of(std::span<const float> series);

/// Where a growth ends if each third adds the same fraction of the one before; infinity if it does
/// not slow down, `last` if it has ended.
/// @source  Aitken's delta-squared process, Proc. Roy. Soc. Edinburgh 46 (1926) 289
double asymptote_of(const Growth& growth);

/// @return the probability that a standard normal variable is below z.
double normal_below(double z);

}  // namespace nines::policy
