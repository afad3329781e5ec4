// Service: its main process crashes, and the kernel may take long to write down what it was.

#include <signal.h>

#include <algorithm>

#include "app/supervise/crash_handover.h"
#include "app/supervise/event_detail.h"
#include "app/supervise/service.h"
#include "base/fault_point.h"

namespace nines::supervise {

bool Service::early_start_possible() const {
  const unit::ServiceSection& service = spec().service;
  const unit::CrashHandover handover = spec().nines.crash_handover;
  if (handover == unit::CrashHandover::kWait) return false;
  const bool one_process = service.type == unit::ServiceType::kSimple ||
                           service.type == unit::ServiceType::kExec ||
                           service.type == unit::ServiceType::kNotify;
  return one_process && state_.wanted && service.exec_stop_post.empty() &&
         service.restart_prevent.signals.empty() &&
         (!service.restart_sec || service.restart_sec->count() == 0) &&
         policy_restarts(effective_policy(service), Outcome::kCoreDump) &&
         (handover == unit::CrashHandover::kEarly || !observer_.listen_fds(*this).empty());
}

bool Service::is_crashing_main(const sys::Pidfd& process, pid_t pid) const {
  const auto same = [&](const LiveProcess& known) {
    // Neither has ended, so the number is that of one process.
    return known.id.pid == pid && known.pidfd.valid() && !known.pidfd.has_exited() &&
           !process.has_exited();
  };
  return (main_.valid() && same(main_)) || std::any_of(dying_.begin(), dying_.end(), same);
}

std::string Service::end_event(pid_t pid) const {
  if (main_.id.pid == pid) return state_.invocation_id.str() + "-unit.exit";
  for (std::size_t i = 0; i < dying_.size(); ++i) {
    if (dying_[i].id.pid == pid) return state_.dying[i].invocation_id.str() + "-unit.crash";
  }
  return {};
}

void Service::on_crash_notice(pid_t pid, const std::string& notice) {
  if (state_.phase != Phase::kRunning || !main_.valid() || main_.id.pid != pid) return;
  if (!early_start_possible()) return;
  const BootTime when = down_since(boot_now());
  interrupt_rejuvenation(when);
  // A spare at once; before a successor the port must be free, and to take it from a process that
  // gets no CPU would take long.
  if (standby_.valid()) give_way(main_.pidfd, pid, LeaveThisCpu::kNo);
  const bool spare_serves = thaw_standby();
  const bool frees_port = !spare_serves && takes_listeners();
  // A look at all that it has open takes as long as half of the rest: what was known before, first.
  const bool knew = frees_port && handover_ && close_listeners(handover_->listeners) > 0;
  if (frees_port && !knew) (void)close_listeners(find_listeners(main_.pidfd, pid));
  if (frees_port) fault::pass(FaultPoint::port_freed);
  if (!standby_.valid()) give_way(main_.pidfd, pid, LeaveThisCpu::kYes);
  stop_watching();
  state_.dying.push_back(std::exchange(state_.main, {}));
  dying_.push_back(std::exchange(main_, LiveProcess{}));
  dying_.edit().back().crashed = when;
  // Which signal it was the exit record will tell, once the dump is over.
  state_.last_exit = {sys::ExitStatus::Kind::kDumped, 0};
  state_.last_result = "crashed (being dumped)";
  state_.pending_outcome = Outcome::kCoreDump;
  const std::string event = emit_once("unit.crash", ledger::Severity::kError,
                                      detail({{"pid", std::to_string(pid)}, {"notice", notice}}));
  open_downtime(when, false, event);
  if (spare_serves) {
    promote_standby(when);
    return;
  }
  kill_leftovers_now();
  finish_down();
  // What it had opened since, before the successor gets as far as that address.
  if (knew && !dying_.empty() && dying_.back().id.pid == pid) {
    (void)close_listeners(find_listeners(dying_.back().pidfd, pid));
  }
}

std::string Service::watchdog_evidence() const {
  if (state_.pending_outcome != Outcome::kWatchdog) return {};
  return state_.last_result.get();
}

void Service::on_diagnosed(const std::string& signature, const std::string& text, BootTime when) {
  record_crash(signature, when, state_.restart);
  // Unless it has ended in another way since.
  if (state_.last_exit.by_signal()) state_.last_result = text;
  save();
}

bool Service::takes_listeners() const {
  // Not those that we hold, for it or in its store: what it has are copies, and ours would end too.
  return spec().nines.crash_handover == unit::CrashHandover::kEarly && fd_store_.empty() &&
         observer_.listen_fds(*this).empty();
}

void Service::kill_leftovers_now() {
  const auto pids = cgroup_for(Role::kMain)->processes();
  if (!pids) return;
  for (const pid_t pid : *pids) {
    bool spared = standby_.valid() && standby_.id.pid == pid;
    for (const LiveProcess& process : dying_) spared = spared || process.id.pid == pid;
    if (spared) continue;
    if (const auto pidfd = sys::Pidfd::open(pid)) {
      (void)pidfd->send_signal(SIGKILL).has_value();
    }
  }
}

}  // namespace nines::supervise
