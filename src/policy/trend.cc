#include "policy/trend.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "policy/minima_ring.h"
#include "policy/rank_trend.h"
#include "policy/trend_level.h"

namespace nines::policy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// Each span of time between seconds and days is seen by a ring in which it has 8 to 24 buckets.
constexpr std::array<Nanoseconds, 6> kWidths = {seconds(2), seconds(8), seconds(30),
                                                minutes(2), minutes(8), minutes(30)};
constexpr Nanoseconds kCoarseWidth = hours(2);
constexpr std::size_t kCoarseBuckets = 96;  // 8 days
constexpr std::size_t kBucketsPerDay = 12;
constexpr std::size_t kMinDays = 4;
/// How much of a ring is looked at, the longest first.
constexpr std::array<std::size_t, 4> kSpans = {24, 16, 12, 8};
/// For the finest ring alone: with 1 s readings this is 12 s.
constexpr std::size_t kShortestSpan = 6;
/// A trend must be found this many times in a row.
constexpr int kPersistence = 2;
constexpr std::size_t kLevels = kWidths.size() + 2;  // and the coarse ring by 2 h, and by days
constexpr std::size_t kByTwoHours = kWidths.size();
constexpr std::size_t kByDays = kByTwoHours + 1;

/// What came back by itself is forgotten within weeks: memory of one that came back a week ago
/// counts 61 %.
constexpr double kForgetPerS = 1.0 / (14 * 86400.0);

constexpr Nanoseconds kFast = seconds(1);
constexpr Nanoseconds kBrisk = seconds(5);
constexpr Nanoseconds kSlow = seconds(30);
constexpr Nanoseconds kYoung = minutes(1);
constexpr Nanoseconds kNear = minutes(5);
/// A reading above all of the last hour by this share of the limit is followed closely for a while.
constexpr double kJump = 0.03;
constexpr Nanoseconds kFollow = seconds(30);
constexpr double kEnvelopePerS = 1.0 / 3600;

/// Later than any machine runs, early enough to add to.
constexpr std::int64_t kMaxTime = std::numeric_limits<std::int64_t>::max() / 2;
constexpr double kMaxValue = 1e30;  // its squares do not matter, but it must fit a float

double to_seconds(Nanoseconds time) {
  return static_cast<double>(time.count()) * 1e-9;
}

/// @return `left` at `slope_per_s`, at most `most`.
Nanoseconds time_for(double left, double slope_per_s, Nanoseconds most) {
  if (slope_per_s <= 0 || left / slope_per_s >= to_seconds(most)) return most;
  return Nanoseconds(static_cast<std::int64_t>(std::max(0.0, left / slope_per_s) * 1e9));
}

bool usable(double limit) {
  return std::isfinite(limit) && limit > 0;
}

Nanoseconds step_of(std::size_t level) {
  if (level < kWidths.size()) return kWidths[level];
  return level == kByTwoHours ? kCoarseWidth : Nanoseconds(hours(24));
}

}  // namespace

class TrendPredictor::State {
 public:
  std::optional<Forecast> add(const Reading& reading, Predictor predictor,
                              const TrendSettings& settings);
  void restart();
  Nanoseconds next_reading_in() const { return next_; }

 private:
  struct Episode {
    FoundTrend trend;
    BootTime found;
    std::uint8_t level = 0;
    bool active = false;
    bool acted = false;
  };

  /// A bucket of that level was closed: learn what came back, look for a trend, or see it end.
  void closed(std::size_t level, const Reading& reading, const TrendSettings& settings);
  std::optional<FoundTrend> search(std::size_t level, const Reading& reading,
                                   const TrendSettings& settings) const;
  std::size_t count(std::size_t level) const;
  void copy_last(std::size_t level, std::span<float> into) const;
  float newest(std::size_t level) const;
  void learn(std::size_t level);
  double healed(std::size_t level) const;
  void end_episode(bool grew_to_a_stop);
  void end_when_over(BootTime now);
  std::optional<Forecast> say(const Reading& reading, Predictor predictor,
                              const TrendSettings& settings);
  void plan_next(const Reading& reading, double previous);

  std::array<MinimaRing<kMaxSeries>, kWidths.size()> rings_;
  MinimaRing<kCoarseBuckets> coarse_;
  std::array<float, kLevels> healed_{};
  std::array<std::uint8_t, kLevels> in_a_row_{};
  Episode episode_;
  BootTime first_;
  BootTime last_;
  BootTime follow_until_;
  double recent_ = 0;    ///< the smaller of the last two readings
  double previous_ = 0;  ///< the last reading
  double envelope_ = 0;  ///< about the maximum of the last hour
  Nanoseconds next_ = kFast;
  std::size_t samples_ = 0;
};

