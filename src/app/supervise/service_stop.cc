// Service: from running to dead, and what comes after.

#include <fmt/format.h>

#include <signal.h>

#include "app/supervise/directories.h"
#include "app/supervise/event_detail.h"
#include "app/supervise/exec_context.h"
#include "app/supervise/service.h"
#include "base/fault_point.h"

namespace nines::supervise {
namespace {

// Helpers of a main process that died have lost their reason to live; their unit's own time-out is
// meant for an orderly stop and would only lengthen the downtime.
constexpr Nanoseconds kLeftoverGrace = std::chrono::seconds(1);
// A hung process that does not even die of the watchdog's signal.
constexpr Nanoseconds kAbortGrace = std::chrono::seconds(2);
constexpr Nanoseconds kEmptyPoll = std::chrono::milliseconds(10);

bool is_hang(const std::optional<Outcome>& outcome) {
  return outcome == Outcome::kWatchdog || outcome == Outcome::kUnhealthy;
}

}  // namespace

void Service::stop(Completion done, const StopReason& reason) {
  state_.wanted = false;
  state_.restart_after_stop = false;
  complete(start_done_,
           Error(ErrorCode::kCancelled, "start", unit_->name).with_detail("it was stopped"));
  switch (state_.phase) {
    case Phase::kDead:
    case Phase::kFailed:
      save();
      done({});
      return;
    case Phase::kStop:
    case Phase::kStopSignal:
    case Phase::kFinalKill:
    case Phase::kStopPost: {
      add_completion(stop_done_, std::move(done));
      save();
      return;
    }
    default: break;
  }
  stop_done_ = std::move(done);
  begin_stop(reason);
}

void Service::stop_with(const std::string& other, const std::string& event) {
  if (is_settled() && !is_active() && state_.phase != Phase::kWaitRestart) return;
  const bool wanted = state_.wanted;
  stop([](const Status&) {}, {other, event});
  state_.waits_for = wanted ? other : std::string();
  save();
}

void Service::begin_stop(const StopReason& reason) {
  interrupt_rejuvenation(boot_now());
  stop_watching();
  const bool planned = reason.because_of.empty();
  std::string why = "{}";
  if (!planned) why = detail({{"because_of", reason.because_of}});
  if (reason.shutdown) why = detail({{"by", "shutdown"}});
  if (reason.replacement) why = detail({{"by", "rejuvenation"}});
  const std::string event =
      emit("unit.stop-requested", ledger::Severity::kInfo, std::move(why), reason.event);
  if (!planned) {
    if (state_.was_ready) open_downtime(boot_now(), false, event);
  } else if (state_.downtime) {
    // Until now it was down against our will; from now on by request.
    state_.active_since_boot = boot_now();
    close_downtime();
    state_.invocation_id = Id128::make();
    open_downtime(boot_now(), true, event);
  } else if (state_.was_ready) {
    open_downtime(boot_now(), true, event);
  }
  if (state_.phase == Phase::kWaitRestart) {
    restart_timer_.reset();
    finish_down();
    return;
  }
  fault::pass(FaultPoint::stop_before_kill);
  state_.pending_outcome = Outcome::kSuccess;
  const bool ran = is_active();
  if (ran && !spec().service.exec_stop.empty()) {
    enter(Phase::kStop);
  } else {
    enter_stop_signal();
  }
}

void Service::restart(Completion done, const StopReason& reason) {
  if (!is_active()) {
    start(std::move(done));
    return;
  }
  stop([](const Status&) {}, reason);
  state_.wanted = true;
  state_.restart_after_stop = true;
  start_done_ = std::move(done);
  save();
}

void Service::reload(Completion done) {
  const unit::ServiceSection& service = spec().service;
  const bool by_signal = service.type == unit::ServiceType::kNotifyReload;
  if (state_.phase != Phase::kRunning || (service.exec_reload.empty() && !by_signal)) {
    done(Error(ErrorCode::kInvalidArgument, "reload", unit_->name)
             .with_detail(state_.phase != Phase::kRunning ? "it is not running"
                                                          : "it has no ExecReload=")
             .with_hint("`nines restart` replaces it instead"));
    return;
  }
  reload_done_ = std::move(done);
  if (by_signal && main_.valid()) (void)main_.pidfd.send_signal(SIGHUP).has_value();
  enter(Phase::kReload);
}

void Service::signal_processes(int signal, bool main_only) {
  if (spec().kill.mode == unit::KillMode::kNone) return;
  // First by handle, so that the main process is reached also where there are no cgroups.
  for (LiveProcess* process : {&main_, &control_}) {
    if (process->valid()) (void)process->pidfd.send_signal(signal).has_value();
  }
  if (main_only || spec().kill.mode == unit::KillMode::kProcess) return;
  for (const LiveProcess& process : dying_) (void)process.pidfd.send_signal(signal).has_value();
  if (standby_.valid()) (void)standby_.pidfd.send_signal(signal).has_value();
  if (is_retiring() && !spares_retiring()) {
    (void)rejuvenation_->retiring.pidfd.send_signal(signal).has_value();
  }
  for (const Stray& stray : strays_) (void)stray.pidfd.send_signal(signal).has_value();
  for (sys::Cgroup* cgroup : {&cgroup_a_, &cgroup_b_}) {
    if (!cgroup->valid()) continue;
    if (spares_retiring() && cgroup == cgroup_for(Role::kStandby)) continue;
    if (signal == SIGKILL) {
      (void)cgroup->kill_all().has_value();
    } else {
      signal_others(*cgroup, signal);
    }
  }
}

/// All of a cgroup but those that were signalled by handle: nobody is told twice.
void Service::signal_others(const sys::Cgroup& cgroup, int signal) {
  const auto pids = cgroup.processes();
  if (!pids) return;
  for (const pid_t pid : *pids) {
    if (pid == main_.id.pid || pid == control_.id.pid || pid == standby_.id.pid) continue;
    if (is_retiring() && pid == rejuvenation_->retiring.id.pid) continue;
    if (const auto pidfd = sys::Pidfd::open(pid)) (void)pidfd->send_signal(signal).has_value();
  }
}

void Service::enter_stop_signal() {
  const unit::KillSettings& kill = spec().kill;
  set_phase(Phase::kStopSignal);
  if (!state_.wanted || state_.restart_after_stop) drop_standby();
  look_for_strays();  // before the signal: by their parents, which it ends
  if (!anything_left()) {
    enter_stop_post();
    return;
  }
  int signal = kill.kill_signal;
  if (state_.restart_after_stop && kill.restart_kill_signal != 0) signal = kill.restart_kill_signal;
  unit::TimeSpan timeout = spec().service.timeout_stop;
  if (is_hang(state_.pending_outcome)) {
    signal = kill.watchdog_signal;
    timeout = spec().service.timeout_abort_set ? spec().service.timeout_abort : kAbortGrace;
  } else if (!main_.valid() && state_.pending_outcome != Outcome::kSuccess) {
    timeout = kLeftoverGrace;
  }
  save();
  signal_processes(signal, kill.mode == unit::KillMode::kMixed && main_.valid());
  // A stopped process acts on a signal only once it goes on.
  if (signal != SIGKILL) signal_processes(SIGCONT, false);
  if (kill.send_sighup) signal_processes(SIGHUP, false);
  arm_phase_timer(timeout);
  check_stopped();
}

void Service::enter_final_kill() {
  set_phase(Phase::kFinalKill);
  save();
  if (spec().kill.send_sigkill) signal_processes(spec().kill.final_signal, false);
  arm_phase_timer(spec().service.timeout_stop);
  check_stopped();
}

/// Without a cgroup: finds what else belongs to the unit. @return whether there is anything.
bool Service::look_for_strays() {
  const unit::KillMode mode = spec().kill.mode;
  if (has_cgroup() || mode == unit::KillMode::kProcess || mode == unit::KillMode::kNone) {
    return false;
  }
  StrayQuery query;
  stray_ids_.insert(state_.invocation_id.str());
  if (main_.valid()) {
    query.parents.insert(main_.id.pid);
    stray_ids_.insert(state_.main.invocation_id.str());
  }
  if (control_.valid()) {
    query.parents.insert(control_.id.pid);
    stray_ids_.insert(state_.control.invocation_id.str());
  }
  for (const LiveProcess& process : dying_) query.spared.insert(process.id.pid);
  if (standby_.valid()) query.spared.insert(standby_.id.pid);
  if (spares_retiring()) query.spared.insert(rejuvenation_->retiring.id.pid);
  query.invocation_ids = stray_ids_;
  strays_ = find_strays(query);
  return !strays_.empty();
}

bool Service::anything_left() {
  if (main_.valid() || control_.valid()) return true;
  const unit::KillMode mode = spec().kill.mode;
  if (mode == unit::KillMode::kProcess || mode == unit::KillMode::kNone) return false;
  if (!dying_.empty() && !state_.wanted) return true;
  if (is_retiring() && !spares_retiring()) return true;
  if (!strays_.empty()) {
    std::erase_if(strays_.edit(), [](const Stray& stray) { return stray.pidfd.has_exited(); });
    if (!strays_.empty()) return true;
  }
  for (const sys::Cgroup* cgroup : {&cgroup_a_, &cgroup_b_}) {
    if (!cgroup->valid()) continue;
    const bool retires_here =
        spares_retiring() && cgroup == (state_.standby_cgroup_b ? &cgroup_a_ : &cgroup_b_);
    const auto pids = cgroup->processes();
    if (!pids || retires_here) continue;
    for (const pid_t pid : *pids) {
      const bool spare = standby_.valid() && standby_.id.pid == pid && state_.wanted;
      const bool dump = std::any_of(dying_.begin(), dying_.end(),
                                    [pid](const LiveProcess& p) { return p.id.pid == pid; });
      if (!spare && !dump) return true;
    }
  }
  return false;
}

void Service::check_stopped() {
  if (state_.phase != Phase::kStopSignal && state_.phase != Phase::kFinalKill) return;
  if (!anything_left()) {
    // What was started while we were looking at the others.
    if (look_for_strays()) {
      const unit::KillSettings& kill = spec().kill;
      const bool last = state_.phase == Phase::kFinalKill && kill.send_sigkill;
      signal_processes(last ? kill.final_signal : kill.kill_signal, false);
    } else {
      enter_stop_post();
      return;
    }
  }
  if (state_.phase == Phase::kStopSignal && spec().kill.mode == unit::KillMode::kMixed &&
      !main_.valid() && !control_.valid()) {
    enter_final_kill();
    return;
  }
  // Processes that are not children of the keeper end without an exit record.
  poll_timer_ = context_.loop.after(kEmptyPoll, [this] { check_stopped(); });
}

void Service::enter_stop_post() {
  poll_timer_.reset();
  phase_timer_.reset();
  if (spec().service.exec_stop_post.empty()) {
    finish_down();
  } else {
    enter(Phase::kStopPost);
  }
}

void Service::finish_down() {
  phase_timer_.reset();
  poll_timer_.reset();
  strays_.clear();
  stray_ids_.clear();
  const bool again = state_.wanted;
  // On the way to a quick restart directories stay: they are wanted again in a moment.
  if (!again) {
    const Status removed = remove_runtime_directories(*unit_, context_.user_mode, false);
    if (!removed) {
      emit("unit.directories-left", ledger::Severity::kWarning,
           detail({{"error", removed.error().message()}}));
    }
  }
  if (state_.restart_after_stop && again) {
    complete(stop_done_, {});
    begin_start();
    return;
  }
  if (!again) {
    drop_fd_store();
    // A directory that a dying process still occupies is used again at the next start.
    for (sys::Cgroup* cgroup : {&cgroup_a_, &cgroup_b_}) {
      if (cgroup->valid() && cgroup->remove()) *cgroup = sys::Cgroup();
    }
    settle(Phase::kDead);
    // Still waiting: ExecCondition= said no, which is no failure of the start.
    complete(start_done_, {});
    complete(stop_done_, {});
    return;
  }
  const Nanoseconds uptime =
      state_.was_ready ? boot_now() - state_.active_since_boot : Nanoseconds(0);
  const RestartDecision decision =
      decide(*unit_, state_.pending_outcome.value_or(Outcome::kUnknown), state_.last_exit, uptime,
             boot_now(), state_.restart);
  const bool restarts = decision.kind == RestartDecision::Kind::kRestart;
  observer_.went_down(*this, restarts);
  if (restarts) {
    complete(start_done_,
             Error(ErrorCode::kGone, "start", unit_->name)
                 .with_detail(state_.last_result.get() + "; it is being restarted")
                 .with_hint(fmt::format("`nines logs {}` shows what it printed", unit_->name)));
    if (decision.same_crash && decision.delay > Nanoseconds(0)) {
      emit("unit.backoff", ledger::Severity::kWarning,
           detail({{"reason", "it crashes the same way again and again"},
                   {"signature", state_.restart.crash_signature},
                   {"delay_ms", std::to_string(decision.delay.count() / 1'000'000)}}));
    }
    schedule_restart(decision.delay);
    return;
  }
  const bool failed = state_.pending_outcome != Outcome::kSuccess;
  if (decision.kind == RestartDecision::Kind::kGiveUp || failed) {
    emit(decision.kind == RestartDecision::Kind::kGiveUp ? "unit.gave-up" : "unit.stays-down",
         ledger::Severity::kError, detail({{"reason", decision.reason}}));
  }
  drop_standby();
  drop_fd_store();
  settle(failed ? Phase::kFailed : Phase::kDead);
  complete(start_done_, Error(ErrorCode::kGone, "start", unit_->name)
                            .with_detail(state_.last_result.get() + "; " + decision.reason));
  complete(stop_done_, {});
}

void Service::schedule_restart(Nanoseconds delay) {
  if (delay.count() <= 0) {
    begin_start();
    return;
  }
  state_.restart_due = boot_now() + delay;
  settle(Phase::kWaitRestart);
  restart_timer_ = context_.loop.after(delay, [this] { begin_start(); });
}

void Service::settle(Phase phase) {
  phase_timer_.reset();
  set_phase(phase);
  save();
}

void Service::drop_fd_store() {
  for (const auto& [name, fd] : fd_store_) context_.keeper.drop(name);
  fd_store_.clear();
  state_.fd_store.clear();
}

}  // namespace nines::supervise
