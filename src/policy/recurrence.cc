#include "policy/recurrence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "policy/rank_trend.h"

namespace nines::policy {
namespace {

/// An episode is over when chance alone would explain it this easily.
constexpr double kOver = 0.1;
constexpr double kMinLaplaceZ = 1.645;  // one-sided 5 %

double seconds_between(BootTime from, BootTime to) {
  return (static_cast<double>(to.ns) - static_cast<double>(from.ns)) * 1e-9;
}

Nanoseconds from_seconds(double seconds) {
  constexpr double kMost = 1e9;  // 30 years
  return Nanoseconds(static_cast<std::int64_t>(std::clamp(seconds, 0.0, kMost) * 1e9));
}

/// The power law process (Crow-AMSAA): N(t) = (t / scale)^shape failures until t.
struct PowerLaw {
  double shape = 1;
  double rate_per_s = 0;  ///< now
  /// One-sided: the probability to see this at a constant rate.
  double p_value = 1;
};

/// @pre  times.size() >= 4, not falling, the first before the last.
/// The first failure begins the time and the last ends it, so those between are, at a constant
/// rate, as uniform random times are: m of them, and 2 sum ln(T/t) is chi-squared with 2m degrees.
/// @source  Crow, MIL-HDBK-189; Laplace's test in Ascher and Feingold, Repairable Systems (1984)
PowerLaw fit(std::span<const BootTime> times) {
  const BootTime begin = times.front();
  const double total = seconds_between(begin, times.back());
  const auto between = static_cast<double>(times.size() - 2);
  double logs = 0;
  double sum = 0;
  for (const BootTime time : times.subspan(1, times.size() - 2)) {
    const double at = std::max(seconds_between(begin, time), total * 1e-9);
    logs += std::log(total / at);
    sum += at / total;
  }
  PowerLaw law;
  // Unbiased for a process that is cut off at a failure; no logarithm at all: all at the end.
  law.shape = logs > 1e-6 ? std::clamp((between - 1) / logs, 0.1, 20.0) : 20.0;
  law.rate_per_s = law.shape * (between + 1) / total;
  // Wilson and Hilferty's approximation of the chi-squared distribution, lower tail.
  const double degrees = 2 * between;
  const double cube = std::cbrt(2 * logs / degrees);
  const double crow_z = (cube - (1 - 2 / (9 * degrees))) / std::sqrt(2 / (9 * degrees));
  const double laplace_z = (sum - between / 2) / std::sqrt(between / 12);
  // Crow's test is led by the oldest times; Laplace's, by the newest, must not contradict.
  law.p_value = laplace_z > kMinLaplaceZ ? normal_below(crow_z) : 1;
  return law;
}

}  // namespace

RecurrencePredictor::Cause& RecurrencePredictor::cause_named(std::string_view name) {
  name = name.substr(0, kMaxCauseLength);
  const auto known = std::find_if(causes_.begin(), causes_.end(),
                                  [&](const Cause& cause) { return cause.name == name; });
  if (known != causes_.end()) return *known;
  Cause fresh;
  fresh.name = name;
  if (causes_.size() < kMaxCauses) return causes_.emplace_back(std::move(fresh));
  const auto oldest = std::min_element(
      causes_.begin(), causes_.end(),
      [](const Cause& a, const Cause& b) { return a.times[a.count - 1] < b.times[b.count - 1]; });
  *oldest = std::move(fresh);
  return *oldest;
}

std::optional<Forecast> RecurrencePredictor::add(BootTime time, std::string_view name) {
  if (time.ns < 0) return std::nullopt;
  Cause& cause = cause_named(name);
  if (cause.count > 0 && time < cause.times[cause.count - 1]) return std::nullopt;
  if (cause.count == kMaxFailures) {
    std::move(cause.times.begin() + 1, cause.times.end(), cause.times.begin());
    --cause.count;
  }
  cause.times[cause.count++] = time;
  ++cause.total;
  const auto times = std::span(cause.times).first(cause.count);
  if (times.size() < kMinFailures || times.front() == times.back()) return std::nullopt;

  const PowerLaw law = fit(times);
  if (law.shape <= 1 || law.p_value > settings_.significance) {
    // Until it is far from significant nothing changes, or one episode would be many.
    if (law.shape <= 1 || law.p_value > kOver) cause.warned = cause.acted = false;
    return std::nullopt;
  }
  // For the next interval the rate hardly changes: it is exponential.
  const double mean = 1 / law.rate_per_s;
  Forecast forecast;
  forecast.predictor = Predictor::kRecurrence;
  forecast.subject = cause.name;
  forecast.value = law.rate_per_s * 3600;
  forecast.limit = std::numeric_limits<double>::infinity();
  const double observed = seconds_between(times.front(), times.back());
  forecast.slope_per_s = forecast.value * (law.shape - 1) / observed;
  forecast.horizon = from_seconds(mean);
  forecast.earliest = from_seconds(-std::log(0.95) * mean);
  forecast.latest = from_seconds(-std::log(0.05) * mean);
  forecast.confidence = std::clamp(1 - law.p_value, 0.0, 1.0);
  forecast.samples = cause.total;
  forecast.observed = from_seconds(observed);
  forecast.urgent = forecast.horizon < settings_.act_before;
  if (cause.acted || (cause.warned && !forecast.urgent)) return std::nullopt;
  cause.warned = true;
  cause.acted = forecast.urgent;
  return forecast;
}

std::size_t RecurrencePredictor::memory_bytes() const {
  std::size_t bytes = sizeof(*this) + causes_.capacity() * sizeof(Cause);
  for (const Cause& cause : causes_)
    if (cause.name.capacity() > std::string().capacity()) bytes += cause.name.capacity() + 1;
  return bytes;
}

}  // namespace nines::policy
