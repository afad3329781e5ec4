#include "policy/trend_level.h"

#include <algorithm>

#include "policy/rank_trend.h"

namespace nines::policy {
namespace {

/// One-sided 1 % for the whole series; the rule is asked many times, so others stand beside it.
constexpr double kMinZ = 2.3;
/// Against random walks.
constexpr double kMinDriftT = 2.1;
/// A rise that is not this much larger than one that came back may come back, too.
constexpr double kBeyondHealed = 1.3;
/// Of the limit; smaller rises are not worth an extrapolation.
constexpr double kMinRise = 0.01;
/// Starting up takes memory quickly: what is seen in so short a time must have used half of it.
constexpr Nanoseconds kShort = std::chrono::minutes(5);
constexpr double kShortWarnAbove = 0.5;
/// Between these a first rise may be the morning of a day.
constexpr Nanoseconds kRhythmFrom = std::chrono::hours(3);
constexpr Nanoseconds kRhythmUntil = std::chrono::hours(30);
constexpr double kRhythmHorizon = 1.0;

double seconds(Nanoseconds time) {
  return static_cast<double>(time.count()) * 1e-9;
}

bool high_enough(const TrendContext& context, double value, Nanoseconds observed) {
  const double share =
      observed < kShort ? std::max(kShortWarnAbove, context.warn_above) : context.warn_above;
  return value >= share * context.limit;
}

}  // namespace

std::optional<FoundTrend> find_trend(std::span<const float> series, const TrendContext& context) {
  const Nanoseconds observed = context.step * static_cast<std::int64_t>(series.size());
  const double first = series.front();
  const double last = series.back();
  const double rise = last - first;
  const double left = context.limit - context.peak;
  if (left <= 0 || !high_enough(context, last, observed)) return std::nullopt;
  if (rise < kMinRise * context.limit || rise < kBeyondHealed * context.healed) return std::nullopt;

  const Growth growth = growth_of(series);
  if (growth.newer <= 0) return std::nullopt;
  if (asymptote_of(growth) + std::max(0.0, context.peak - last) < context.limit)
    return std::nullopt;

  const RankTrend trend = rank_trend(series);
  if (trend.slope <= 0 || trend.z < kMinZ || trend.drift_t < kMinDriftT) return std::nullopt;
  const double step = seconds(context.step);
  const double horizon = left / trend.slope * step;
  const bool rhythm = observed > kRhythmFrom && observed < kRhythmUntil;
  const double multiple = rhythm ? std::min(kRhythmHorizon, context.horizon_per_observed)
                                 : context.horizon_per_observed;
  if (horizon > multiple * seconds(observed) || horizon > seconds(context.max_horizon))
    return std::nullopt;
  return FoundTrend{trend.slope / step,
                    trend.low / step,
                    trend.high / step,
                    normal_below(std::min(trend.z, trend.drift_t)),
                    first,
                    last,
                    observed};
}

}  // namespace nines::policy
