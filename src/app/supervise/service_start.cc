// Service: from dead to running.

#include <fmt/format.h>

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "app/supervise/conditions.h"
#include "app/supervise/directories.h"
#include "app/supervise/event_detail.h"
#include "app/supervise/exec_context.h"
#include "app/supervise/identity.h"
#include "app/supervise/service.h"
#include "base/fault_point.h"
#include "sys/file.h"
#include "sys/procfs.h"
#include "sys/spawn.h"

namespace nines::supervise {
namespace {

// A daemon's parent often ends a moment before the PID file is there.
constexpr Nanoseconds kPidFilePoll = std::chrono::milliseconds(5);

// A small server needs about as long from exec to its first answer.
constexpr timespec kCourtesy{0, 1'000'000};
constexpr Nanoseconds kCourtesyEvery = std::chrono::milliseconds(20);

/// The one process that none of the others started: a daemon may have workers before the process
/// that started it has ended. @return 0 if there are several, or none.
pid_t guess_main(const std::vector<pid_t>& sorted_pids) {
  pid_t guess = 0;
  for (const pid_t pid : sorted_pids) {
    const auto stat = sys::Procfs().stat(pid);
    if (!stat || stat->state == 'Z' || stat->state == 'X') continue;
    if (std::binary_search(sorted_pids.begin(), sorted_pids.end(), stat->parent)) continue;
    if (guess != 0) return 0;
    guess = pid;
  }
  return guess;
}

}  // namespace

void Service::start(Completion done) {
  if (is_active()) {
    done({});
    return;
  }
  state_.wanted = true;
  state_.waits_for.clear();
  switch (state_.phase) {
    case Phase::kDead:
    case Phase::kFailed:
    case Phase::kWaitRestart:
      start_done_ = std::move(done);
      restart_timer_.reset();
      begin_start();
      return;
    default: break;
  }
  // Starting: wait with it. Stopping: start again once it is down.
  add_completion(start_done_, std::move(done));
  if (state_.phase == Phase::kStop || state_.phase == Phase::kStopSignal ||
      state_.phase == Phase::kFinalKill || state_.phase == Phase::kStopPost) {
    state_.restart_after_stop = true;
  }
}

void Service::begin_start() {
  restart_timer_.reset();
  standby_timer_.reset();
  state_.invocation_id = Id128::make();
  state_.pending_outcome.reset();
  state_.was_ready = false;
  state_.main_pid_known = false;
  state_.status_text.clear();
  state_.restart_after_stop = false;
  start_gave_error_ = false;
  if (health_) {
    health_->healthy.reset();
    health_->detail.clear();
  }

  bool skip = false;
  if (Status met = check_conditions(*unit_, skip); !met || skip) {
    state_.last_result = met ? "condition not met" : met.error().message();
    emit("unit.condition", ledger::Severity::kInfo, detail({{"reason", state_.last_result.get()}}));
    settle(met ? Phase::kDead : Phase::kFailed);
    complete(start_done_, std::move(met));
    return;
  }
  record_start(*unit_, boot_now(), state_.restart);
  if (!cgroup_a_.valid()) make_cgroup(false);
  renew_cgroup(cgroup_a_);
  if (const auto kills = cgroup_a_.oom_kills()) state_.oom_kills = *kills;
  if (Status made = prepare_directories(*unit_, context_.user_mode); !made) {
    set_phase(Phase::kStart);
    start_failed(std::move(made.error()));
    return;
  }
  const unit::ServiceSection& service = spec().service;
  unit::TimeSpan timeout = service.timeout_start;
  if (service.type == unit::ServiceType::kOneshot && !service.timeout_start_set) timeout.reset();
  arm_phase_timer(timeout);
  enter(Phase::kCondition);
}

void Service::limit_cgroup(const sys::Cgroup& cgroup) {
  const unit::ResourceSettings& wanted = *spec().resources;
  for (const std::string& limit :
       cgroup.apply({wanted.memory_max, wanted.memory_high, wanted.tasks_max, wanted.cpu_weight,
                     wanted.cpu_quota})) {
    emit("unit.limit-not-applied", ledger::Severity::kWarning, detail({{"limit", limit}}));
  }
}

void Service::renew_cgroup(sys::Cgroup& cgroup) {
  // Busy: something of the unit lives on in it; then its processes join in the slower way.
  const auto renewed = cgroup.renew();
  if (renewed && *renewed) limit_cgroup(cgroup);
}

Status Service::launch(const unit::ExecCommand& command, Role role, LiveProcess& into) {
  NINES_ASSIGN(const LogCapture* log, open_log());
  NINES_ASSIGN(const UniqueFd writer, log->writer());
  LaunchInputs inputs{*unit_, command};
  const bool is_server = role != Role::kControl;
  inputs.is_main = is_server;
  const bool succeeds = role == Role::kStandby && rejuvenation_;
  const Id128 invocation = succeeds ? state_.rejuvenation->invocation_id : state_.invocation_id;
  inputs.invocation_id = invocation.str();
  inputs.stdout_fd = writer.get();
  inputs.stderr_fd = writer.get();
  sys::Cgroup* cgroup = cgroup_for(role);
  renew_cgroup(*cgroup);
  // A spare that died frozen leaves its cgroup frozen: a process born there would never execute,
  // and we wait for that.
  if (role == Role::kStandby && cgroup->valid()) (void)cgroup->freeze(false).has_value();
  inputs.cgroup = cgroup;
  inputs.user_mode = context_.user_mode;
  if (is_server || spec().service.type == unit::ServiceType::kForking) {
    inputs.listen_fds = observer_.listen_fds(*this);
    for (const auto& [name, fd] : fd_store_) {
      inputs.listen_fds.emplace_back(name.substr(name.rfind('/') + 1), fd.get());
    }
  }
  if (spec().service.notify_access != unit::NotifyAccess::kNone) {
    inputs.notify_socket = context_.notify_path;
  }
  if (is_server) inputs.watchdog = spec().service.watchdog;
  if (role == Role::kStandby && !succeeds) inputs.extra_environment["NINES_STANDBY"] = "1";
  if (main_.valid()) inputs.extra_environment["MAINPID"] = std::to_string(main_.id.pid);
  if (state_.phase == Phase::kStop || state_.phase == Phase::kStopPost) add_result_to(inputs);
  NINES_ASSIGN(Launch prepared, build_spawn_request(inputs));
  for (const std::string& remark : prepared.remarks) {
    emit("unit.remark", ledger::Severity::kWarning, detail({{"text", remark}}));
  }
  sys::SpawnRequest& request = prepared.request;
  if (!joins_v1_at_birth()) {
    for (const std::string& path : cgroup->v1_paths()) {
      std::erase(request.cgroup_procs, path + "/cgroup.procs");
    }
  }

  NINES_ASSIGN(const unsigned slot, context_.table.allocate());
  request.sibling = true;
  request.pid_slot = context_.table.pid_address(slot);
  SavedProcess& saved = saved_for(role);
  saved = {slot, invocation};
  save();
  auto spawned = sys::spawn(request);
  let_it_serve();
  if (!spawned) {
    saved = {};
    context_.table.release(slot);
    return std::move(spawned.error()).in(unit_->name);
  }
  context_.table.set_start(slot, spawned->id.start);
  into = LiveProcess{spawned->id, std::move(spawned->pidfd), slot, {}};
  observer_.process_started(*this, into.id.pid);
  return {};
}

/// The new process first: what is left to do here is bookkeeping, and clients may be waiting. We
/// run under a real-time policy and would keep the CPU it was born on until all is written down.
void Service::let_it_serve() {
  if (!state_.downtime || state_.downtime->planned) return;
  // When a thousand units fall at once, none of them shall wait for the courtesy to the others.
  const BootTime now = boot_now();
  if (now < context_.next_courtesy) return;
  context_.next_courtesy = now + kCourtesyEvery;
  (void)::nanosleep(&kCourtesy, nullptr);
}

Result<LogCapture*> Service::open_log() {
  if (log_) return log_.get();
  LogCapture::Options options;
  options.fifo_path = context_.runtime_dir + "/log/" + unit_->name;
  options.log.path = log_path();
  NINES_ASSIGN(const Identity identity, resolve_identity(*unit_, context_.user_mode));
  if (identity.switches) {
    options.owner_uid = identity.uid;
    options.owner_gid = identity.gid;
  } else {
    options.owner_uid = ::geteuid();
    options.owner_gid = ::getegid();
  }
  NINES_ASSIGN(log_, LogCapture::open(context_.loop, options));
  return log_.get();
}

void Service::add_result_to(LaunchInputs& inputs) const {
  const Outcome outcome = state_.pending_outcome.value_or(Outcome::kSuccess);
  inputs.extra_environment["SERVICE_RESULT"] = to_string(outcome);
  switch (state_.last_exit.kind) {
    case sys::ExitStatus::Kind::kExited: inputs.extra_environment["EXIT_CODE"] = "exited"; break;
    case sys::ExitStatus::Kind::kKilled: inputs.extra_environment["EXIT_CODE"] = "killed"; break;
    case sys::ExitStatus::Kind::kDumped: inputs.extra_environment["EXIT_CODE"] = "dumped"; break;
    case sys::ExitStatus::Kind::kUnknown: return;
  }
  inputs.extra_environment["EXIT_STATUS"] = std::to_string(state_.last_exit.value);
}

SavedProcess& Service::saved_for(Role role) {
  switch (role) {
    case Role::kMain: return state_.main;
    case Role::kControl: return state_.control;
    case Role::kStandby: return state_.standby;
  }
  return state_.main;
}

void Service::enter_start() {
  const unit::ServiceSection& service = spec().service;
  if (service.type == unit::ServiceType::kForking || service.type == unit::ServiceType::kOneshot) {
    run_next_command();
    return;
  }
  launch_main();
}

void Service::launch_main() {
  const unit::ServiceSection& service = spec().service;
  if (Status launched = launch(service.exec_start.front(), Role::kMain, main_); !launched) {
    start_failed(std::move(launched.error()));
    return;
  }
  state_.main_pid_known = true;
  if (service.type == unit::ServiceType::kNotify ||
      service.type == unit::ServiceType::kNotifyReload) {
    return;  // on_notify() goes on
  }
  phase_done();
}

void Service::start_failed(Error error) {
  state_.pending_outcome = Outcome::kStartFailed;
  state_.last_result = error.message();
  state_.last_exit = {};
  emit("unit.start-failed", ledger::Severity::kError,
       detail({{"error", error.message()}, {"hint", error.hint()}}));
  enter_stop_signal();
}

void Service::look_for_forked_main() {
  const unit::ServiceSection& service = spec().service;
  if (service.pid_file.empty()) {
    const auto pids = cgroup_a_.processes();
    const pid_t guess = service.guess_main_pid && pids ? guess_main(*pids) : 0;
    if (guess != 0) take_main(guess);
    phase_done();
    return;
  }
  pid_t pid = 0;
  if (const auto text = sys::read_file(service.pid_file)) {
    std::from_chars(text->data(), text->data() + text->size(), pid);
  }
  // A PID file left by an earlier run, or written by somebody else, names no process of ours.
  if (pid > 1 && (!cgroup_a_.valid() || owns(pid)) && sys::Procfs().identify(pid)) {
    take_main(pid);
    phase_done();
    return;
  }
  poll_timer_ = context_.loop.after(kPidFilePoll, [this] {
    if (state_.phase == Phase::kStart) look_for_forked_main();
  });
}

void Service::take_main(pid_t pid) {
  auto id = sys::Procfs().identify(pid);
  if (!id) return;
  auto pidfd = sys::Pidfd::open(*id);
  auto slot = context_.table.allocate();
  if (!pidfd || !slot) return;
  if (main_.valid()) forget(main_);
  *context_.table.pid_address(*slot) = pid;
  context_.table.set_start(*slot, id->start);
  state_.main = {*slot, state_.invocation_id};
  state_.main_pid_known = true;
  main_ = LiveProcess{*id, std::move(*pidfd), *slot, {}};
  observer_.process_started(*this, pid);
  watch_orphan(main_);
}

void Service::enter_running() {
  phase_timer_.reset();
  const unit::ServiceSection& service = spec().service;
  if (service.type == unit::ServiceType::kOneshot) {
    if (service.remain_after_exit) {
      remain_after_exit();
    } else {
      emit("unit.finished", ledger::Severity::kInfo, "{}");
      // It has done what it was started for; said before finish_down() would call it a failure.
      state_.pending_outcome = Outcome::kSuccess;
      complete(start_done_, {});
      enter(Phase::kStop);
      return;
    }
    complete(start_done_, {});
    return;
  }
  become_ready();
  if (!main_.valid() && state_.main_pid_known && service.remain_after_exit) {
    // It had done its work before ExecStartPost= was over.
    remain_after_exit();
  } else {
    start_watching();
  }
  complete(start_done_, {});
}

/// Active without a process.
void Service::remain_after_exit() {
  stop_watching();
  emit_once("unit.finished", ledger::Severity::kInfo, "{}");
  set_phase(Phase::kExited);
  save();
}

/// With a limit it must never run outside of it; without v2 nothing else would track it.
bool Service::joins_v1_at_birth() const {
  const unit::ResourceSettings& wanted = *spec().resources;
  return cgroup_a_.v2_path().empty() || wanted.memory_max || wanted.memory_high ||
         wanted.tasks_max || wanted.cpu_weight || wanted.cpu_quota;
}

void Service::become_ready() {
  fault::pass(FaultPoint::ready_seen);
  if (!joins_v1_at_birth() && main_.valid())
    context_.mover.move(*cgroup_for(Role::kMain), main_.id);
  const UtcTime now = utc_now();
  state_.active_since = now;
  state_.active_since_boot = boot_now();
  state_.was_ready = true;
  set_phase(Phase::kRunning);
  if (state_.downtime)
    state_.last_recovery = state_.active_since_boot - state_.downtime->start_since_boot;
  emit_once(
      "unit.ready", ledger::Severity::kInfo,
      detail({{"pid", std::to_string(main_pid())},
              {"recovery_ms",
               state_.downtime
                   ? fmt::format("{:.3f}", static_cast<double>(state_.last_recovery.count()) / 1e6)
                   : ""}}),
      state_.downtime ? state_.downtime->cause_event : std::string());
  close_downtime();
  if (spec().service.runtime_max) {
    runtime_timer_ = context_.loop.after(*spec().service.runtime_max, [this] {
      state_.pending_outcome = Outcome::kTimeout;
      state_.last_result = "RuntimeMaxSec= reached";
      handle_down(Outcome::kTimeout, boot_now());
    });
  }
}

}  // namespace nines::supervise
