// Service: its processes end.

#include "app/supervise/event_detail.h"
#include "app/supervise/service.h"
#include "base/fault_point.h"

namespace nines::supervise {
namespace {

bool same(const ProcessId& a, const ProcessId& b) {
  if (a.pid != b.pid || !a.valid()) return false;
  return a.start == b.start || a.start == StartTime::kUnknown || b.start == StartTime::kUnknown;
}

}  // namespace

bool Service::on_exit(const ProcessId& process, const sys::ExitStatus& status, BootTime when) {
  if (same(process, main_.id)) {
    fault::pass(FaultPoint::exit_seen);
    forget(main_);
    on_main_exit(status, when);
    return true;
  }
  if (same(process, control_.id)) {
    fault::pass(FaultPoint::exit_seen);
    forget(control_);
    on_control_exit(status);
    return true;
  }
  if (same(process, standby_.id)) {
    forget(standby_);
    on_standby_exit(status);
    return true;
  }
  if (rejuvenation_ && same(process, rejuvenation_->retiring.id)) {
    on_retired(status);
    return true;
  }
  if (reaction_ && same(process, reaction_->command.id)) {
    emit("unit.reaction", status.success() ? ledger::Severity::kInfo : ledger::Severity::kWarning,
         detail({{"exit", sys::to_string(status)}}), reaction_->cause);
    forget(reaction_->command);
    reaction_.reset();
    return true;
  }
  if (health_ && same(process, health_->command.id)) {
    forget(health_->command);
    if (auto done = std::exchange(health_->command_done, nullptr)) {
      done(status.success() ? Status()
                            : Status(Error(ErrorCode::kIo, "health command")
                                         .with_detail("ended with " + sys::to_string(status))));
    }
    return true;
  }
  for (std::size_t i = 0; i < dying_.size(); ++i) {
    if (!same(process, dying_[i].id)) continue;
    const std::optional<BootTime> crashed = dying_[i].crashed;
    emit(
        "unit.dumped", ledger::Severity::kInfo,
        detail({{"pid", std::to_string(process.pid)},
                {"exit", sys::to_string(status)},
                {"dump_ms", crashed ? std::to_string((when - *crashed).count() / 1'000'000) : ""}}),
        // That one could not know the signal yet.
        state_.dying[i].invocation_id.str() + "-unit.crash");
    state_.last_exit = status;
    observer_.process_ended(process.pid);
    release_later(dying_[i].slot);
    dying_.edit().erase(dying_.begin() + static_cast<std::ptrdiff_t>(i));
    state_.dying.erase(state_.dying.begin() + static_cast<std::ptrdiff_t>(i));
    save();
    check_stopped();
    // What kept the successor from starting, a lock or an address, is free now: no more waiting.
    if (state_.phase == Phase::kWaitRestart && dying_.empty()) begin_start();
    return true;
  }
  return false;
}

void Service::forget(LiveProcess& process) {
  if (!process.valid()) return;
  observer_.process_ended(process.id.pid);
  release_later(process.slot);
  if (&process == &main_) state_.main = {};
  if (&process == &control_) state_.control = {};
  if (&process == &standby_) state_.standby = {};
  if (rejuvenation_ && &process == &rejuvenation_->retiring) state_.rejuvenation->retiring = {};
  process = LiveProcess{};
}

void Service::on_main_exit(const sys::ExitStatus& status, BootTime when) {
  state_.last_exit = status;
  ExitCircumstances circumstances;
  circumstances.cause = state_.pending_outcome;
  if (const auto kills = cgroup_for(Role::kMain)->oom_kills()) {
    circumstances.oom_killed = *kills > state_.oom_kills;
  }
  switch (state_.phase) {
    case Phase::kStart:
    case Phase::kStartPost:
    case Phase::kRunning:
    case Phase::kReload: {
      const Outcome outcome = classify(spec(), status, circumstances);
      if (outcome == Outcome::kSuccess && remains_without_process()) {
        main_has_finished(when);
      } else {
        handle_down(outcome, when);
      }
      break;
    }
    default:
      // Asked to stop, and it did. How it ended is only worth a note.
      emit("unit.stopped-process", ledger::Severity::kInfo,
           detail({{"exit", sys::to_string(status)}}));
      check_stopped();
  }
}

/// RemainAfterExit=: whether the unit is (or becomes) active although its main process has ended.
bool Service::remains_without_process() const {
  const unit::ServiceSection& service = spec().service;
  // Others are not started before their word, or before the process that forks has ended.
  const bool needs_no_word =
      service.type == unit::ServiceType::kSimple || service.type == unit::ServiceType::kExec;
  return service.remain_after_exit && (state_.phase != Phase::kStart || needs_no_word);
}

void Service::main_has_finished(BootTime when) {
  switch (state_.phase) {
    case Phase::kStart: phase_done(); return;
    case Phase::kStartPost: save(); return;  // enter_running() goes on
    default: break;
  }
  interrupt_rejuvenation(when);
  drop_standby();
  phase_timer_.reset();
  if (health_) {
    health_->healthy.reset();
    health_->detail.clear();
  }
  // It was unhealthy; what has done its work is not.
  if (state_.downtime) {
    state_.active_since_boot = when;
    close_downtime();
  }
  remain_after_exit();
}

void Service::handle_down(Outcome outcome, BootTime seen) {
  const BootTime when = main_.valid() ? seen : down_since(seen);
  const bool was_serving = state_.was_ready;
  // An end that Restart= is content with was meant, like one by request ("redis-cli shutdown").
  const bool meant =
      outcome == Outcome::kSuccess && stays_down(spec().service, outcome, state_.last_exit);
  interrupt_rejuvenation(when);
  const bool spare_serves = !meant && !main_.valid() && thaw_standby();
  state_.pending_outcome = outcome;
  if (!main_.valid()) {
    state_.last_result = outcome == Outcome::kOomKill ? "killed by the kernel: out of memory"
                                                      : sys::to_string(state_.last_exit);
  }
  stop_watching();
  const std::string event =
      emit_once("unit.exit",
                outcome == Outcome::kSuccess ? ledger::Severity::kInfo : ledger::Severity::kError,
                detail({{"outcome", std::string(to_string(outcome))},
                        {"exit", sys::to_string(state_.last_exit)},
                        {"phase", std::string(to_string(state_.phase))}}));
  // Checks that had failed before tell of something else than the end.
  if (was_serving) open_downtime(when, meant && when == seen, event);
  if (spare_serves) {
    promote_standby(when);
    return;
  }
  if (outcome == Outcome::kSuccess && !spec().service.exec_stop.empty() && was_serving) {
    enter(Phase::kStop);
    return;
  }
  enter_stop_signal();
}

void Service::on_control_exit(const sys::ExitStatus& status) {
  const auto& commands = commands_of(state_.phase);
  const bool known = state_.command_index < commands.size();
  const bool forgiven = known && commands[state_.command_index].ignore_failure;
  const bool good = forgiven || classify(spec(), status) == Outcome::kSuccess;
  switch (state_.phase) {
    case Phase::kCondition:
      if (!good && status.kind == sys::ExitStatus::Kind::kExited && status.value < 255) {
        // systemd.service(5): 1 to 254 means "do not start", which is no failure.
        state_.last_result = "ExecCondition= said no";
        state_.pending_outcome = Outcome::kSkipped;
        state_.wanted = false;
        enter_stop_signal();
        return;
      }
      [[fallthrough]];
    case Phase::kStartPre:
    case Phase::kStart:
    case Phase::kStartPost:
      if (!good) {
        state_.last_exit = status;
        handle_down(classify(spec(), status), boot_now());
        return;
      }
      if (state_.phase == Phase::kStart && spec().service.type == unit::ServiceType::kForking) {
        look_for_forked_main();
        return;
      }
      break;
    case Phase::kReload:
      if (!good) {
        reload_failed("ExecReload= ended with " + sys::to_string(status));
        return;
      }
      break;
    case Phase::kStop:
    case Phase::kStopPost:
      if (!good) {
        emit("unit.command-failed", ledger::Severity::kWarning,
             detail({{"phase", std::string(to_string(state_.phase))},
                     {"exit", sys::to_string(status)}}));
      }
      break;
    case Phase::kStopSignal:
    case Phase::kFinalKill: check_stopped(); return;
    default: return;
  }
  ++state_.command_index;
  run_next_command();
}

/// It goes on with what it had loaded before.
void Service::reload_failed(const std::string& why) {
  phase_timer_.reset();
  set_phase(Phase::kRunning);
  save();
  emit("unit.reload-failed", ledger::Severity::kError, detail({{"reason", why}}));
  complete(reload_done_, Error(ErrorCode::kIo, "reload", unit_->name).with_detail(why));
}

}  // namespace nines::supervise
