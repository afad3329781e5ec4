// A zoo of simulated applications, healthy ones and failing ones, in virtual time: what the
// predictors are tuned on, tested with and measured by.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string_view>

#include "policy/trend.h"

namespace nines::policy::zoo {

inline constexpr double kMinute = 60;
inline constexpr double kHour = 3600;
inline constexpr double kDay = 86400;
inline constexpr double kWeek = 7 * kDay;

/// Random numbers of one run.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  double uniform(double low, double high);
  /// Each order of magnitude as likely as the other.
  double log_uniform(double low, double high);
  double normal(double deviation);
  double exponential(double mean);
  /// Heavy-tailed, at least 1: P(X > x) = x^-shape.
  double pareto(double shape);
  double poisson(double mean);

 private:
  std::mt19937_64 engine_;
};

/// One simulated application.
struct Animal {
  /// What it uses of its limit (0..1 and above), at seconds since start; asked in order of time.
  std::function<double(double)> share_at;
  /// In the resource's unit; a share of 1.
  double limit = 1e9;
  /// When it begins to fail, in seconds. Healthy ones: never.
  double fails_from = 0;
  /// Started anew every so often, in seconds; 0: never.
  double restart_every = 0;
};

struct Species {
  std::string_view name;
  bool failing;
  Predictor predictor;
  Animal (*make)(std::shared_ptr<Dice> dice);
};

std::span<const Species> healthy_species();
std::span<const Species> failing_species();

struct Outcome {
  /// Of failing ones that reached their limit: whether they were warned with a useful lead, which
  /// is 10 % of the time from the beginning of the failure to the limit, and 10 s at least.
  bool warned = false;
  /// From the first forecast after the beginning until the limit, in seconds; 0: none.
  double lead = 0;
  double length = 0;
  /// Episodes that were not about a failure: all of a healthy one, those before the beginning else.
  int false_alarms = 0;
  double healthy_seconds = 0;
  std::uint64_t readings = 0;
};

/// Runs one animal until it reaches its limit, or for a week, with readings as the predictor asks
/// for them, 2 % late at most.
Outcome run(const Species& species, std::uint64_t seed, TrendSettings settings = {});

}  // namespace nines::policy::zoo