void TrendPredictor::State::restart() {
  for (auto& ring : rings_) ring.clear();
  coarse_.clear();
  in_a_row_.fill(0);
  episode_ = Episode();
  samples_ = 0;
  next_ = kFast;
}

std::size_t TrendPredictor::State::count(std::size_t level) const {
  if (level < kWidths.size()) return rings_[level].count();
  return level == kByTwoHours ? std::min(coarse_.count(), kMaxSeries)
                              : coarse_.count() / kBucketsPerDay;
}

void TrendPredictor::State::copy_last(std::size_t level, std::span<float> into) const {
  if (level < kWidths.size()) return rings_[level].copy_last(into);
  if (level == kByTwoHours) return coarse_.copy_last(into);
  // The days end now, not at midnight.
  for (std::size_t i = 0; i < into.size(); ++i) {
    const std::size_t newest = (into.size() - 1 - i) * kBucketsPerDay;
    float least = coarse_.back(newest);
    for (std::size_t back = 1; back < kBucketsPerDay; ++back)
      least = std::min(least, coarse_.back(newest + back));
    into[i] = least;
  }
}

float TrendPredictor::State::newest(std::size_t level) const {
  float value = 0;
  copy_last(level, std::span(&value, 1));
  return value;
}

void TrendPredictor::State::learn(std::size_t level) {
  const std::size_t held = std::min(count(level), kMaxSeries);
  if (held == 0) return;
  std::array<float, kMaxSeries> series;
  copy_last(level, std::span(series).first(held));
  const float highest = *std::max_element(series.begin(), series.begin() + std::ptrdiff_t(held));
  const float fallen = highest - series[held - 1];
  const Nanoseconds step = level == kByDays ? kCoarseWidth : step_of(level);
  const auto kept = static_cast<float>(1 - kForgetPerS * to_seconds(step));
  healed_[level] = std::max(healed_[level] * kept, fallen);
}

double TrendPredictor::State::healed(std::size_t level) const {
  return *std::max_element(healed_.begin() + std::ptrdiff_t(level), healed_.end());
}

std::optional<FoundTrend> TrendPredictor::State::search(std::size_t level, const Reading& reading,
                                                        const TrendSettings& settings) const {
  const std::size_t held = std::min(count(level), kMaxSeries);
  const double maximum =
      level < kWidths.size() ? rings_[level].last_maximum() : coarse_.last_maximum();
  const TrendContext context{
      reading.limit,      std::max(maximum, recent_),    healed(level),
      step_of(level),     settings.horizon_per_observed, settings.max_horizon,
      settings.warn_above};
  std::array<float, kMaxSeries> series;
  const auto look = [&](std::size_t length) {
    copy_last(level, std::span(series).first(length));
    return find_trend(std::span(series).first(length), context);
  };
  if (level == kByDays) return held >= kMinDays ? look(held) : std::nullopt;
  for (const std::size_t length : kSpans)
    if (length <= held)
      if (auto found = look(length)) return found;
  if (level == 0 && held >= kShortestSpan && held < kSpans.back()) return look(kShortestSpan);
  return std::nullopt;
}

void TrendPredictor::State::closed(std::size_t level, const Reading& reading,
                                   const TrendSettings& settings) {
  if (count(level) == 0) return;
  learn(level);
  if (episode_.active && level == episode_.level) {
    const FoundTrend& trend = episode_.trend;
    if (newest(level) < (trend.from + trend.to) / 2) end_episode(false);
  }
  const auto found =
      usable(reading.limit) ? search(level, reading, settings) : std::optional<FoundTrend>();
  if (!found) {
    in_a_row_[level] = 0;
    return;
  }
  in_a_row_[level] = static_cast<std::uint8_t>(std::min(in_a_row_[level] + 1, kPersistence));
  if (in_a_row_[level] < kPersistence) return;
  episode_.trend = *found;
  episode_.found = reading.time;
  episode_.level = static_cast<std::uint8_t>(level);
}

void TrendPredictor::State::end_episode(bool grew_to_a_stop) {
  if (grew_to_a_stop) {
    const auto rise = static_cast<float>(episode_.trend.to - episode_.trend.from);
    healed_[episode_.level] = std::max(healed_[episode_.level], rise);
  }
  in_a_row_.fill(0);
  episode_ = Episode();
}

void TrendPredictor::State::end_when_over(BootTime now) {
  if (episode_.trend.slope_per_s <= 0) return;
  const Nanoseconds patience = std::max<Nanoseconds>(2 * episode_.trend.observed, kNear);
  if (now - episode_.found > patience) end_episode(episode_.active);
}

