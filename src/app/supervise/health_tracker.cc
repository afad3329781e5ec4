#include "app/supervise/health_tracker.h"

namespace nines::supervise {

HealthTracker::HealthTracker(const unit::HealthCheck& check, BootTime started)
    : failures_needed_(std::max(check.failures_to_unhealthy, 1)),
      successes_needed_(std::max(check.successes_to_healthy, 1)),
      start_period_(check.start_period),
      started_(started) {}

void HealthTracker::restart(BootTime started) {
  started_ = started;
  health_ = Health::kUnknown;
  ever_succeeded_ = false;
  failures_ = 0;
  successes_ = 0;
  first_failure_.reset();
}

HealthTransition HealthTracker::record(bool success, BootTime at) {
  if (success) return on_success();
  const bool starting = !ever_succeeded_ && at - started_ < start_period_;
  return starting ? HealthTransition::kNone : on_failure(at);
}

HealthTransition HealthTracker::on_success() {
  ever_succeeded_ = true;
  failures_ = 0;
  if (successes_ < successes_needed_) ++successes_;
  if (health_ == Health::kHealthy) {
    first_failure_.reset();
    return HealthTransition::kNone;
  }
  if (successes_ < successes_needed_) return HealthTransition::kNone;
  health_ = Health::kHealthy;
  first_failure_.reset();
  return HealthTransition::kBecameHealthy;
}

HealthTransition HealthTracker::on_failure(BootTime at) {
  successes_ = 0;
  if (!first_failure_) first_failure_ = at;
  if (failures_ < failures_needed_) ++failures_;
  if (health_ == Health::kUnhealthy || failures_ < failures_needed_) return HealthTransition::kNone;
  health_ = Health::kUnhealthy;
  return HealthTransition::kBecameUnhealthy;
}

}  // namespace nines::supervise
