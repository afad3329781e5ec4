#include "daemon/unit_status.h"

#include <fmt/format.h>

namespace nines::daemon {
namespace {

using supervise::Phase;

api::UnitState state_of(const supervise::Service& service) {
  switch (service.state().phase) {
    case Phase::kDead:
      return service.state().last_result.get() == "condition not met"
                 ? api::UnitState::kConditionFailed
                 : api::UnitState::kStopped;
    case Phase::kCondition:
    case Phase::kStartPre:
    case Phase::kStart:
    case Phase::kStartPost: return api::UnitState::kStarting;
    case Phase::kRunning:
    case Phase::kExited: return api::UnitState::kRunning;
    case Phase::kReload: return api::UnitState::kReloading;
    case Phase::kStop:
    case Phase::kStopSignal:
    case Phase::kFinalKill:
    case Phase::kStopPost: return api::UnitState::kStopping;
    case Phase::kWaitRestart: return api::UnitState::kWaitingRestart;
    case Phase::kFailed: return api::UnitState::kFailed;
  }
  return api::UnitState::kStopped;
}

std::string sub_state_of(const supervise::Service& service) {
  const supervise::UnitState& state = service.state();
  if (state.phase == Phase::kWaitRestart) {
    const Nanoseconds left = state.restart_due - boot_now();
    return fmt::format("restart {} in {}", state.restart.attempt,
                       to_human(std::max(left, Nanoseconds(0))));
  }
  if (service.is_active() && !state.status_text.empty()) return state.status_text;
  return std::string(to_string(state.phase));
}

void describe_service(const supervise::Service& service, api::UnitStatus& out) {
  const supervise::UnitState& state = service.state();
  out.state = state_of(service);
  out.sub_state = sub_state_of(service);
  if (service.main_pid() > 0) out.main_pid = service.main_pid();
  if (service.standby_pid() > 0) out.standby_pid = service.standby_pid();
  if (state.phase_since.ns != 0) {
    const Nanoseconds ago = boot_now() - state.phase_since;
    out.since = UtcTime{utc_now().ns - ago.count()};
  }
  if (service.is_active() && state.was_ready) {
    out.uptime = boot_now() - state.active_since_boot;
    out.since = state.active_since;
  }
  out.restarts = state.restart.total_restarts;
  out.last_exit = state.last_result;
  if (state.last_recovery.count() >= 0) {
    out.last_recovery_ms = static_cast<double>(state.last_recovery.count()) / 1e6;
  }
  if (service.healthy()) out.health = *service.healthy() ? api::Health::kOk : api::Health::kFailing;
  out.health_detail = service.health_detail();
  if (service.main_pid() > 0) {
    const sys::CgroupUsage usage = service.usage();
    out.memory = usage.memory;
    out.cpu_usec = usage.cpu_usec;
    out.tasks = usage.tasks;
  }
  out.fd_store = state.fd_store.size();
  out.availability_target = service.spec().nines.availability_target;
  if (state.downtime) {
    out.downtime = api::OpenDowntime{state.downtime->start, state.downtime->planned,
                                     state.downtime->cause_event};
  }
}

}  // namespace

api::UnitStatus describe_unit(const supervise::UnitEntry& entry) {
  api::UnitStatus out;
  out.name = entry.unit->name;
  out.description = entry.unit->unit.description;
  out.files = entry.unit->files;
  out.kept = entry.kept;
  if (entry.service) {
    describe_service(*entry.service, out);
    return out;
  }
  out.state = entry.is_active() ? api::UnitState::kRunning : api::UnitState::kStopped;
  if (entry.socket) {
    out.sub_state = entry.is_active() ? "listening" : "closed";
    for (const unit::SocketListen& listen : entry.unit->socket()->listen) {
      if (entry.is_active()) out.listeners.push_back(listen.text);
    }
  }
  return out;
}

api::LogLine parse_log_line(std::string_view line) {
  // LogCapture writes "2026-11-22T22:08:01.123Z text".
  constexpr std::size_t kStamp = 24;
  api::LogLine out;
  out.stream = "out";
  if (line.size() > kStamp && line[kStamp] == ' ') {
    if (const auto time = parse_iso8601(line.substr(0, kStamp))) {
      out.time = *time;
      out.text = line.substr(kStamp + 1);
      return out;
    }
  }
  out.text = line;
  return out;
}

}  // namespace nines::daemon