std::optional<Forecast> TrendPredictor::State::say(const Reading& reading, Predictor predictor,
                                                   const TrendSettings& settings) {
  const FoundTrend& trend = episode_.trend;
  const bool found_now = episode_.found == reading.time;
  if (trend.slope_per_s <= 0 || (!found_now && !episode_.active) || episode_.acted)
    return std::nullopt;
  const double left = reading.limit - recent_;
  if (!usable(reading.limit) || left <= 0) return std::nullopt;
  const Nanoseconds most = 4 * settings.max_horizon;
  Forecast forecast{predictor,
                    {},
                    reading.value,
                    reading.limit,
                    trend.slope_per_s,
                    time_for(left, trend.slope_per_s, most),
                    time_for(left, trend.high_per_s, most),
                    time_for(left, trend.low_per_s, most),
                    trend.confidence,
                    samples_,
                    trend.observed,
                    false};
  forecast.urgent =
      forecast.earliest < settings.act_before || recent_ > settings.act_above * reading.limit;
  if (episode_.active && !forecast.urgent) return std::nullopt;
  episode_.active = true;
  episode_.acted = forecast.urgent;
  return forecast;
}

void TrendPredictor::State::plan_next(const Reading& reading, double previous) {
  const bool limited = usable(reading.limit);
  const double elapsed = to_seconds(reading.time - last_);
  envelope_ -= (envelope_ - recent_) * std::min(1.0, elapsed * kEnvelopePerS);
  if (limited && samples_ > 1 && reading.value > envelope_ + kJump * reading.limit)
    follow_until_ = reading.time + kFollow;
  envelope_ = std::max({envelope_, reading.value, previous});

  Nanoseconds left = Nanoseconds::max();
  if (limited && episode_.trend.slope_per_s > 0)
    left = time_for(reading.limit - recent_, episode_.trend.slope_per_s, hours(1));
  if (reading.time - first_ < kYoung || reading.time < follow_until_ || left < kNear) {
    next_ = kFast;
  } else if (left < hours(1) || (limited && reading.value > reading.limit / 2)) {
    next_ = kBrisk;
  } else {
    next_ = std::clamp<Nanoseconds>(2 * next_, kBrisk, kSlow);
  }
}

std::optional<Forecast> TrendPredictor::State::add(const Reading& reading, Predictor predictor,
                                                   const TrendSettings& settings) {
  const bool first = samples_ == 0;
  if (!first && reading.time <= last_) return std::nullopt;
  const double previous = first ? reading.value : previous_;
  if (first) {
    first_ = reading.time;
    last_ = reading.time;
    envelope_ = reading.value;
  }
  ++samples_;
  recent_ = std::min(reading.value, previous);
  previous_ = reading.value;

  const auto value = static_cast<float>(reading.value);
  for (std::size_t i = 0; i < rings_.size(); ++i)
    if (rings_[i].add(reading.time.ns / kWidths[i].count(), value)) closed(i, reading, settings);
  if (coarse_.add(reading.time.ns / kCoarseWidth.count(), value)) {
    closed(kByTwoHours, reading, settings);
    closed(kByDays, reading, settings);
  }
  end_when_over(reading.time);
  auto forecast = say(reading, predictor, settings);
  plan_next(reading, previous);
  last_ = reading.time;
  return forecast;
}

TrendPredictor::TrendPredictor(Predictor predictor, TrendSettings settings)
    : predictor_(predictor), settings_(settings) {}
TrendPredictor::TrendPredictor(TrendPredictor&&) noexcept = default;
TrendPredictor& TrendPredictor::operator=(TrendPredictor&&) noexcept = default;
TrendPredictor::~TrendPredictor() = default;

std::optional<Forecast> TrendPredictor::add(const Reading& reading) {
  const bool nonsense = !std::isfinite(reading.value) || reading.value < 0 ||
                        reading.value > kMaxValue || reading.time.ns < 0 ||
                        reading.time.ns > kMaxTime;
  if (nonsense) return std::nullopt;
  if (!state_) state_ = std::make_unique<State>();
  return state_->add(reading, predictor_, settings_);
}

void TrendPredictor::restart() {
  if (state_) state_->restart();
}

Nanoseconds TrendPredictor::next_reading_in() const {
  return state_ ? state_->next_reading_in() : kFast;
}

std::size_t TrendPredictor::memory_bytes() const {
  return sizeof(*this) + (state_ ? sizeof(State) : 0);
}

}  // namespace nines::policy
