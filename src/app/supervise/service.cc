#include "app/supervise/service.h"

#include <fmt/format.h>

#include <csignal>

#include "app/supervise/event_detail.h"
#include "base/fault_point.h"
#include "sys/procfs.h"

namespace nines::supervise {

Service::Service(std::shared_ptr<const unit::Unit> unit, Context& context,
                 ServiceObserver& observer)
    : unit_(std::move(unit)), context_(context), observer_(observer) {
  state_.name = unit_->name;
}

Service::~Service() = default;

bool Service::is_active() const {
  return state_.phase == Phase::kRunning || state_.phase == Phase::kExited ||
         state_.phase == Phase::kReload;
}

bool Service::is_settled() const {
  switch (state_.phase) {
    case Phase::kDead:
    case Phase::kFailed:
    case Phase::kRunning:
    case Phase::kExited:
    case Phase::kWaitRestart: return true;
    default: return false;
  }
}

std::vector<const sys::Pidfd*> Service::running_processes() const {
  std::vector<const sys::Pidfd*> result;
  for (const LiveProcess* process : {&main_, &standby_}) {
    if (process->valid() && process->pidfd.valid()) result.push_back(&process->pidfd);
  }
  return result;
}

std::vector<pid_t> Service::processes() const {
  const sys::Cgroup& cgroup = state_.standby_cgroup_b ? cgroup_b_ : cgroup_a_;
  if (cgroup.valid()) {
    if (auto pids = cgroup.processes(); pids && !pids->empty()) return std::move(*pids);
  }
  return main_.valid() ? std::vector<pid_t>{main_.id.pid} : std::vector<pid_t>{};
}

std::vector<std::string> Service::cgroup_directories() const {
  const sys::CgroupPaths& paths = state_.cgroups[state_.standby_cgroup_b ? 1 : 0];
  if (paths.empty()) return {};
  std::vector<std::string> all = paths.v1();
  if (!paths.v2().empty()) all.push_back(paths.v2());
  return all;
}

sys::CgroupUsage Service::usage() const {
  const sys::Cgroup& cgroup = state_.standby_cgroup_b ? cgroup_b_ : cgroup_a_;
  sys::CgroupUsage usage = cgroup.usage();
  if (joins_v1_at_birth()) return usage;
  // It joined the memory controller after it had begun, and what a process has when it comes is
  // charged elsewhere (cgroup v1 moves no charges): nearly everything.
  const auto pids = cgroup.processes();
  if (!pids) return usage;
  Bytes sum{};
  for (const pid_t pid : *pids) {
    if (const auto memory = sys::Procfs().private_memory(pid)) sum.count += memory->count;
  }
  if (!usage.memory || *usage.memory < sum) usage.memory = sum;
  if (usage.memory_peak && *usage.memory_peak < *usage.memory) usage.memory_peak = usage.memory;
  return usage;
}

std::string Service::log_path() const {
  return context_.log_dir + "/" + unit_->name + ".log";
}

void Service::set_phase(Phase phase) {
  const Phase before = state_.phase;
  state_.phase = phase;
  state_.phase_since = boot_now();
  if (before == Phase::kReload && phase != Phase::kReload && phase != Phase::kRunning) {
    complete(reload_done_,
             Error(ErrorCode::kGone, "reload", unit_->name).with_detail("it went down meanwhile"));
  }
  if (before != phase) observer_.phase_changed(*this, before);
}

void Service::save() {
  fault::pass(FaultPoint::state_before_save);
  if (const Status saved = context_.states.save(state_); !saved) {
    // The unit is worth more than the certainty of adopting it: go on, and say so once a start.
    if (!std::exchange(start_gave_error_, true)) {
      emit("unit.state-not-saved", ledger::Severity::kWarning,
           detail({{"error", saved.error().message()}}));
    }
  }
  for (const unsigned slot : std::exchange(to_release_, {})) context_.table.release(slot);
  fault::pass(FaultPoint::state_after_save);
}

const std::vector<unit::ExecCommand>& Service::commands_of(Phase phase) const {
  static const std::vector<unit::ExecCommand> kNone;
  const unit::ServiceSection& service = spec().service;
  switch (phase) {
    case Phase::kCondition: return service.exec_condition;
    case Phase::kStartPre: return service.exec_start_pre;
    case Phase::kStart: return service.exec_start;
    case Phase::kStartPost: return service.exec_start_post;
    case Phase::kReload: return service.exec_reload;
    case Phase::kStop: return service.exec_stop;
    case Phase::kStopPost: return service.exec_stop_post;
    default: return kNone;
  }
}

void Service::enter(Phase phase) {
  set_phase(phase);
  state_.command_index = 0;
  switch (phase) {
    case Phase::kStop:
    case Phase::kStopPost: arm_phase_timer(spec().service.timeout_stop); break;
    case Phase::kReload: arm_phase_timer(spec().service.timeout_start); break;
    default: break;  // one time-out over the whole start, armed by begin_start()
  }
  if (phase == Phase::kStart) {
    enter_start();
  } else {
    run_next_command();
  }
}

void Service::run_next_command() {
  const auto& commands = commands_of(state_.phase);
  while (state_.command_index < commands.size()) {
    const unit::ExecCommand& command = commands[state_.command_index];
    const Status launched = launch(command, Role::kControl, control_);
    if (launched) return;
    if (!command.ignore_failure) {
      if (state_.phase == Phase::kReload) {
        reload_failed(launched.error().message());
        return;
      }
      if (state_.phase == Phase::kStop || state_.phase == Phase::kStopPost) {
        emit("unit.command-failed", ledger::Severity::kWarning,
             detail({{"error", launched.error().message()}}));
      } else {
        start_failed(launched.error());
        return;
      }
    }
    ++state_.command_index;
  }
  phase_done();
}

void Service::phase_done() {
  switch (state_.phase) {
    case Phase::kCondition: enter(Phase::kStartPre); break;
    case Phase::kStartPre: enter(Phase::kStart); break;
    case Phase::kStart: enter(Phase::kStartPost); break;
    case Phase::kStartPost: enter_running(); break;
    case Phase::kReload:
      phase_timer_.reset();
      set_phase(Phase::kRunning);
      save();
      look_for_listeners_soon();
      emit("unit.reloaded", ledger::Severity::kInfo, "{}");
      complete(reload_done_, {});
      break;
    case Phase::kStop: enter_stop_signal(); break;
    case Phase::kStopPost: finish_down(); break;
    default: break;
  }
}

void Service::complete(SparseOptional<Completion>& waiting, Status status) {
  if (!waiting) return;
  // Taken out first: the callback may ask for the next thing at once.
  const Completion call = std::move(*waiting);
  waiting.reset();
  if (call) call(std::move(status));
}

void Service::add_completion(SparseOptional<Completion>& waiting, Completion done) {
  if (!waiting) {
    waiting = std::move(done);
    return;
  }
  waiting =
      Completion([earlier = std::move(*waiting), done = std::move(done)](const Status& status) {
        earlier(status);
        done(status);
      });
}

void Service::arm_phase_timer(unit::TimeSpan timeout) {
  phase_timer_.reset();
  if (timeout) phase_timer_ = context_.loop.after(*timeout, [this] { on_phase_timeout(); });
}

void Service::on_phase_timeout() {
  switch (state_.phase) {
    case Phase::kCondition:
    case Phase::kStartPre:
    case Phase::kStart:
    case Phase::kStartPost:
      state_.pending_outcome = Outcome::kTimeout;
      state_.last_result =
          fmt::format("not ready within {}", to_human(*spec().service.timeout_start));
      emit("unit.start-timeout", ledger::Severity::kError,
           detail({{"reason", state_.last_result.get()}}));
      enter_stop_signal();
      break;
    case Phase::kReload:
      if (control_.valid()) (void)control_.pidfd.send_signal(SIGKILL).has_value();
      set_phase(Phase::kRunning);
      save();
      complete(reload_done_, Error(ErrorCode::kTimeout, "reload", unit_->name));
      break;
    case Phase::kStop: enter_stop_signal(); break;
    case Phase::kStopSignal:
      emit("unit.stop-timeout", ledger::Severity::kWarning,
           detail({{"reason", "processes outlived the signal"}}));
      enter_final_kill();
      break;
    case Phase::kStopPost:
      if (control_.valid()) (void)control_.pidfd.send_signal(SIGKILL).has_value();
      finish_down();
      break;
    case Phase::kFinalKill:
      // Not even SIGKILL ends it: a process in uninterruptible sleep. It must not hold up the rest.
      emit("unit.unkillable", ledger::Severity::kError,
           detail({{"pid", std::to_string(main_pid())}}));
      forget(main_);
      enter_stop_post();
      break;
    default: break;
  }
}

void Service::reset_failed() {
  state_.restart = RestartState{};
  if (state_.phase == Phase::kFailed) set_phase(Phase::kDead);
  save();
}

bool Service::owns(pid_t pid) const {
  for (const LiveProcess* process : {&main_, &control_, &standby_}) {
    if (process->valid() && process->id.pid == pid) return true;
  }
  if (health_ && health_->command.valid() && health_->command.id.pid == pid) return true;
  if (is_retiring() && rejuvenation_->retiring.id.pid == pid) return true;
  for (const sys::Cgroup* cgroup : {&cgroup_a_, &cgroup_b_}) {
    if (!cgroup->valid()) continue;
    const auto pids = cgroup->processes();
    if (pids && std::binary_search(pids->begin(), pids->end(), pid)) return true;
  }
  return false;
}

}  // namespace nines::supervise
