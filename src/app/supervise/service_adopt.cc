// Service: going on where a daemon that was killed, or replaced, had been.

#include <unistd.h>

#include <string_view>
#include <thread>

#include "app/supervise/event_detail.h"
#include "app/supervise/service.h"
#include "base/fault_point.h"
#include "sys/own_program.h"
#include "sys/procfs.h"

namespace nines::supervise {
namespace {

// A process between its birth and its exec needs well under a millisecond, unless the machine is
// busy or its files are slow to open.
constexpr int kExecPolls = 1000;
constexpr Nanoseconds kExecPoll = std::chrono::milliseconds(1);

std::string program_of(pid_t pid) {
  return sys::without_deleted_mark(sys::Procfs().executable(pid).value_or(std::string()));
}

/// Our predecessor died between the process's birth and noting its start time. That it is ours
/// shows in its environment, which holds the instance's id from its first instruction on. Until
/// its exec it shares our predecessor's memory, and so its environment: that is waited for.
/// @errors kGone: it ended, and the pid is nobody's or somebody else's.
Result<ProcessId> find_unnoted(pid_t pid, const Id128& invocation_id) {
  const sys::Procfs procfs;
  NINES_ASSIGN(sys::ProcessStat stat, procfs.stat(pid));
  for (int i = 0; i < kExecPolls && stat.before_exec && stat.state != 'Z'; ++i) {
    // Not the exec that we wait for: a worker that somebody forked, under a pid that came round.
    if (program_of(pid) != program_of(::getpid())) break;
    std::this_thread::sleep_for(kExecPoll);
    NINES_ASSIGN(stat, procfs.stat(pid));
  }
  const auto environment = procfs.environment(pid);
  // Empty: a zombie, or in the middle of its exec.
  if (!environment || environment->empty()) return stat.id;
  if (stat.before_exec && program_of(pid) == program_of(::getpid())) return stat.id;
  const auto found = environment->find("INVOCATION_ID");
  if (found != environment->end() && found->second == invocation_id.str()) return stat.id;
  return Error(ErrorCode::kGone, "adopt process", std::to_string(pid));
}

}  // namespace

void Service::restore_process(const SavedProcess& saved, LiveProcess& into) {
  if (saved.slot == ProcessTable::kNoSlot) return;
  context_.table.claim(saved.slot);
  ProcessId id = context_.table.read(saved.slot);
  if (!id.valid()) return;  // killed before the kernel made the process: it never existed
  auto pidfd = sys::Pidfd::open(id);
  if (pidfd && id.start == StartTime::kUnknown) {
    if (const auto now = find_unnoted(id.pid, saved.invocation_id)) {
      id = *now;
      context_.table.set_start(saved.slot, id.start);
    } else {
      pidfd = now.error();
    }
  }
  into.id = id;
  into.slot = saved.slot;
  if (pidfd) into.pidfd = std::move(*pidfd);
  observer_.process_started(*this, id.pid);
}

void Service::watch_orphan(LiveProcess& process) {
  // Children of the keeper need no watch: it reaps them and tells. A process that another keeper
  // (or nobody of ours) had started is not its child, and only its handle says when it ends.
  const auto stat = sys::Procfs().stat(process.id.pid);
  if (!process.pidfd.valid() || (stat && stat->parent == ::getppid())) return;
  const ProcessId id = process.id;
  process.watch = context_.loop.on_readable(process.pidfd.fd(), [this, id] {
    std::vector<LiveProcess*> candidates = {&main_, &control_, &standby_};
    for (LiveProcess& dying : dying_.edit()) candidates.push_back(&dying);
    if (rejuvenation_) candidates.push_back(&rejuvenation_->retiring);
    for (LiveProcess* known : candidates) {
      if (!(known->id == id)) continue;
      // Whoever is its parent may take its time to reap it.
      auto status = known->pidfd.zombie_exit_status(id.pid);
      if (!status) status = known->pidfd.exit_status();
      const sys::ExitStatus how = status ? *status : sys::ExitStatus{};
      known->watch.reset();
      on_exit(id, how, boot_now());
      return;
    }
  });
}

void Service::adopt(UnitState state, std::map<std::string, UniqueFd>& held) {
  fault::pass(FaultPoint::adopt_unit);
  state_ = std::move(state);
  for (const bool b : {false, true}) {
    const sys::CgroupPaths& paths = state_.cgroups[b ? 1 : 0];
    if (paths.empty()) continue;
    if (auto found = sys::Cgroup::reopen(paths)) {
      (b ? cgroup_b_ : cgroup_a_) = std::move(*found);
    }
  }
  for (const std::string& name : std::vector<std::string>(state_.fd_store)) {
    const auto found = held.find(name);
    if (found == held.end()) {
      std::erase(state_.fd_store, name);
      continue;
    }
    (void)context_.keeper.store(name, found->second.get()).has_value();
    fd_store_.insert(held.extract(found));
  }
  restore_process(state_.main, main_);
  restore_process(state_.control, control_);
  restore_process(state_.standby, standby_);
  if (state_.rejuvenation) {
    rejuvenation_ = std::make_unique<Rejuvenation>();
    restore_process(state_.rejuvenation->retiring, rejuvenation_->retiring);
    rejuvenation_->interrupted = state_.rejuvenation->interrupted;
    rejuvenation_->switched = is_retiring() || !standby_.valid();
  }
  for (const SavedProcess& saved : state_.dying) {
    restore_process(saved, dying_.edit().emplace_back());
  }
  // The interval may not have reached the spool: its id makes saying it again harmless.
  if (state_.downtime) context_.events.downtime(*state_.downtime);
  if (state_.downtime && state_.downtime->closed) state_.downtime.reset();
  if (main_.valid() || control_.valid()) (void)open_log().has_value();
}

void Service::finish_adoption() {
  // A process that is gone and has left no exit record: its keeper died with it, or before it.
  for (LiveProcess* process : {&main_, &control_, &standby_}) {
    if (!process->valid()) continue;
    if (!process->pidfd.valid()) {
      on_exit(process->id, {}, boot_now());
      return finish_adoption();
    }
    watch_orphan(*process);
  }
  if (is_retiring() && rejuvenation_->retiring.pidfd.valid()) watch_orphan(rejuvenation_->retiring);
  for (std::size_t i = dying_.size(); i-- > 0;) {
    auto& dying = dying_.edit();
    if (!dying[i].valid() || !dying[i].pidfd.valid()) {
      release_later(dying[i].slot);
      dying.erase(dying.begin() + static_cast<std::ptrdiff_t>(i));
      state_.dying.erase(state_.dying.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      watch_orphan(dying[i]);
    }
  }
  if (!cgroup_a_.valid() && is_active() && !main_.valid() && state_.phase != Phase::kExited) {
    on_main_exit(0, {}, boot_now());
    return;
  }
  if (rejuvenation_) resume_rejuvenation();
  resume_phase();
}

void Service::resume_phase() {
  switch (state_.phase) {
    case Phase::kCondition:
    case Phase::kStartPre:
    case Phase::kStartPost:
      arm_phase_timer(spec().service.timeout_start);
      // No process: we died before the kernel had made it. Do that step (again, for the first
      // time).
      if (!control_.valid()) run_next_command();
      break;
    case Phase::kStart:
      arm_phase_timer(spec().service.timeout_start);
      resume_start();
      break;
    case Phase::kRunning:
      if (main_.valid() && state_.was_ready) {
        start_watching();
      } else if (main_.valid()) {
        enter_running();
      } else if (spec().service.type != unit::ServiceType::kForking || !anything_left()) {
        on_main_exit(0, {}, boot_now());
      }
      break;
    case Phase::kReload:
      set_phase(Phase::kRunning);
      start_watching();
      break;
    case Phase::kStop:
    case Phase::kStopPost:
      arm_phase_timer(spec().service.timeout_stop);
      if (!control_.valid()) run_next_command();
      break;
    case Phase::kStopSignal: enter_stop_signal(); break;
    case Phase::kFinalKill: enter_final_kill(); break;
    case Phase::kWaitRestart: {
      const Nanoseconds left =
          std::max<Nanoseconds>(state_.restart_due - boot_now(), Nanoseconds(0));
      restart_timer_ = context_.loop.after(left, [this] { begin_start(); });
      break;
    }
    case Phase::kDead:
    case Phase::kFailed:
    case Phase::kExited: drop_standby(); break;
  }
}

void Service::resume_start() {
  const unit::ServiceType type = spec().service.type;
  if (type == unit::ServiceType::kForking) {
    if (control_.valid()) return;
    if (anything_left()) {
      look_for_forked_main();
    } else {
      run_next_command();
    }
    return;
  }
  if (type == unit::ServiceType::kOneshot) {
    if (!control_.valid()) run_next_command();
    return;
  }
  const bool waits_for_word =
      type == unit::ServiceType::kNotify || type == unit::ServiceType::kNotifyReload;
  if (!main_.valid()) {
    launch_main();
  } else if (!waits_for_word) {
    phase_done();
  }
}

}  // namespace nines::supervise
