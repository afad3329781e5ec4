// Service: the warm spare. A second instance on the same held sockets, started, initialized, and
// then frozen outside of any request; at the main instance's death it is thawed and is the main
// one.

#include <signal.h>
#include <time.h>

#include "app/supervise/connections.h"
#include "app/supervise/event_detail.h"
#include "app/supervise/service.h"
#include "base/fault_point.h"
#include "sys/procfs.h"

namespace nines::supervise {
namespace {

constexpr Nanoseconds kBusyRetry = std::chrono::milliseconds(20);
// After a failure of the spare itself.
constexpr Nanoseconds kStandbyRetry = std::chrono::seconds(5);

}  // namespace

sys::Cgroup* Service::cgroup_for(Role role) {
  const bool b = state_.standby_cgroup_b != (role == Role::kStandby);
  sys::Cgroup& cgroup = b ? cgroup_b_ : cgroup_a_;
  if (b && !cgroup.valid()) make_cgroup(true);
  return &cgroup;
}

void Service::make_cgroup(bool b) {
  if (!context_.cgroups.usable()) return;
  auto made = context_.cgroups.unit(b ? unit_->name + ".spare" : unit_->name);
  if (!made) {
    emit("unit.no-cgroup", ledger::Severity::kWarning, detail({{"error", made.error().message()}}));
    return;
  }
  limit_cgroup(*made);
  state_.cgroups[b ? 1 : 0] = made->paths();
  (b ? cgroup_b_ : cgroup_a_) = std::move(*made);
}

void Service::launch_standby() {
  // A retiring process is still in the spare's place; and nobody spares for what has ended.
  if (rejuvenation_ || !main_.valid()) return;
  if (spec().nines.standby == 0 || standby_.valid() || observer_.listen_fds(*this).empty()) return;
  if (spec().service.type == unit::ServiceType::kForking ||
      spec().service.type == unit::ServiceType::kOneshot) {
    return;
  }
  state_.standby_frozen = false;
  const Status launched = launch(spec().service.exec_start.front(), Role::kStandby, standby_);
  if (!launched) {
    emit("standby.failed", ledger::Severity::kWarning,
         detail({{"error", launched.error().message()}}));
    standby_timer_ = context_.loop.after(kStandbyRetry, [this] { launch_standby(); });
    return;
  }
  if (!says_ready())
    standby_timer_ = context_.loop.after(kWarmUp, [this] { try_freeze_standby(); });
}

void Service::try_freeze_standby() {
  if (!standby_.valid() || state_.standby_frozen) return;
  sys::Cgroup* cgroup = cgroup_for(Role::kStandby);
  if (!cgroup->valid() || !cgroup->freeze(true)) {
    if (!standby_.pidfd.send_signal(SIGSTOP)) return;
  }
  // Frozen in the middle of a request it would keep a client waiting: thaw it and try again.
  if (standby_has_connections()) {
    if (cgroup->valid()) (void)cgroup->freeze(false).has_value();
    (void)standby_.pidfd.send_signal(SIGCONT).has_value();
    standby_timer_ = context_.loop.after(kBusyRetry, [this] { try_freeze_standby(); });
    return;
  }
  state_.standby_frozen = true;
  save();
  emit("standby.ready", ledger::Severity::kInfo, detail({{"pid", std::to_string(standby_pid())}}));
}

bool Service::standby_has_connections() const {
  return has_accepted_connection(standby_.id.pid, observer_.listen_fds(*this));
}

/// The first thing at a death, before anything is written down: clients wait. Should we be killed
/// right after it, the file still calls the spare frozen, and the successor thaws it again.
bool Service::thaw_standby() {
  if (!standby_.valid() || !state_.standby_frozen || !state_.wanted) return false;
  const sys::Cgroup* cgroup = cgroup_for(Role::kStandby);
  if (cgroup->valid()) (void)cgroup->thaw_now().has_value();
  // Also where it was stopped for want of a freezer; and it tells whether the spare still lives.
  if (!standby_.pidfd.send_signal(SIGCONT)) return false;
  // The kernel takes the dead one's memory apart on one CPU. On a small machine the spare needs the
  // one we are on, and gets it as soon as that is idle: what is left to do here can wait.
  constexpr timespec kLetItServe{0, 200'000};
  (void)::nanosleep(&kLetItServe, nullptr);
  fault::pass(FaultPoint::standby_thawed);
  return true;
}

/// The bookkeeping after thaw_standby(): from here on the spare is the main instance.
void Service::promote_standby(BootTime when) {
  state_.standby_frozen = false;
  kill_leftovers_now();
  const Outcome outcome = state_.pending_outcome.value_or(Outcome::kUnknown);
  const Nanoseconds uptime = boot_now() - state_.active_since_boot;
  (void)decide(*unit_, outcome, state_.last_exit, uptime, when, state_.restart);
  main_ = std::exchange(standby_, LiveProcess{});
  state_.main = std::exchange(state_.standby, {});
  state_.invocation_id = Id128::make();
  state_.standby_cgroup_b = !state_.standby_cgroup_b;
  state_.pending_outcome.reset();
  emit("standby.activated", ledger::Severity::kInfo, detail({{"pid", std::to_string(main_pid())}}));
  observer_.process_started(*this, main_pid());
  become_ready();
  start_watching();
}

void Service::drop_standby() {
  standby_timer_.reset();
  if (!standby_.valid()) return;
  sys::Cgroup* cgroup = cgroup_for(Role::kStandby);
  (void)standby_.pidfd.send_signal(SIGKILL).has_value();
  if (cgroup->valid()) (void)cgroup->freeze(false).has_value();
  (void)standby_.pidfd.send_signal(SIGCONT).has_value();
}

void Service::on_standby_exit(const sys::ExitStatus& status) {
  state_.standby_frozen = false;
  save();
  if (rejuvenation_ && !rejuvenation_->switched) {
    rejuvenation_failed(Error(ErrorCode::kGone, "start the successor", unit_->name)
                            .with_detail("it ended with " + sys::to_string(status)));
  }
  if (state_.phase != Phase::kRunning) {
    check_stopped();
    return;
  }
  if (spec().nines.standby == 0) return;
  emit("standby.exit", ledger::Severity::kWarning, detail({{"exit", sys::to_string(status)}}));
  standby_timer_ = context_.loop.after(kStandbyRetry, [this] { launch_standby(); });
}

}  // namespace nines::supervise
