// Service: its main process crashes, and the kernel may take long to write down what it was.

#include <signal.h>

#include <algorithm>
#include <set>

#include "app/supervise/crash_handover.h"
#include "app/supervise/crash_peers.h"
#include "app/supervise/event_detail.h"
#include "app/supervise/service.h"
#include "base/fault_point.h"
#include "sys/file.h"

namespace nines::supervise {

bool Service::early_start_possible() const {
  const unit::ServiceSection& service = spec().service;
  const unit::CrashHandover handover = spec().nines.crash_handover;
  if (handover == unit::CrashHandover::kWait || handover == unit::CrashHandover::kKillDump) {
    return false;
  }
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

CrashedUnit Service::crashed_unit(pid_t pid) const {
  const unit::NinesSection& nines = spec().nines;
  CrashedUnit crashed;
  crashed.name = unit().name;
  crashed.core = nines.crash_core;
  crashed.core_limit = nines.crash_core_limit;
  crashed.kill_dump = nines.crash_handover == unit::CrashHandover::kKillDump;
  crashed.end_event = end_event(pid);
  crashed.log = log_path();
  crashed.successor_serves =
      std::any_of(dying_.begin(), dying_.end(), [&](const auto& one) { return one.id.pid == pid; });
  crashed.successor_waits = main_.id.pid == pid && state_.wanted &&
                            policy_restarts(effective_policy(spec().service), Outcome::kCoreDump);
  return crashed;
}

void Service::on_crash_notice(pid_t pid, const std::string& notice) {
  if (state_.phase != Phase::kRunning || !main_.valid() || main_.id.pid != pid) return;
  if (spec().nines.crash_handover == unit::CrashHandover::kKillDump && dump_is_not_ours()) {
    (void)main_.pidfd.send_signal(SIGKILL).has_value();  // ends the kernel's writing
    return;
  }
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
  release_peers(dying_.back());
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

void Service::release_peers(const LiveProcess& process) {
  std::set<std::uint64_t> spared;
  for (const auto& [name, fd] : fd_store_) spared.insert(socket_cookie(fd.get()));
  peers_ = std::make_unique<CrashPeers>(process.pidfd, process.id.pid, std::move(spared));
  // The successor first: what is done here costs some microseconds for each connection.
  peers_timer_ = context_.loop.after(Nanoseconds(0), [this] { release_more_peers(); });
}

void Service::release_more_peers() {
  constexpr std::size_t kAtOnce = 64;
  if (!peers_->shut_down_some(kAtOnce)) return peers_.reset();
  peers_timer_ = context_.loop.after(Nanoseconds(0), [this] { release_more_peers(); });
}

bool Service::dump_is_not_ours() const {
  // Either of our patterns names the runtime directory.
  const auto pattern = sys::read_file("/proc/sys/kernel/core_pattern", Bytes{4096});
  return pattern && pattern->find(context_.runtime_dir + "/") == pattern->npos &&
         pattern->find(" " + context_.runtime_dir + " ") == pattern->npos;
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
