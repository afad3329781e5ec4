// Service: its processes end.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

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
    on_main_exit(process.pid, status, when);
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
    const std::string crash = state_.dying[i].invocation_id.str() + "-unit.crash";
    emit(
        "unit.dumped", ledger::Severity::kInfo,
        detail({{"pid", std::to_string(process.pid)},
                {"exit", sys::to_string(status)},
                {"dump_ms", crashed ? std::to_string((when - *crashed).count() / 1'000'000) : ""}}),
        // That one could not know the signal yet.
        crash);
    tell_of_death(process.pid, status, crash, {}, crashed.value_or(when));
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

void Service::on_main_exit(pid_t pid, const sys::ExitStatus& status, BootTime when) {
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
        handle_down(outcome, when, pid);
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

void Service::handle_down(Outcome outcome, BootTime seen, pid_t pid) {
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
  std::vector<std::string> oom;
  if (outcome == Outcome::kOomKill) oom = oom_evidence();
  const std::pair<std::string_view, std::string> how[] = {
      {"outcome", std::string(to_string(outcome))},
      {"exit", sys::to_string(state_.last_exit)},
      {"phase", std::string(to_string(state_.phase))}};
  const std::string event = emit_once(
      "unit.exit",
      outcome == Outcome::kSuccess ? ledger::Severity::kInfo : ledger::Severity::kError,
      oom.empty()
          ? detail({how[0], how[1], how[2]})
          : detail({how[0], how[1], how[2], {"evidence", fmt::format("{}", fmt::join(oom, " "))}}));
  tell_of_death(pid, state_.last_exit, event, std::move(oom), when);
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

/// @pre the kernel has counted a kill since the start, and the cgroup is still that instance's.
std::vector<std::string> Service::oom_evidence() {
  const sys::Cgroup& cgroup = *cgroup_for(Role::kMain);
  std::vector<std::string> evidence;
  if (const auto kills = cgroup.oom_kills()) {
    const std::uint64_t more = *kills - std::min(*kills, state_.oom_kills);
    evidence.push_back(
        fmt::format("The kernel has killed {} of its processes for want of memory since its start "
                    "(oom_kill in the events of its cgroup).",
                    more));
  }
  const auto limit = cgroup.memory_limit();
  const auto peak = cgroup.usage().memory_peak;
  const std::string most = peak ? fmt::format("it used {} at most", to_string(*peak)) : "";
  if (limit) {
    evidence.push_back(
        fmt::format("Its own limit was {}{}{}.", to_string(*limit), peak ? "; " : "", most));
  } else {
    evidence.push_back(fmt::format(
        "It had no limit of its own: a cgroup above it, or the machine, had no memory left{}{}.",
        peak ? "; " : "", most));
  }
  return evidence;
}

void Service::tell_of_death(pid_t pid, const sys::ExitStatus& status, const std::string& event,
                            std::vector<std::string> oom, BootTime when) {
  if (pid <= 0 || !status.by_signal()) return;
  CrashedUnit unit = crashed_unit(pid);
  unit.end_event = event;
  DeadProcess dead;
  dead.pid = pid;
  dead.signal = status.value;
  dead.dumped = status.kind == sys::ExitStatus::Kind::kDumped;
  const auto& commands = spec().service.exec_start;
  if (!commands.empty()) dead.program = commands.front().path;
  dead.directory = spec().exec->working_directory;
  dead.root = spec().exec->root_directory;
  dead.oom = std::move(oom);
  dead.when = when;
  observer_.process_died(*this, unit, dead);
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
