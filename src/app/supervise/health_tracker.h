// Turns single probe results into a verdict: thresholds, start-up grace, and since when.
#pragma once

#include <optional>

#include "app/unit/spec.h"
#include "base/clock.h"

namespace nines::supervise {

enum class Health : std::uint8_t { kUnknown, kHealthy, kUnhealthy };
enum class HealthTransition : std::uint8_t { kNone, kBecameUnhealthy, kBecameHealthy };

/// Pure: no clock, no I/O. One tracker follows one instance of a unit at a time.
class HealthTracker {
 public:
  /// @param started  when the instance was started: begin of the start period.
  HealthTracker(const unit::HealthCheck& check, BootTime started);

  /// Takes in one finished probe.
  /// Within the start period failures do not count, until a probe has succeeded once; the failure
  /// streak then begins with the first failure after the period.
  /// @param at  when the probe was begun: a hang is dated from there, not from its time-out.
  HealthTransition record(bool success, BootTime at);

  /// Forgets everything: a new instance was started.
  void restart(BootTime started);

  Health health() const { return health_; }
  /// When the present streak of failures began. Kept while unhealthy, also over single successes
  /// that are too few to be healthy again, so that it dates the begin of the outage.
  std::optional<BootTime> first_failure() const { return first_failure_; }
  int consecutive_failures() const { return failures_; }
  int consecutive_successes() const { return successes_; }

 private:
  HealthTransition on_success();
  HealthTransition on_failure(BootTime at);

  int failures_needed_;
  int successes_needed_;
  Nanoseconds start_period_;
  BootTime started_;
  Health health_ = Health::kUnknown;
  bool ever_succeeded_ = false;
  int failures_ = 0;
  int successes_ = 0;
  std::optional<BootTime> first_failure_;
};

}  // namespace nines::supervise
