// Service: a fresh process in the place of the present one, before that one fails. Both have the
// same listening sockets: the successor is started beside it, serves, and only then is the old one
// asked to end, so that a client meets one of the two at any moment.
//
// It is counted as no downtime only if the unit's health check, which looks from outside, saw none:
// checks go on closely all the while. Without a health check nothing is known of what clients saw,
// and the time in which the old one ends counts as planned downtime.

#include <signal.h>

#include "app/supervise/event_detail.h"
#include "app/supervise/service.h"
#include "base/fault_point.h"

namespace nines::supervise {
namespace {

// What a retired main process leaves behind had its signal with it.
constexpr Nanoseconds kGroupGrace = std::chrono::seconds(1);
// Checks that fail for so long at least, or none that succeeds within it after the old one is gone.
constexpr Nanoseconds kProvedBy = std::chrono::seconds(1);
// A successor that is not wanted any more has few clients, if any.
constexpr Nanoseconds kDismissal = std::chrono::seconds(10);

}  // namespace

bool Service::says_ready() const {
  return spec().service.type == unit::ServiceType::kNotify ||
         spec().service.type == unit::ServiceType::kNotifyReload;
}

bool Service::can_overlap() const {
  const unit::ServiceSection& service = spec().service;
  const bool one_process = says_ready() || service.type == unit::ServiceType::kSimple ||
                           service.type == unit::ServiceType::kExec;
  // Its stop commands are made for a unit that ends, not for one that serves on.
  return one_process && service.exec_stop.empty() && service.exec_stop_post.empty() &&
         spec().kill.mode != unit::KillMode::kNone && !observer_.listen_fds(*this).empty();
}

void Service::rejuvenate(Completion done, const std::string& cause) {
  if (state_.phase != Phase::kRunning || !main_.valid()) {
    done(Error(ErrorCode::kInvalidArgument, "rejuvenate", unit_->name)
             .with_detail("it is not running")
             .with_hint("`nines start` starts it"));
    return;
  }
  const bool hangs =
      state_.pending_outcome == Outcome::kWatchdog || state_.pending_outcome == Outcome::kUnhealthy;
  if (rejuvenation_ || hangs) {
    done(Error(ErrorCode::kBusy, "rejuvenate", unit_->name)
             .with_detail(hangs ? "it hangs, and is being restarted"
                                : "it is being replaced already"));
    return;
  }
  const bool overlaps = can_overlap();
  const std::string event =
      emit("unit.rejuvenating", ledger::Severity::kInfo,
           detail({{"how", overlaps ? "overlap" : "restart"}, {"pid", std::to_string(main_pid())}}),
           cause);
  if (!overlaps) {
    StopReason reason;
    reason.event = event;
    reason.replacement = true;
    restart(
        [this, event, done = std::move(done)](const Status& status) {
          if (status) {
            emit("unit.rejuvenated", ledger::Severity::kInfo,
                 detail({{"how", "restart"}, {"pid", std::to_string(main_pid())}}), event);
          }
          done(status);
        },
        reason);
    return;
  }
  rejuvenation_ = std::make_unique<Rejuvenation>();
  rejuvenation_->done = std::move(done);
  state_.rejuvenation = SavedRejuvenation{event, Id128::make(), {}, false};
  if (health_ && health_->tracker) schedule_health_check();
  launch_successor();
}

/// Asks the replaced process, and all that came with it, to end.
void Service::retire() {
  const unit::KillSettings& kill = spec().kill;
  if (!spec().nines.health_check && !state_.downtime && !rejuvenation_->interrupted) {
    state_.rejuvenation->counts_as_down = true;
    open_downtime(boot_now(), true, state_.rejuvenation->cause);
    save();
  }
  LiveProcess& old = rejuvenation_->retiring;
  (void)old.pidfd.send_signal(kill.kill_signal).has_value();
  if (kill.kill_signal != SIGKILL) (void)old.pidfd.send_signal(SIGCONT).has_value();
  if (kill.send_sighup) (void)old.pidfd.send_signal(SIGHUP).has_value();
  if (const sys::Cgroup* group = cgroup_for(Role::kStandby);
      kill.mode == unit::KillMode::kControlGroup && group->valid()) {
    signal_others(*group, kill.kill_signal);
  }
  const unit::TimeSpan timeout = spec().service.timeout_stop;
  if (!timeout || !kill.send_sigkill) return;
  rejuvenation_->timer = context_.loop.after(*timeout, [this] {
    emit("unit.stop-timeout", ledger::Severity::kWarning,
         detail({{"reason", "the replaced process outlived the signal"}}));
    (void)rejuvenation_->retiring.pidfd.send_signal(SIGKILL).has_value();
  });
}

void Service::on_retired(const sys::ExitStatus& status) {
  emit("unit.retired", ledger::Severity::kInfo,
       detail({{"pid", std::to_string(rejuvenation_->retiring.id.pid)},
               {"exit", sys::to_string(status)}}),
       state_.rejuvenation->cause);
  forget(rejuvenation_->retiring);
  rejuvenation_->timer.reset();
  save();
  if (rejuvenation_->interrupted) return retired();
  const unit::KillMode mode = spec().kill.mode;
  const sys::Cgroup* group = cgroup_for(Role::kStandby);
  const auto pids = group->valid() ? group->processes() : Result<std::vector<pid_t>>();
  if (mode == unit::KillMode::kProcess || !pids || pids->empty()) return retired();
  if (mode == unit::KillMode::kMixed) return end_retiring_group();
  rejuvenation_->timer = context_.loop.after(kGroupGrace, [this] { end_retiring_group(); });
}

void Service::end_retiring_group() {
  if (spec().kill.send_sigkill) (void)cgroup_for(Role::kStandby)->kill_all().has_value();
  retired();
}

void Service::retired() {
  rejuvenation_->gone = boot_now();
  if (rejuvenation_->interrupted) {
    rejuvenation_.reset();
    state_.rejuvenation.reset();
    save();
    check_stopped();
    if (is_active() && spec().nines.standby > 0) launch_standby();
    return;
  }
  save();
  if (!spec().nines.health_check) return finish_rejuvenation();
  rejuvenation_->timer = context_.loop.after(proved_by(), [this] { not_proved(); });
}

Nanoseconds Service::proved_by() const {
  const unit::HealthCheck& check = *spec().nines.health_check;
  return std::max(kProvedBy, check.failures_to_unhealthy * (check.timeout + check.interval));
}

void Service::not_proved() {
  const BootTime since = rejuvenation_->failing_since ? *rejuvenation_->failing_since
                                                      : rejuvenation_->gone.value_or(boot_now());
  const std::string why = "health check failed after a replacement: " +
                          (health_->detail.empty() ? "no check came back" : health_->detail);
  interrupt_rejuvenation(since, why);
  health_->healthy = false;
  const std::string event =
      emit("health.fail", ledger::Severity::kError, detail({{"reason", why}}));
  open_downtime(since, false, event);
  save();
  if (policy_restarts(effective_policy(spec().service), Outcome::kUnhealthy)) {
    kill_hung(Outcome::kUnhealthy, why);
  } else {
    // As it is for any unit that is unhealthy and stays.
    start_watching();
  }
}

bool Service::note_check(bool good) {
  Rejuvenation& now = *rejuvenation_;
  ++now.checks;
  if (!good) {
    now.gap = true;
    if (!now.failing_since) now.failing_since = health_->probe_began;
    if (!state_.downtime) {
      state_.rejuvenation->counts_as_down = true;
      open_downtime(health_->probe_began, true, state_.rejuvenation->cause);
      save();
    }
    if (boot_now() - *now.failing_since < proved_by()) return true;
    not_proved();
    return false;
  }
  now.failing_since.reset();
  end_own_downtime(boot_now());
  if (now.gone && *now.gone < health_->probe_began) finish_rejuvenation();
  return true;
}

void Service::finish_rejuvenation() {
  const std::unique_ptr<Rejuvenation> was = std::move(rejuvenation_);
  const bool checked = health_ && was->checks > 0;
  const std::string cause = state_.rejuvenation->cause;
  end_own_downtime(boot_now());
  state_.rejuvenation.reset();
  save();
  emit("unit.rejuvenated", ledger::Severity::kInfo,
       detail({{"how", "overlap"},
               {"pid", std::to_string(main_pid())},
               {"checks", std::to_string(was->checks)},
               {"gap", !checked   ? "not checked"
                       : was->gap ? "seen"
                                  : "none"}}),
       cause);
  if (is_active() && spec().nines.standby > 0) launch_standby();
  complete(was->done, {});
}

void Service::rejuvenation_failed(Error why) {
  const std::unique_ptr<Rejuvenation> was = std::move(rejuvenation_);
  const std::string cause = state_.rejuvenation->cause;
  end_own_downtime(boot_now());
  if (!was->switched) remove_descriptors(state_.rejuvenation->stored);
  state_.rejuvenation.reset();
  save();
  emit("unit.rejuvenation-failed", ledger::Severity::kWarning, detail({{"error", why.message()}}),
       cause);
  complete(was->done, std::move(why));
}

void Service::interrupt_rejuvenation(BootTime when, const std::string& why) {
  if (!rejuvenation_ || rejuvenation_->interrupted) return;
  end_own_downtime(when);
  Error error = Error(ErrorCode::kGone, "rejuvenate", unit_->name).with_detail(why);
  if (!rejuvenation_->switched) {
    if (!state_.standby_frozen) drop_standby();
    return rejuvenation_failed(std::move(error));
  }
  if (!is_retiring()) {
    // What came with the old one has had its signal; there is no more time for it.
    if (!rejuvenation_->gone) (void)cgroup_for(Role::kStandby)->kill_all().has_value();
    return rejuvenation_failed(std::move(error));
  }
  // The old one ends by itself, whatever becomes of the new one.
  rejuvenation_->interrupted = true;
  state_.rejuvenation->interrupted = true;
  save();
  emit("unit.rejuvenation-failed", ledger::Severity::kWarning, detail({{"error", error.message()}}),
       state_.rejuvenation->cause);
  complete(rejuvenation_->done, std::move(error));
}

/// A planned downtime that the replacement itself began.
void Service::end_own_downtime(BootTime when) {
  if (!state_.downtime || !state_.rejuvenation->counts_as_down) return;
  state_.active_since_boot = std::max(when, state_.downtime->start_since_boot);
  close_downtime();
  state_.rejuvenation->counts_as_down = false;
}

/// Our predecessor was killed in the middle.
void Service::resume_rejuvenation() {
  if (is_retiring() && !rejuvenation_->retiring.pidfd.valid()) {
    on_retired({});
  } else if (is_retiring()) {
    retire();
  } else if (!rejuvenation_->switched) {
    // Whether it was ready is not known any more; the old one serves, and nothing is lost but time.
    // It may serve too by now, and ends as one that does. With Standby=1 it is the spare.
    if (spec().nines.standby == 0) {
      (void)standby_.pidfd.send_signal(spec().kill.kill_signal).has_value();
      standby_timer_ = context_.loop.after(kDismissal, [this] { drop_standby(); });
    }
    rejuvenation_failed(Error(ErrorCode::kCancelled, "rejuvenate", unit_->name)
                            .with_detail("the daemon was replaced meanwhile"));
  } else {
    retired();
  }
}

}  // namespace nines::supervise
