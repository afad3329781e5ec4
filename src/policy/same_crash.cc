#include "policy/same_crash.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nines::policy {
namespace {

constexpr double kMostSeconds = 1e9;  // 30 years

Nanoseconds from_seconds(double seconds) {
  return Nanoseconds(static_cast<std::int64_t>(std::clamp(seconds, 0.0, kMostSeconds) * 1e9));
}

}  // namespace

std::optional<Forecast> expect_again(std::uint64_t count, UtcTime first, UtcTime last,
                                     std::string_view what) {
  if (count < kLeastSameCrashes || !(first < last)) return std::nullopt;
  const double observed = (static_cast<double>(last.ns) - static_cast<double>(first.ns)) * 1e-9;
  const auto intervals = static_cast<double>(count - 1);
  const double mean = observed / intervals;
  Forecast forecast;
  forecast.predictor = Predictor::kSignature;
  forecast.subject = what;
  forecast.value = 3600 / mean;
  forecast.limit = std::numeric_limits<double>::infinity();
  forecast.horizon = from_seconds(mean);
  forecast.earliest = from_seconds(-std::log(0.95) * mean);
  forecast.latest = from_seconds(-std::log(0.05) * mean);
  // That it comes again at all: by Laplace's rule of succession.
  forecast.confidence = static_cast<double>(count) / static_cast<double>(count + 1);
  forecast.samples = static_cast<std::size_t>(count);
  forecast.observed = from_seconds(observed);
  return forecast;
}

}  // namespace nines::policy
