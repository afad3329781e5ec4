// Targets that grow, breathe and jump in virtual time: what the predictors are tuned and judged on.
// For tests and the bench only.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "policy/forecast.h"

namespace nines::policy {

/// One life of one target. Times in seconds from its start; asked in ascending order.
struct Life {
  double limit = 1.0;
  double length_s = 0;        ///< it is looked at for so long, or until it hits the limit
  double fault_begins_s = 0;  ///< of a failing one: what is said before is a false alarm
  std::function<double(double t)> use;
  std::vector<double> restarts_s = {};  ///< a new process: use() starts anew by itself
};

struct Species {
  std::string name;
  bool fails;
  std::function<Life(std::mt19937_64& random)> born;
};

/// All of them, the healthy ones first.
const std::vector<Species>& all_species();

/// What became of one life with a predictor beside it.
struct Verdict {
  bool hit_limit = false;
  bool warned = false;   ///< in time, and the limit was hit within what the warning said
  double lead_s = 0;     ///< from the first such warning to the limit
  int false_alarms = 0;  ///< episodes
  double weeks = 0;      ///< that were looked at
  std::size_t readings = 0;
};

/// A warning is in time when it leaves this much of the time from the fault to the limit, or so
/// many seconds, whichever is less.
inline constexpr double kUsefulShare = 0.1;
inline constexpr double kUsefulSeconds = 10;

Verdict live(const Life& life);

}  // namespace nines::policy
