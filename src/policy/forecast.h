// What a predictor says: a resource will reach its limit, or a failure will come again, at about
// that time. Pure values; whoever holds the predictors turns them into events and replacements.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace nines::policy {

enum class Predictor {
  kMemory,
  kFds,
  kThreads,
  kDisk,
  kBacklog,
  kRecurrence,
  kSignature,
  kLatency
};

/// @return "memory", "fds", "threads", "disk", "backlog", "recurrence", "signature",
/// "latency".
std::string_view to_string(Predictor predictor);

/// An episode is one growth, from its first forecast until it is over. It has at most two
/// forecasts: the warning, and the one that says it is time to act.
struct Forecast {
  Predictor predictor = Predictor::kMemory;
  /// Whose limit, when the predictor knows: the limit's name, the mount point, the exit's cause.
  std::string subject;
  /// Now, and where it ends; the unit is the reading's (bytes, descriptors, seconds of latency).
  double value = 0;
  double limit = 0;
  double slope_per_s = 0;
  /// From now until the limit: central estimate, and the bounds from the slope's confidence
  /// interval.
  Nanoseconds horizon{};
  Nanoseconds earliest{};
  Nanoseconds latest{};
  /// 0..1: how sure it is that there is a trend at all; not how exact the horizon is.
  double confidence = 0;
  /// Readings, or failures, since the predictor began.
  std::size_t samples = 0;
  /// The span of time that the trend was seen in.
  Nanoseconds observed{};
  /// false: the one warning of this episode. true: once in an episode, it is time to act. When both
  /// fall together, only the urgent one is given and is the warning too.
  bool urgent = false;
};

}  // namespace nines::policy
