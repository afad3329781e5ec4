#include "policy/recurrence.h"

#include <algorithm>
#include <cmath>

namespace nines::policy {
namespace {

constexpr std::size_t kFewest = 4;
// One-sided 0.5 %.
constexpr double kMinZ = 2.576;
// Quantiles of an exponential waiting time: 5 % and 95 %.
constexpr double kEarly = 0.0513;
constexpr double kLate = 2.996;
constexpr int kPatience = 3;

double seconds(Nanoseconds span) {
  return std::chrono::duration<double>(span).count();
}

Nanoseconds from_seconds(double seconds) {
  constexpr double kMost = 30.0 * 86400;
  return Nanoseconds(static_cast<std::int64_t>(std::min(seconds, kMost) * 1e9));
}

}  // namespace

RecurrencePredictor::Series& RecurrencePredictor::series_of(std::string_view cause) {
  const auto known = std::find_if(series_.begin(), series_.end(),
                                  [&](const Series& one) { return one.cause == cause; });
  if (known != series_.end()) return *known;
  const auto last = [](const Series& one) { return one.times[one.count - 1].ns; };
  if (series_.size() >= kMaxCauses) {
    series_.erase(
        std::min_element(series_.begin(), series_.end(),
                         [&](const Series& a, const Series& b) { return last(a) < last(b); }));
  }
  Series fresh;
  fresh.cause = cause;
  fresh.window = began_;
  return series_.emplace_back(std::move(fresh));
}

std::optional<Forecast> RecurrencePredictor::look(const Series& series) {
  if (series.count < kFewest) return std::nullopt;
  // The window ends with a failure, which says nothing then: only those before it count.
  const double end = seconds(series.times[series.count - 1] - series.window);
  if (end <= 0) return std::nullopt;
  double sum = 0;
  double logs = 0;
  for (std::size_t i = 0; i + 1 < series.count; ++i) {
    const double at = std::max(seconds(series.times[i] - series.window), end * 1e-6);
    sum += at;
    logs += std::log(end / at);
  }
  const auto before = static_cast<double>(series.count - 1);
  const double z = (sum / before - end / 2) / (end * std::sqrt(1 / (12 * before)));
  if (z < kMinZ || logs <= 0) return std::nullopt;
  const double beta = before / logs;
  const double rate = beta * series.count / end;
  Forecast forecast;
  forecast.predictor = Predictor::kRecurrence;
  forecast.subject = series.cause;
  forecast.value = rate * 3600;
  forecast.slope_per_s = (beta - 1) * rate / end;
  forecast.horizon = from_seconds(1 / rate);
  forecast.earliest = from_seconds(kEarly / rate);
  forecast.latest = from_seconds(kLate / rate);
  forecast.confidence = 0.5 * std::erfc(-z / std::sqrt(2.0));
  forecast.samples = series.count;
  forecast.observed = from_seconds(end);
  return forecast;
}

std::optional<Forecast> RecurrencePredictor::add(BootTime time, std::string_view cause) {
  Series& series = series_of(cause);
  const BootTime last = series.count > 0 ? series.times[series.count - 1] : series.window;
  if (time < last) return std::nullopt;
  if (series.warned && time - last > series.patience) {
    series.warned = false;
    series.window = last;
    series.count = 0;
  }
  if (series.count == kKept) {
    series.window = series.times[0];
    std::copy(series.times.begin() + 1, series.times.end(), series.times.begin());
    --series.count;
  }
  series.times[series.count++] = time;
  auto forecast = look(series);
  if (!forecast) return std::nullopt;
  series.patience = kPatience * forecast->latest;
  if (std::exchange(series.warned, true)) return std::nullopt;
  return forecast;
}

}  // namespace nines::policy
