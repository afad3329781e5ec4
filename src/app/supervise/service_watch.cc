// Service: health check, watchdog, and the messages of sd_notify.

#include <fmt/format.h>

#include <linux/kcmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "app/supervise/crash_handover.h"
#include "app/supervise/event_detail.h"
#include "app/supervise/service.h"

namespace nines::supervise {
namespace {
// A spare is started once the main instance has settled: both would compete for the CPU otherwise.
constexpr Nanoseconds kSpareDelay = std::chrono::milliseconds(200);
// By then it has opened what it listens on; many do so only after they said that they are ready.
constexpr Nanoseconds kListensBy = std::chrono::milliseconds(500);
// Whether clients notice anything of a replacement is seen from outside, closely.
constexpr Nanoseconds kCheckWhileReplaced = std::chrono::milliseconds(100);
}  // namespace

void Service::start_watching() {
  watchdog_ = spec().service.watchdog;
  arm_watchdog();
  if (const auto& check = spec().nines.health_check) {
    if (!health_) health_ = std::make_unique<Health>();
    health_->probe = std::make_unique<HealthProbe>(
        context_.loop, *check,
        [this](std::function<void(Status)> done) { run_health_command(std::move(done)); });
    health_->tracker.emplace(*check, boot_now());
    schedule_health_check();
  }
  if (spec().nines.standby > 0 && !standby_.valid()) {
    standby_timer_ = context_.loop.after(kSpareDelay, [this] { launch_standby(); });
  }
  look_for_listeners_soon();
}

void Service::look_for_listeners_soon() {
  if (spec().nines.crash_handover != unit::CrashHandover::kEarly) return;
  if (!handover_) handover_ = std::make_unique<Handover>();
  handover_->listeners.clear();
  handover_->timer = context_.loop.after(kListensBy, [this] {
    if (main_.valid()) handover_->listeners = find_listeners(main_.pidfd, main_.id.pid);
  });
}

void Service::stop_watching() {
  watchdog_timer_.reset();
  runtime_timer_.reset();
  standby_timer_.reset();
  if (handover_) handover_->timer.reset();
  if (!health_) return;
  health_->timer.reset();
  if (health_->probe) health_->probe->cancel();
  health_->probe.reset();
  health_->tracker.reset();
}

void Service::arm_watchdog() {
  watchdog_timer_.reset();
  if (!watchdog_ || watchdog_->count() <= 0) return;
  watchdog_timer_ = context_.loop.after(*watchdog_, [this] {
    kill_hung(Outcome::kWatchdog, "no WATCHDOG=1 within " + to_human(*watchdog_));
  });
}

void Service::schedule_health_check() {
  Nanoseconds interval = spec().nines.health_check->interval;
  if (rejuvenation_ && !rejuvenation_->interrupted)
    interval = std::min(interval, kCheckWhileReplaced);
  health_->timer = context_.loop.after(interval, [this] {
    health_->probe_began = boot_now();
    health_->probe->run([this](const Status& result) { on_health_result(result); });
  });
}

void Service::on_health_result(const Status& result) {
  if (!health_->tracker) return;
  health_->detail = result ? "" : result.error().message();
  if (result) {
    health_->usual = boot_now() - health_->probe_began;
    observer_.checked(*this, health_->usual);
  }
  if (rejuvenation_ && rejuvenation_->switched && !rejuvenation_->interrupted) {
    // The result belongs to the replacement, until it is over.
    if (note_check(result.has_value())) schedule_health_check();
    return;
  }
  const auto transition = health_->tracker->record(result.has_value(), health_->probe_began);
  schedule_health_check();
  if (transition == HealthTransition::kBecameHealthy) {
    health_->healthy = true;
    emit("health.ok", ledger::Severity::kInfo, "{}");
    if (state_.downtime && is_active()) {
      state_.active_since_boot = boot_now();
      close_downtime();
    }
    return;
  }
  if (transition != HealthTransition::kBecameUnhealthy) return;
  health_->healthy = false;
  const std::string event =
      emit("health.fail", ledger::Severity::kError, detail({{"reason", health_->detail}}));
  open_downtime(health_->tracker->first_failure().value_or(health_->probe_began), false, event);
  save();
  if (policy_restarts(effective_policy(spec().service), Outcome::kUnhealthy)) {
    kill_hung(Outcome::kUnhealthy, "health check failed: " + health_->detail);
  }
}

/// Checks that have failed up to now, too few to act on, or one that waits for its answer much
/// longer than usual, had asked a process that did not serve any more: redis, for one, writes a
/// long report before it dies of a SIGSEGV.
BootTime Service::down_since(BootTime seen) const {
  if (!health_ || !health_->tracker) return seen;
  if (const auto failure = health_->tracker->first_failure()) return std::min(seen, *failure);
  constexpr int kMuchLonger = 4;
  const bool waits =
      health_->probe->running() && seen - health_->probe_began > kMuchLonger * health_->usual;
  return waits ? health_->probe_began : seen;
}

void Service::kill_hung(Outcome outcome, std::string why) {
  if (state_.phase != Phase::kRunning && state_.phase != Phase::kReload &&
      state_.phase != Phase::kStart) {
    return;
  }
  interrupt_rejuvenation(boot_now());
  stop_watching();
  state_.pending_outcome = outcome;
  state_.last_result = std::move(why);
  const std::string event =
      emit(outcome == Outcome::kWatchdog ? "unit.watchdog" : "unit.unhealthy",
           ledger::Severity::kError, detail({{"reason", state_.last_result.get()}}));
  if (state_.was_ready) open_downtime(boot_now(), false, event);
  const Id128 instance = state_.invocation_id;
  // The soft stage: see where it hangs before the evidence is killed.
  observer_.record_stacks(*this, main_.id, [this, instance] {
    if (instance != state_.invocation_id || !main_.valid()) return;
    interrupt_rejuvenation(boot_now());
    enter_stop_signal();
  });
}

/// Whether a process belongs to the spare, a successor, or what a successor has replaced.
bool Service::is_of_other_instance(pid_t pid) {
  if (is_retiring() && rejuvenation_->retiring.id.pid == pid) return true;
  if (!standby_.valid() && !is_retiring()) return false;
  const sys::Cgroup* group = cgroup_for(Role::kStandby);
  const auto pids = group->valid() ? group->processes() : Result<std::vector<pid_t>>();
  return pids && std::binary_search(pids->begin(), pids->end(), pid);
}

void Service::on_notify(const NotifyMessage& message, pid_t sender, std::vector<UniqueFd> fds) {
  const unit::NotifyAccess access = spec().service.notify_access;
  const bool from_main = main_.valid() && main_.id.pid == sender;
  const bool of_other = !from_main && is_of_other_instance(sender);
  // With NotifyAccess=all a child may speak for the instance that it belongs to.
  const bool from_standby = standby_.valid() && (standby_.id.pid == sender ||
                                                 (of_other && access == unit::NotifyAccess::kAll));
  const bool allowed = access == unit::NotifyAccess::kAll || from_main || from_standby ||
                       (access == unit::NotifyAccess::kExec && control_.id.pid == sender) ||
                       (access == unit::NotifyAccess::kMain && !main_.valid());
  if (!allowed || access == unit::NotifyAccess::kNone) return;
  if (from_standby) {
    if (rejuvenation_) {
      on_successor_message(message, std::move(fds));
    } else if (message.ready && spec().nines.standby > 0) {
      try_freeze_standby();
    }
    return;
  }
  if (of_other) return;  // a process that is being replaced has no say any more
  if (message.status) state_.status_text = *message.status;
  const bool names_main = message.main_pid && *message.main_pid != main_.id.pid;
  if (names_main && state_.phase != Phase::kExited && owns(*message.main_pid)) {
    take_main(*message.main_pid);
  }
  if (message.watchdog_interval) watchdog_ = message.watchdog_interval;
  if (message.watchdog_trigger) {
    kill_hung(Outcome::kWatchdog, "the unit asked for it with WATCHDOG=trigger");
    return;
  }
  if ((message.watchdog_ping || message.watchdog_interval) && watchdog_timer_) arm_watchdog();
  if (message.extend_timeout && !is_settled()) arm_phase_timer(message.extend_timeout);
  if (message.fd_store) {
    (void)store_descriptors(message, std::move(fds));
    save();
  }
  if (message.fd_store_remove) {
    remove_descriptors(stored_as(message.fd_name));
    save();
  }
  if (message.ready) {
    if (state_.phase == Phase::kStart) phase_done();
    if (state_.phase == Phase::kReload && spec().service.type == unit::ServiceType::kNotifyReload &&
        !control_.valid()) {
      phase_done();
    }
  }
}

/// The same open file description, by whatever number.
bool Service::is_stored(int fd) const {
  const pid_t self = ::getpid();
  return std::any_of(fd_store_.begin(), fd_store_.end(), [&](const auto& stored) {
    return ::syscall(SYS_kcmp, self, self, KCMP_FILE, fd, stored.second.get()) == 0;
  });
}

std::vector<std::string> Service::store_descriptors(const NotifyMessage& message,
                                                    std::vector<UniqueFd> fds) {
  std::vector<std::string> names;
  for (UniqueFd& fd : fds) {
    // A message may come twice (see NotifySocket), and a unit may store what it got from us.
    if (is_stored(fd.get())) continue;
    if (fd_store_.size() >= spec().service.fd_store_max) {
      emit("unit.fd-store-full", ledger::Severity::kWarning,
           detail({{"limit", std::to_string(spec().service.fd_store_max)}}));
      break;
    }
    const std::string label = message.fd_name.empty() ? "stored" : message.fd_name;
    const std::string name = fmt::format("store/{}/{}/{}", unit_->name, ledger::new_id(), label);
    if (!context_.keeper.store(name, fd.get())) break;
    fd_store_.edit()[name] = std::move(fd);
    state_.fd_store.push_back(name);
    names.push_back(name);
  }
  return names;
}

std::vector<std::string> Service::stored_as(const std::string& label) const {
  std::vector<std::string> names;
  for (const auto& [name, fd] : fd_store_) {
    if (name.substr(name.rfind('/') + 1) == label) names.push_back(name);
  }
  return names;
}

void Service::remove_descriptors(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (fd_store_.edit().erase(name) == 0) continue;
    context_.keeper.drop(name);
    std::erase(state_.fd_store, name);
  }
}

}  // namespace nines::supervise
