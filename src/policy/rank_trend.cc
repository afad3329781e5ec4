#include "policy/rank_trend.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace nines::policy {
namespace {

constexpr std::size_t kMaxPairs = kMaxSeries * (kMaxSeries - 1) / 2;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// 90 %, two-sided.
constexpr double kIntervalZ = 1.645;
/// Residuals of a series that is not linear (a staircase, an accelerating leak) are correlated
/// because the line is the wrong model, not because the readings say the same thing again: without
/// a bound those would never be significant.
constexpr double kMaxInflation = 3;

double median(std::span<const float> values) {
  std::array<float, kMaxSeries> copy;
  const auto end = std::copy(values.begin(), values.end(), copy.begin());
  const auto middle = copy.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(copy.begin(), middle, end);
  if (values.size() % 2 == 1) return *middle;
  return (static_cast<double>(*std::max_element(copy.begin(), middle)) + *middle) / 2;
}

/// Variance of Kendall's S for n values of which some are equal.
double variance_of_s(std::span<const float> series) {
  std::array<float, kMaxSeries> sorted;
  const auto end = std::copy(series.begin(), series.end(), sorted.begin());
  std::sort(sorted.begin(), end);
  const auto term = [](double n) { return n * (n - 1) * (2 * n + 5) / 18; };
  double variance = term(static_cast<double>(series.size()));
  for (auto it = sorted.begin(); it != end;) {
    const auto next = std::find_if(it, end, [&](float v) { return v != *it; });
    variance -= term(static_cast<double>(next - it));
    it = next;
  }
  return variance;
}

/// By how much autocorrelation inflates the variance: n by the effective sample size, from the
/// lag-1 correlation of what the line leaves over.
double inflation(std::span<const float> series, double slope) {
  std::array<float, kMaxSeries> rest;
  for (std::size_t i = 0; i < series.size(); ++i)
    rest[i] = static_cast<float>(series[i] - slope * static_cast<double>(i));
  const double middle = median(std::span(rest).first(series.size()));
  double products = 0;
  double squares = 0;
  double previous = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const double now = rest[i] - middle;
    squares += now * now;
    products += now * previous;
    previous = now;
  }
  if (squares <= 0) return 1;
  const double rho = std::clamp(products / squares, 0.0, 0.99);
  return std::min((1 + rho) / (1 - rho), kMaxInflation);
}

double drift_t(std::span<const float> series) {
  const double steps = static_cast<double>(series.size() - 1);
  const double mean = (static_cast<double>(series.back()) - series.front()) / steps;
  double squares = 0;
  for (std::size_t i = 1; i < series.size(); ++i) {
    const double off = static_cast<double>(series[i]) - series[i - 1] - mean;
    squares += off * off;
  }
  if (squares <= 0) return mean > 0 ? kInfinity : 0;
  return mean * std::sqrt(steps) / std::sqrt(squares / (steps - 1));
}

}  // namespace

RankTrend rank_trend(std::span<const float> series) {
  std::array<float, kMaxPairs> slopes;
  std::size_t pairs = 0;
  int s = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    for (std::size_t j = i + 1; j < series.size(); ++j) {
      const float rise = series[j] - series[i];
      s += (rise > 0) - (rise < 0);
      slopes[pairs++] = rise / static_cast<float>(j - i);
    }
  }
  RankTrend trend;
  const auto at = [&](double rank) {
    const auto index = static_cast<std::size_t>(std::clamp(rank, 0.0, double(pairs - 1)));
    const auto nth = slopes.begin() + static_cast<std::ptrdiff_t>(index);
    std::nth_element(slopes.begin(), nth, slopes.begin() + static_cast<std::ptrdiff_t>(pairs));
    return static_cast<double>(*nth);
  };
  trend.slope = at(static_cast<double>(pairs) / 2);
  const double deviation =
      std::sqrt(std::max(0.0, variance_of_s(series)) * inflation(series, trend.slope));
  const double half_width = kIntervalZ * deviation / 2;
  trend.low = at(static_cast<double>(pairs) / 2 - half_width);
  trend.high = at(static_cast<double>(pairs) / 2 + half_width);
  trend.z = deviation > 0 ? s / deviation : 0;
  trend.drift_t = drift_t(series);
  return trend;
}

Growth growth_of(std::span<const float> series) {
  const std::size_t third = series.size() / 3;
  const std::size_t middle = series.size() - 2 * third;
  const double a = median(series.first(third));
  const double b = median(series.subspan(third, middle));
  const double c = median(series.last(third));
  return {b - a, c - b, c};
}

double asymptote_of(const Growth& growth) {
  if (growth.newer <= 0) return growth.last;
  if (growth.newer >= growth.older) return kInfinity;
  const double ratio = growth.newer / growth.older;
  return growth.last + growth.newer * ratio / (1 - ratio);
}

double normal_below(double z) {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

}  // namespace nines::policy
