#include "policy/latency.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "policy/rank_trend.h"

namespace nines::policy {
namespace {

constexpr Nanoseconds kBlock = std::chrono::minutes(1);
constexpr std::uint16_t kFewestInBlock = 3;
constexpr std::uint32_t kOneOf = 8;
constexpr std::uint16_t kArmed = 20;  // blocks of baseline
// In units of the spread of blocks: half a step is noise, and so much in all is a change.
constexpr float kSlack = 1.0F;
constexpr float kDecision = 8.0F;
// Logarithms: what is usual varies by a tenth at least, and what is not half as slow again is none.
constexpr float kLeastSpread = 0.1F;
const float kLeastShift = std::log(1.5F);
// Before a whole day was seen: its busy hours may still come.
const float kLeastShiftFirstDay = std::log(3.0F);
const float kBeyondHighest = std::log(1.25F);
constexpr std::uint16_t kLasting = 5;  // blocks
constexpr std::uint16_t kBack = 3;
constexpr Nanoseconds kStays = std::chrono::hours(2);
constexpr Nanoseconds kDefaultHorizon = std::chrono::hours(1);
constexpr Nanoseconds kLongestHorizon = std::chrono::hours(24);

float median_of(std::span<const float> values) {
  std::array<float, 64> copy;
  const auto end = std::copy(values.begin(), values.end(), copy.begin());
  const auto middle = copy.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(copy.begin(), middle, end);
  return *middle;
}

float spread_of(std::span<const float> values, float middle) {
  std::array<float, 64> off;
  std::transform(values.begin(), values.end(), off.begin(),
                 [&](float value) { return std::abs(value - middle); });
  constexpr float kMadToSigma = 1.4826F;
  return std::max(kLeastSpread, kMadToSigma * median_of(std::span(off).first(values.size())));
}

}  // namespace

void LatencyPredictor::restart() {
  in_block_ = 0;
  raised_ = 0;
  quiet_ = 0;
  sum_ = 0;
  recent_count_ = 0;
  warned_ = false;
}

std::optional<Forecast> LatencyPredictor::add(BootTime time, Nanoseconds latency,
                                              Nanoseconds timeout) {
  if (latency.count() <= 0 || (last_.ns != 0 && time < last_)) return std::nullopt;
  if (began_.ns == 0) began_ = time;
  last_ = time;
  std::optional<Forecast> found;
  if (in_block_ >= kFewestInBlock && time - block_began_ >= kBlock) {
    found = close_block(time, timeout);
    in_block_ = 0;
  }
  if (in_block_ == 0) block_began_ = time;
  const auto value = static_cast<float>(std::log(std::chrono::duration<double>(latency).count()));
  // With more checks than there is room for, the later ones stand for the earlier.
  block_[in_block_ < kInBlock ? in_block_ : (next_ + in_block_) % kInBlock] = value;
  in_block_ = static_cast<std::uint16_t>(std::min<std::size_t>(in_block_ + 1U, kInBlock));
  return found;
}

std::optional<Forecast> LatencyPredictor::close_block(BootTime time, Nanoseconds timeout) {
  const float level = median_of(std::span(block_).first(in_block_));
  ++blocks_;
  if (recent_count_ == kRecent) {
    std::copy(recent_.begin() + 1, recent_.end(), recent_.begin());
    --recent_count_;
  }
  recent_[recent_count_++] = level;
  if (count_ < kArmed) {
    calm(level);
    return std::nullopt;
  }
  const auto known = std::span(baseline_).first(count_);
  const float usual = median_of(known);
  const float off = (level - usual) / spread_of(known, usual);
  sum_ = std::max(0.0F, sum_ + std::min(off, kDecision / 3) - kSlack);
  if (level - usual >= kLeastShift) {
    quiet_ = 0;
    return raised(time, level, timeout);
  }
  if (raised_ > 0 && ++quiet_ >= kBack) {
    // It came back by itself: what is as high as that is nothing to be warned of.
    if (raised_ >= kLasting) highest_ = std::max(highest_, peak_);
    raised_ = 0;
    warned_ = false;
    sum_ = 0;
  }
  // What is usual reaches back for hours, so that a slow change does not become usual at once.
  if (raised_ == 0 && (count_ < kBaseline || blocks_ % kOneOf == 0)) calm(level);
  return std::nullopt;
}

void LatencyPredictor::calm(float level) {
  baseline_[next_] = level;
  next_ = static_cast<std::uint16_t>((next_ + 1) % kBaseline);
  count_ = static_cast<std::uint16_t>(std::min<std::size_t>(count_ + 1U, kBaseline));
}

std::optional<Forecast> LatencyPredictor::raised(BootTime time, float level, Nanoseconds timeout) {
  if (raised_ == 0) {
    raised_since_ = time;
    peak_ = level;
  }
  raised_ = static_cast<std::uint16_t>(std::min(raised_ + 1, 60'000));
  peak_ = std::max(peak_, level);
  if (time - raised_since_ > kStays) {
    adopt_level();
    return std::nullopt;
  }
  if (warned_ || raised_ < kLasting || sum_ < kDecision) return std::nullopt;
  const float usual = median_of(std::span(baseline_).first(count_));
  const bool first_day = time - began_ < std::chrono::hours(24);
  if (first_day && level - usual < kLeastShiftFirstDay) return std::nullopt;
  if (level < highest_ + kBeyondHighest) return std::nullopt;
  warned_ = true;
  return forecast(level, timeout);
}

/// It has stayed there: this is what is usual now.
void LatencyPredictor::adopt_level() {
  next_ = 0;
  count_ = 0;
  for (const float level : std::span(recent_).first(recent_count_)) calm(level);
  while (count_ < kArmed) calm(median_of(std::span(recent_).first(recent_count_)));
  raised_ = 0;
  quiet_ = 0;
  sum_ = 0;
  warned_ = false;
}

Forecast LatencyPredictor::forecast(float level, Nanoseconds timeout) const {
  std::array<float, kRecent> seconds;
  const auto recent = std::span(recent_).first(recent_count_);
  std::transform(recent.begin(), recent.end(), seconds.begin(),
                 [](float value) { return std::exp(value); });
  const RankTrend trend = rank_trend(std::span(seconds).first(recent.size()));
  const double now = std::exp(level);
  const double limit = std::chrono::duration<double>(timeout).count();
  const double step = std::chrono::duration<double>(kBlock).count();
  const auto time_at = [&](double slope) -> Nanoseconds {
    if (slope <= 0 || limit <= now) return kDefaultHorizon;
    const double left = (limit - now) / (slope / step);
    const double most = std::chrono::duration<double>(kLongestHorizon).count();
    return Nanoseconds(static_cast<std::int64_t>(std::min(left, most) * 1e9));
  };
  Forecast said;
  said.predictor = Predictor::kLatency;
  said.subject = "health check";
  said.value = now;
  said.limit = limit;
  said.slope_per_s = trend.slope / step;
  said.horizon = time_at(trend.slope);
  said.earliest = std::min(time_at(trend.high), said.horizon);
  said.latest = std::max(time_at(trend.low), said.horizon);
  said.confidence = normal_below(std::max(0.0, trend.z));
  said.samples = blocks_;
  said.observed = last_ - raised_since_;
  return said;
}

}  // namespace nines::policy
