#include "policy/latency.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "policy/rank_trend.h"

namespace nines::policy {
namespace {

constexpr Nanoseconds kSlot = std::chrono::minutes(30);
/// Slots before anything is said.
constexpr std::size_t kMinSlots = 2;
/// Page's CUSUM: slack and threshold, in spreads.
constexpr double kSlack = 1.0;
constexpr double kThreshold = 8.0;
/// One group adds no more than this, so that a wild one does not reach the threshold.
constexpr double kMaxStep = 2.0;
/// A spread is at least this (15 %): a hair's change of a very even latency is no news.
constexpr double kMinSpread = 0.15;
/// The change must be by this factor (2); by 3 before the day has been seen once.
constexpr double kMinShift = 0.69;
constexpr double kMinShiftFirstDay = 1.1;
constexpr std::size_t kPersistence = 8;
/// Slots whose levels differ by less are one level (35 %).
constexpr double kStable = 0.3;
constexpr double kForget = 0.02;  // weight of a group in the spread
constexpr double kMinZ = 2.3;
constexpr double kMinDriftT = 2.1;
constexpr double kMaxSeconds = 1e9;
constexpr std::int64_t kMaxTime = std::numeric_limits<std::int64_t>::max() / 2;

float median(std::span<const float> values) {
  std::array<float, kMaxSeries> copy;
  const auto end = std::copy(values.begin(), values.end(), copy.begin());
  const auto middle = copy.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(copy.begin(), middle, end);
  return *middle;
}

Nanoseconds from_seconds(double seconds) {
  return Nanoseconds(static_cast<std::int64_t>(std::clamp(seconds, 0.0, kMaxSeconds) * 1e9));
}

}  // namespace

std::optional<Forecast> LatencyPredictor::add(BootTime time, Nanoseconds latency,
                                              Nanoseconds timeout) {
  const bool nonsense = time.ns < 0 || time.ns > kMaxTime || latency.count() <= 0 ||
                        timeout.count() <= 0 || (samples_ > 0 && time <= last_);
  if (nonsense) return std::nullopt;
  if (samples_ == 0) first_ = slot_begin_ = time;
  last_ = time;
  ++samples_;
  group_[grouped_++] = static_cast<float>(std::log(static_cast<double>(latency.count()) * 1e-9));
  if (grouped_ < kGroup) return std::nullopt;
  grouped_ = 0;
  if (time - slot_begin_ >= kSlot) close_slot();
  watch(median(group_));
  return say(static_cast<double>(timeout.count()) * 1e-9);
}

double LatencyPredictor::reference() const {
  return *std::max_element(slots_.begin(), slots_.begin() + std::ptrdiff_t(slot_count_));
}

bool LatencyPredictor::unusual() const {
  return warned_ || cusum_ > kThreshold / 2;
}

void LatencyPredictor::end_episode() {
  warned_ = acted_ = false;
  cusum_ = 0;
  above_ = 0;
  pending_count_ = 0;
}

void LatencyPredictor::close_slot() {
  slot_begin_ = last_;
  if (slot_groups_ == 0) return;
  const auto level = static_cast<float>(slot_sum_ / static_cast<double>(slot_groups_));
  slot_sum_ = 0;
  slot_groups_ = 0;
  if (!warm_) {
    warm_ = true;
    return;
  }
  const auto push = [&](float value) {
    slots_[next_slot_] = value;
    next_slot_ = (next_slot_ + 1) % kSlots;
    slot_count_ = std::min(slot_count_ + 1, kSlots);
  };
  if (slot_count_ < kMinSlots || !unusual()) {
    pending_count_ = 0;
    push(level);
    return;
  }
  if (pending_count_ == kPending) {
    std::move(pending_.begin() + 1, pending_.end(), pending_.begin());
    --pending_count_;
  }
  pending_[pending_count_++] = level;
  const auto [low, high] = std::minmax_element(pending_.begin(), pending_.end());
  if (pending_count_ < kPending || *high - *low > kStable) return;
  // Stable: this is how it is now, and what it was before is not waited for.
  slot_count_ = 0;
  next_slot_ = 0;
  for (const float value : pending_) push(value);
  end_episode();
}

void LatencyPredictor::watch(float level) {
  if (slot_groups_ > 0) {
    const double off = std::abs(level - slot_sum_ / static_cast<double>(slot_groups_));
    if (!unusual()) spread_ += kForget * (1.25 * off - spread_);
  }
  slot_sum_ += level;
  ++slot_groups_;
  if (recent_count_ == kRecent) {
    std::move(recent_.begin() + 1, recent_.end(), recent_.begin());
    std::move(recent_times_.begin() + 1, recent_times_.end(), recent_times_.begin());
    --recent_count_;
  }
  recent_[recent_count_] = level;
  recent_times_[recent_count_++] = last_;
  if (slot_count_ < kMinSlots) return;

  const double over = level - reference();
  const double step = over / std::max(kMinSpread, spread_) - kSlack;
  cusum_ = std::clamp(cusum_ + std::clamp(step, -kMaxStep, kMaxStep), 0.0, 2 * kThreshold);
  const double shift = slot_count_ == kSlots ? kMinShift : kMinShiftFirstDay;
  above_ = over >= shift ? above_ + 1 : 0;
  const bool back = recent_count_ == kRecent && median(recent_) < reference() + kMinShift / 2;
  if (warned_ && back) end_episode();
}

std::optional<Forecast> LatencyPredictor::say(double timeout_s) {
  const bool changed = cusum_ > kThreshold && above_ >= kPersistence;
  if (acted_ || (!warned_ && !changed) || recent_count_ < kRecent) return std::nullopt;
  const double value = std::exp(static_cast<double>(median(std::span(recent_).last(3))));
  if (value >= timeout_s) return std::nullopt;  // these succeeded: the timeout is not this one
  std::array<float, kRecent> seconds;
  std::transform(recent_.begin(), recent_.end(), seconds.begin(),
                 [](float level) { return std::exp(level); });
  const RankTrend trend = rank_trend(seconds);
  const double step = static_cast<double>((recent_times_.back() - recent_times_.front()).count()) *
                      1e-9 / (kRecent - 1);
  Forecast forecast;
  forecast.predictor = Predictor::kLatency;
  forecast.value = value;
  forecast.limit = timeout_s;
  forecast.horizon = forecast.earliest = forecast.latest = settings_.default_horizon;
  if (trend.slope > 0 && trend.z >= kMinZ && trend.drift_t >= kMinDriftT) {
    const double left = timeout_s - value;
    forecast.slope_per_s = trend.slope / step;
    forecast.horizon = from_seconds(left / trend.slope * step);
    forecast.earliest = from_seconds(left / trend.high * step);
    forecast.latest = from_seconds(trend.low > 0 ? left / trend.low * step : kMaxSeconds);
  }
  forecast.confidence = std::clamp(cusum_ / (2 * kThreshold), 0.0, 1.0);
  forecast.samples = samples_;
  forecast.observed = last_ - first_;
  forecast.urgent =
      forecast.earliest < settings_.act_before || value > settings_.act_above * timeout_s;
  if (warned_ && !forecast.urgent) return std::nullopt;
  warned_ = true;
  acted_ = forecast.urgent;
  return forecast;
}

}  // namespace nines::policy
